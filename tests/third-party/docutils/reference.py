"""What docutils itself makes of the documents, with a file system: `<out>/<path>`, or `<path>.refused` with the line where it
finds something severe.

    python reference.py <inputs> <out>
"""

import mimetypes
import os
import sys
from pathlib import Path

import docutils.core
from docutils.parsers.rst import directives
from docutils.readers import standalone

SEVERE = 4
SETTINGS = {
    "_disable_config": True,
    "embed_stylesheet": False,
    "halt_level": 5,
    "output_encoding": "unicode",
    "raw_enabled": False,
    "report_level": 2,
    "stylesheet_path": "",
    "syntax_highlight": "none",
    "traceback": True,
    "warning_stream": False,
}


# As the plugin: what the machine says of types must not matter.
mimetypes.knownfiles = []


class Reader(standalone.Reader):
    severe = None

    def new_document(self):
        document = super().new_document()
        document.reporter.attach_observer(self.note)
        return document

    def note(self, message):
        if message["level"] >= SEVERE and self.severe is None:
            self.severe = message.get("line", 0)


inputs, out = Path(sys.argv[1]), Path(sys.argv[2]).absolute()
# Messages name files as they are seen from here.
os.chdir(inputs)
for path in sorted(Path().rglob("*.rst")):
    text = path.read_text(encoding="utf-8-sig")
    # What differs from day to day, and from machine to machine.
    if "date::" in text or "/etc/passwd" in text:
        continue
    reader = Reader()
    page = docutils.core.publish_string(
        text, str(path), str(path), reader=reader, writer="html5", settings_overrides=SETTINGS
    )
    to = out / path
    to.parent.mkdir(parents=True, exist_ok=True)
    if reader.severe is None:
        to.write_text(page, encoding="utf-8")
    else:
        Path(f"{to}.refused").write_text(str(reader.severe))
