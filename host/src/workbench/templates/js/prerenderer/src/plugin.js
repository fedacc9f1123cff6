// `{{name}}`: notes as pages. A note is a title, an empty line, and paragraphs; `[[cats]]` links to `cats.note`.

import "./shims.js";
import files from "realm:plugin/files@{{contract}}";

export const about = {
  describe() {
    return {
      name: "{{name}}",
      version: "0.1.0",
      summary: "Notes as pages",
      optionsSchema: null,
      transpiles: [],
      renders: [".note"],
    };
  },
};

export const prerenderer = {
  render({ document, formats }) {
    const text = decode(document.contents);
    const [first, ...rest] = text.split("\n");
    const title = first.trim();
    if (title === "") {
      const span = place(text, document.path, 0, 0);
      const help = "write the title on the first line";
      // What is thrown is the failure of the contract: `invalid` with diagnostics, `unreadable`, or `declined`.
      throw {
        tag: "invalid",
        val: [{ severity: "error", message: "a note begins with its title", code: "title", span, help }],
      };
    }
    const diagnostics = [];
    const body = rest.join("\n");
    const link = (name, start) => {
      const specifier = `./${name}.note`;
      try {
        // The host remembers that this was read, and renders again when it changes.
        const note = decode(files.read(specifier, document.url).contents);
        return `<a href="${escape(specifier)}">${escape(note.split("\n")[0].trim())}</a>`;
      } catch {
        const span = place(text, document.path, start, start + name.length + 4);
        const message = `there is no note \`${name}\``;
        diagnostics.push({ severity: "warning", message, code: "link", span, help: null });
        return escape(name);
      }
    };
    let paragraphs = "";
    let begin = first.length + 1;
    for (const paragraph of body.split("\n\n")) {
      const start = begin + paragraph.length - paragraph.trimStart().length;
      begin += paragraph.length + 2;
      const parts = paragraph.trim();
      if (parts === "") continue;
      let html = "";
      let done = 0;
      for (const found of parts.matchAll(/\[\[(.*?)\]\]/gsu)) {
        html += escape(parts.slice(done, found.index)) + link(found[1], start + found.index);
        done = found.index + found[0].length;
      }
      paragraphs += `<p>${html}${escape(parts.slice(done))}</p>\n`;
    }
    const shown = escape(title);
    const all = {
      isolated: `<h1>${shown}</h1>\n${paragraphs}`,
      embedded: `<h2>${shown}</h2>\n`,
      atom: shown,
      head: `<title>${shown}</title>\n`,
    };
    const renderings = Object.entries(all)
      .filter(([format]) => formats.includes(format))
      .map(([format, contents]) => ({ format, asType: "", contents }));
    const searchDocument = JSON.stringify({ title, text: body.trim() });
    return { renderings, title, searchDocument, types: [], diagnostics };
  },

  // What modules define; notes know nothing of that.
  definitions() {
    return [];
  },
};

const decode = (bytes) => new TextDecoder().decode(bytes);

// What comes from a document is text, wherever it stands in a page.
const escape = (text) =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

// Lines and columns count from 1; a column counts UTF-16 code units, as a string of JavaScript does.
function place(text, path, start, end) {
  const at = (offset) => {
    const lines = text.slice(0, offset).split("\n");
    return { line: lines.length, column: lines.at(-1).length + 1 };
  };
  return { path, start: at(start), end: at(end) };
}
