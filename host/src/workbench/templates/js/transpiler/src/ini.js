// What an INI file says: the values, and what is wrong with it.
export function parse(text, path, { lowercase = false }) {
  // Without a prototype, so that any name is but a name.
  const values = Object.create(null);
  const errors = [];
  const warnings = [];
  const name = (text) => (lowercase ? text.trim().toLowerCase() : text.trim());
  let section = values;
  for (const [number, whole] of text.split("\n").entries()) {
    const line = whole.trim();
    if (line === "" || line.startsWith(";") || line.startsWith("#")) continue;
    const column = whole.length - whole.trimStart().length + 1;
    const span = {
      path,
      start: { line: number + 1, column },
      end: { line: number + 1, column: column + line.length },
    };
    if (line.startsWith("[") && line.endsWith("]")) {
      const inner = name(line.slice(1, -1));
      if (typeof values[inner] !== "object") values[inner] = Object.create(null);
      section = values[inner];
      continue;
    }
    const at = line.indexOf("=");
    const key = name(line.slice(0, Math.max(at, 0)));
    if (key === "") {
      errors.push({
        severity: "error",
        message: "neither a section nor a value",
        code: "syntax",
        span,
        help: "write `[section]` or `name = value`",
      });
      continue;
    }
    if (key in section) {
      const message = `\`${key}\` is there twice; the last one holds`;
      warnings.push({ severity: "warning", message, code: "twice", span, help: null });
    }
    section[key] = line.slice(at + 1).trim();
  }
  return { values, errors, warnings };
}
