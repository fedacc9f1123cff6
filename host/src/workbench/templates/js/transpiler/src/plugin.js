// `{{name}}`: INI files as JavaScript modules. `import settings from "./site.ini"` gives an object of sections.

import "./shims.js";
import { parse } from "./ini.js";

export const about = {
  describe() {
    return {
      name: "{{name}}",
      version: "0.1.0",
      summary: "INI files as JavaScript modules",
      optionsSchema: JSON.stringify({
        type: "object",
        additionalProperties: false,
        properties: { lowercase: { type: "boolean", description: "names in small letters" } },
      }),
      transpiles: [{ takes: ".ini", gives: ".js", mediaType: "text/javascript" }],
      renders: [],
    };
  },
};

export const transpiler = {
  transpile({ input, options }) {
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(input.contents);
    } catch {
      const message = "the file is not UTF-8 text";
      throw invalid([{ severity: "error", message, code: "encoding", span: null, help: null }]);
    }
    const { values, errors, warnings } = parse(text, input.path, JSON.parse(options));
    // What is thrown is the failure of the contract: `invalid` with diagnostics, `unreadable`, or `declined`.
    if (errors.length > 0) throw invalid([...errors, ...warnings]);
    return {
      contents: new TextEncoder().encode(`export default ${JSON.stringify(values, null, 2)};\n`),
      sourceMap: null,
      assets: [],
      imports: [],
      diagnostics: warnings,
    };
  },
};

const invalid = (diagnostics) => ({ tag: "invalid", val: diagnostics });
