"""`{{name}}`: notes as pages. A note is a title, an empty line, and paragraphs; `[[cats]]` links to `cats.note`."""

import codecs
import html
import json
import re

from componentize_py_types import Err
from wit_world.exports import about, prerenderer
from wit_world.imports import files, types

# A codec is a module, loaded when it is first asked for: now, for a call has no files.
for codec in ("utf-16-le", "utf-8", "utf-8-sig"):
    codecs.lookup(codec)


class About:
    def describe(self) -> about.Description:
        return about.Description(
            name="{{name}}",
            version="0.1.0",
            summary="Notes as pages",
            options_schema=None,
            transpiles=[],
            renders=[".note"],
        )


class Prerenderer:
    def render(self, request: prerenderer.Request) -> prerenderer.Rendition:
        document = request.document
        text = decode(document.contents)
        first, _, rest = text.partition("\n")
        title = first.strip()
        if title == "":
            span = place(text, document.path, 0, 0)
            message, help = "a note begins with its title", "write the title on the first line"
            error = types.Diagnostic(types.Severity.ERROR, message, "title", span, help)
            # What is raised is the failure of the contract: `invalid` with diagnostics, `unreadable`, or `declined`.
            raise Err(types.Failure_Invalid([error]))
        diagnostics = []

        def link(name: str, start: int) -> str:
            specifier = f"./{name}.note"
            try:
                # The host remembers that this was read, and renders again when it changes.
                note = decode(files.read(specifier, document.url).contents)
            except Err:
                span = place(text, document.path, start, start + len(name) + 4)
                message = f"there is no note `{name}`"
                warning = types.Diagnostic(types.Severity.WARNING, message, "link", span, None)
                diagnostics.append(warning)
                return escape(name)
            heading = note.partition("\n")[0].strip()
            return f'<a href="{escape(specifier)}">{escape(heading)}</a>'

        paragraphs = ""
        begin = len(first) + 1
        for paragraph in rest.split("\n\n"):
            start = begin + len(paragraph) - len(paragraph.lstrip())
            begin += len(paragraph) + 2
            parts = paragraph.strip()
            if parts == "":
                continue
            shown, done = "", 0
            for found in re.finditer(r"\[\[(.*?)\]\]", parts, re.DOTALL):
                shown += escape(parts[done : found.start()]) + link(found[1], start + found.start())
                done = found.end()
            paragraphs += f"<p>{shown}{escape(parts[done:])}</p>\n"
        name = escape(title)
        formats = {
            "isolated": f"<h1>{name}</h1>\n{paragraphs}",
            "embedded": f"<h2>{name}</h2>\n",
            "atom": name,
            "head": f"<title>{name}</title>\n",
        }
        return prerenderer.Rendition(
            renderings=[
                prerenderer.Rendering(format, "", contents)
                for format, contents in formats.items()
                if format in request.formats
            ],
            title=title,
            search_document=json.dumps({"title": title, "text": rest.strip()}),
            types=[],
            diagnostics=diagnostics,
        )

    def definitions(self, url: str, options: str) -> list[prerenderer.Definition]:
        """What modules define; notes know nothing of that."""
        return []


def decode(contents: bytes) -> str:
    return contents.decode("utf-8-sig", errors="replace")


def escape(text: str) -> str:
    """What comes from a document is text, wherever it stands in a page."""
    return html.escape(text).replace("&#x27;", "'")


def place(text: str, path: str, start: int, end: int) -> types.Span:
    """Lines and columns count from 1; a column counts UTF-16 code units."""

    def at(offset: int) -> types.Position:
        lines = text[:offset].split("\n")
        return types.Position(len(lines), len(lines[-1].encode("utf-16-le")) // 2 + 1)

    return types.Span(path, at(start), at(end))
