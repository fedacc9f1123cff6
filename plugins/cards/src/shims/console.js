// `console`: lines for the host's log.
(native) => {
  const { log } = native;
  const show = (value, depth) => {
    switch (typeof value) {
      case "string":
        return depth === 0 ? value : JSON.stringify(value);
      case "bigint":
        return `${value}n`;
      case "symbol":
        return value.toString();
      case "function":
        return `[function ${value.name || "anonymous"}]`;
      case "object":
        break;
      default:
        return String(value);
    }
    if (value === null) return "null";
    if (value instanceof Error) return value.stack ? `${value}\n${value.stack}` : String(value);
    if (depth > 3) return Array.isArray(value) ? "[…]" : "{…}";
    if (value instanceof Date || value instanceof RegExp) return String(value);
    if (Array.isArray(value)) return `[${value.slice(0, 100).map((item) => show(item, depth + 1)).join(", ")}]`;
    if (value instanceof Map) return `Map ${show([...value], depth + 1)}`;
    if (value instanceof Set) return `Set ${show([...value], depth + 1)}`;
    const items = Object.keys(value).slice(0, 100).map((key) => `${key}: ${show(value[key], depth + 1)}`);
    return `{ ${items.join(", ")} }`;
  };
  const write = (level) => (...values) => log(level, values.map((value) => show(value, 0)).join(" "));
  const nothing = () => {};
  const console = {
    log: write("info"), info: write("info"), debug: write("debug"), trace: write("trace"), warn: write("warn"),
    error: write("error"), dir: write("info"), table: write("info"), group: write("info"), groupCollapsed: write("info"),
    assert: (held, ...values) => {
      if (!held) console.error("Assertion failed", ...values);
    },
    groupEnd: nothing, time: nothing, timeEnd: nothing, timeLog: nothing, count: nothing, countReset: nothing, clear: nothing,
  };
  return { console };
}
