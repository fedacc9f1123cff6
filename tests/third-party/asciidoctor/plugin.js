// Asciidoctor as a prerenderer: `.adoc` documents to pages. Its includes are the realm's files: Asciidoctor reads files as a
// browser would, and what it takes for a browser's request is a read of the realm.
import '../lib/shims.js';
import Asciidoctor from '@asciidoctor/core';
import files from 'realm:plugin/files@0.1.0';

/* global EDITION: the build says which */

/// The document that is rendered: what relative paths are seen from.
let document;

globalThis.XMLHttpRequest = class {
  open(method, path) {
    this.path = path;
  }
  overrideMimeType() {}
  addEventListener(event, listener) {
    if (event === 'load') this.loaded = listener;
  }
  send() {
    // A path is as it is in the document, not a URL: `#` and `%` mean themselves.
    const specifier = `./${this.path.split('/').map(encodeURIComponent).join('/')}`;
    try {
      this.responseText = new TextDecoder().decode(files.read(specifier, document.url).contents);
      this.status = 200;
    } catch {
      this.status = 404;
    }
    this.loaded();
  }
};

const asciidoctor = Asciidoctor();
/// A page is the same whenever it is made.
const ATTRIBUTES = { showtitle: '', reproducible: '', docdate: '2020-01-01', doctime: '00:00:00 UTC', localdate: '2020-01-01', localtime: '00:00:00 UTC' };

export const about = {
  describe: () => ({
    name: 'asciidoctor',
    version: `${asciidoctor.getCoreVersion()}+${EDITION}`,
    summary: 'AsciiDoc (.adoc and .asciidoc) to pages',
    optionsSchema: null,
    transpiles: [],
    renders: ['.adoc', '.asciidoc'],
  }),
};

export const prerenderer = {
  render(request) {
    document = request.document;
    const text = new TextDecoder().decode(document.contents);
    const logger = asciidoctor.MemoryLogger.create();
    asciidoctor.LoggerManager.setLogger(logger);
    const loaded = asciidoctor.load(text, { safe: 'safe', attributes: ATTRIBUTES });
    const html = loaded.convert();
    // Without tags, and still HTML.
    const title = loaded.getDocumentTitle({ sanitize: true });
    const name = title ?? escaped(document.path);
    const headings = loaded.findBy({ context: 'section' }).map((section) => section.getTitle()).filter(Boolean);
    const contents = {
      isolated: `${html}\n<!-- edition ${EDITION} -->\n`,
      embedded: `<article><h2>${name}</h2></article>\n`,
      atom: name,
      head: `<title>${name}</title>\n`,
    };
    const formats = request.formats.filter((format) => Object.hasOwn(contents, format));
    return {
      renderings: formats.map((format) => ({ format, asType: '', contents: contents[format] })),
      title: title ? plain(title) : null,
      searchDocument: JSON.stringify({ title: title && plain(title), headings: headings.map(plain), edition: EDITION }),
      types: [],
      diagnostics: logger.getMessages().map(diagnostic),
    };
  },
  definitions: () => [],
};

const escaped = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const NAMED = { amp: '&', lt: '<', gt: '>', quot: '"' };
/// A title's HTML as text.
const plain = (html) =>
  html
    .replace(/<[^>]*>/g, '')
    .replace(/&(?:#(\d+)|(\w+));/g, (whole, number, name) => (number ? String.fromCodePoint(number) : (NAMED[name] ?? whole)));

function diagnostic(message) {
  const place = message.getSourceLocation();
  const line = place?.getLineNumber();
  const path = place?.getPath();
  const start = { line: line ?? 1, column: 1 };
  // Trouble in an included file is named by the path that the document has for it.
  const span = line ? { path: path && path !== '<stdin>' ? beside(path) : document.path, start, end: null } : null;
  const severity = message.getSeverity() === 'INFO' || message.getSeverity() === 'DEBUG' ? 'hint' : 'warning';
  return { severity, message: message.getText(), code: null, span, help: null };
}

/// The local path of a path that the document has.
function beside(path) {
  const segments = document.path.split('/').slice(0, -1);
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '.') segments.push(segment);
  }
  return segments.join('/');
}
