"""`{{name}}`: INI files as JavaScript modules. `import settings from "./site.ini"` gives an object of sections."""

import codecs
import json

from componentize_py_types import Err
from wit_world.exports import about, transpiler
from wit_world.imports import types

# A codec is a module, loaded when it is first asked for: now, for a call has no files.
for codec in ("utf-16-le", "utf-8", "utf-8-sig"):
    codecs.lookup(codec)

OPTIONS = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"lowercase": {"type": "boolean", "description": "names in small letters"}},
}


class About:
    def describe(self) -> about.Description:
        return about.Description(
            name="{{name}}",
            version="0.1.0",
            summary="INI files as JavaScript modules",
            options_schema=json.dumps(OPTIONS),
            transpiles=[about.Rule(takes=".ini", gives=".js", media_type="text/javascript")],
            renders=[],
        )


class Transpiler:
    def transpile(self, request: transpiler.Request) -> transpiler.Output:
        try:
            text = request.input.contents.decode("utf-8-sig")
        except UnicodeDecodeError:
            message = "the file is not UTF-8 text"
            raise invalid([types.Diagnostic(types.Severity.ERROR, message, "encoding", None, None)])
        lowercase = json.loads(request.options).get("lowercase", False)
        values, errors, warnings = parse(text, request.input.path, lowercase)
        # What is raised is the failure of the contract: `invalid` with diagnostics, `unreadable`, or `declined`.
        if errors:
            raise invalid(errors + warnings)
        module = f"export default {json.dumps(values, indent=2, ensure_ascii=False)};\n"
        return transpiler.Output(
            contents=module.encode(), source_map=None, assets=[], imports=[], diagnostics=warnings
        )


def invalid(diagnostics: list[types.Diagnostic]) -> Err:
    return Err(types.Failure_Invalid(diagnostics))


def parse(text: str, path: str, lowercase: bool):
    """The values, and what is wrong with them."""
    values: dict = {}
    errors, warnings = [], []
    section = values
    name = lambda text: text.strip().lower() if lowercase else text.strip()
    for number, whole in enumerate(text.split("\n"), start=1):
        line = whole.strip()
        if line == "" or line[0] in ";#":
            continue
        column = units(whole[: len(whole) - len(whole.lstrip())]) + 1
        start, end = types.Position(number, column), types.Position(number, column + units(line))
        span = types.Span(path, start, end)
        if line.startswith("[") and line.endswith("]"):
            inner = name(line[1:-1])
            if not isinstance(values.get(inner), dict):
                values[inner] = {}
            section = values[inner]
            continue
        key, equals, value = line.partition("=")
        key = name(key)
        if not equals or key == "":
            message, help = "neither a section nor a value", "write `[section]` or `name = value`"
            errors.append(types.Diagnostic(types.Severity.ERROR, message, "syntax", span, help))
            continue
        if key in section:
            message = f"`{key}` is there twice; the last one holds"
            warnings.append(types.Diagnostic(types.Severity.WARNING, message, "twice", span, None))
        section[key] = value.strip()
    return values, errors, warnings


def units(text: str) -> int:
    """Columns count UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2
