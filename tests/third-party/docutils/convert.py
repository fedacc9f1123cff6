"""docutils with the realm's files in place of a file system."""

import importlib
import mimetypes
import os
import pkgutil
from pathlib import Path

import docutils
import docutils.core
import docutils.io
import docutils.languages
import docutils.parsers.rst.directives
import docutils.parsers.rst.languages
import docutils.transforms
import docutils.utils
import docutils.utils.math
from docutils.parsers.rst import Directive, Parser, directives, states
from docutils.parsers.rst.directives import tables
from docutils.readers import standalone
from docutils.writers import _html_base, html5_polyglot

# What a document may have docutils do: read files of its realm, and nothing else.
SETTINGS = {
    "_disable_config": True,
    "embed_stylesheet": False,
    "halt_level": 5,
    "input_encoding": "utf-8",
    "output_encoding": "unicode",
    "raw_enabled": False,
    "report_level": 2,
    "stylesheet_path": "",
    "syntax_highlight": "none",
    "traceback": True,
    "warning_stream": False,
}

# How a file of the realm is read: its bytes, or `None`; set for each call.
read = None

# Paths are seen from the realm's root. With `/` for it, docutils would find nothing in common between two of them, and name
# files from there. A realm has no links, and no file system to look for them in.
os.getcwd = lambda: "/realm"
os.path.realpath = lambda path, **_: os.path.abspath(path)

# A component has no files at run time, so what docutils brings along is read while it is built.
INCLUDES = Path(states.__file__).parent / "include"
BROUGHT_ALONG = {
    docutils.utils.relative_path(None, path): path.read_text(encoding="utf-8")
    for path in INCLUDES.glob("*.txt")
}
TEMPLATE = Path(html5_polyglot.Writer.default_template).read_text(encoding="utf-8")


# Types of images are those that Python knows by itself; it would look for more in files of the machine's.
mimetypes.knownfiles = []
mimetypes.init()


def contents(path):
    """A file of the realm's."""
    found = read and read(str(path))
    if found is None:
        raise FileNotFoundError(2, "No such file or directory", str(path))
    return found


class RealmPath:
    """What images are read by that become part of a page."""

    def __init__(self, path):
        self.path = path

    def read_bytes(self):
        return contents(self.path)

    def read_text(self, encoding):
        return self.read_bytes().decode(encoding)


_html_base.Path = RealmPath


def no_network(url):
    raise ValueError(f"{url} is not of this realm")


tables.urlopen = no_network


class RealmInput(docutils.io.StringInput):
    """What docutils reads another file by."""

    def __init__(self, source=None, source_path=None, encoding="utf-8", error_handler="strict", **_):
        path = str(source_path)
        text = BROUGHT_ALONG.get(path)
        if text is None:
            try:
                text = contents(path).decode("utf-8")
            except (OSError, UnicodeDecodeError):
                pass
        if text is None:
            raise docutils.io.InputError(2, "No such file or directory", path)
        super().__init__(text, path, "unicode", error_handler)


docutils.io.FileInput = tables.FileInput = RealmInput


class NoDate(Directive):
    """The day is not known here, and a page must not depend on it."""

    has_content = True

    def run(self):
        raise self.warning('The "date" directive is not available: a page is the same on every day.')


directives.register_directive("date", NoDate)


class Reader(standalone.Reader):
    """Hands on what docutils has to say of a document."""

    def __init__(self, messages):
        super().__init__()
        self.messages = messages

    def new_document(self):
        document = super().new_document()
        document.reporter.attach_observer(self.messages.append)
        return document


class Writer(html5_polyglot.Writer):
    """Has its template at hand."""

    def apply_template(self):
        return TEMPLATE % self.interpolation_dict()


def convert(text, path):
    """The page of a document, and the messages about it."""
    messages = []
    publisher = docutils.core.Publisher(
        reader=Reader(messages),
        parser=Parser(),
        writer=Writer(),
        source_class=docutils.io.StringInput,
        destination_class=docutils.io.StringOutput,
    )
    publisher.process_programmatic_settings(None, SETTINGS, None)
    publisher.set_source(text, path)
    # Images are seen from the page, which is where the document is.
    publisher.set_destination(None, path)
    return publisher.publish(), messages


def load_everything():
    """Modules cannot be looked for at run time either."""
    for package in (
        docutils.languages,
        docutils.parsers.rst.directives,
        docutils.parsers.rst.languages,
        docutils.transforms,
        docutils.utils.math,
    ):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("math2html"):
                importlib.import_module(module.name)
    convert(":math:`x`\n\n.. include:: <isonum.txt>\n\n.. code:: c\n\n   a\n", "warm.rst")


load_everything()
