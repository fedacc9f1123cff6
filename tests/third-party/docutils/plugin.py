"""docutils as a plugin: `.rst` to `.html`, with docutils' own warnings."""

import posixpath
from urllib.parse import quote

import docutils
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import about, transpiler
from wit_world.imports import files
from wit_world.imports.types import Diagnostic, Failure_Invalid, Position, Severity, Span

import convert
from edition import EDITION

# What docutils calls severe: there is no sensible output.
SEVERE = 4


class About(exports.About):
    def describe(self) -> about.Description:
        return about.Description(
            name="docutils",
            version=f"{docutils.__version__}.0+{EDITION}",
            summary="reStructuredText (.rst) to HTML",
            options_schema=None,
            transpiles=[about.Rule(".rst", ".html", "text/html")],
            renders=[],
        )


class Transpiler(exports.Transpiler):
    def transpile(self, request: transpiler.Request) -> transpiler.Output:
        file = request.input
        convert.read = lambda path: read(path, file)
        try:
            text = file.contents.decode("utf-8")
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-8"
            raise Err(Failure_Invalid([Diagnostic(Severity.ERROR, message, "encoding", None, "save it as UTF-8")]))
        page, messages = convert.convert(text, file.path)
        diagnostics = [diagnostic(message, file.path) for message in messages]
        if any(message["level"] >= SEVERE for message in messages):
            raise Err(Failure_Invalid(diagnostics))
        page = f"{page}<!-- edition {EDITION} -->\n"
        return transpiler.Output(page.encode("utf-8"), None, [], [], diagnostics)


def read(path, document):
    """A file by its path in the realm; a specifier is seen from the document."""
    specifier = "./" + quote(posixpath.relpath(path, posixpath.dirname(document.path) or "."))
    try:
        return files.read(specifier, document.url).contents
    except Err:
        return None


def diagnostic(message, path):
    """docutils knows lines, and no columns."""
    severity = Severity.ERROR if message["level"] >= SEVERE else Severity.WARNING
    line = message.get("line")
    span = line and Span(message.get("source") or path, Position(line, 1), None)
    text = message.children[0].astext() if message.children else message.astext()
    return Diagnostic(severity, text, message["type"].lower(), span or None, None)
