// Svelte's compiler as a plugin: `.svelte` to `.js`, with a map, a style sheet beside it, and its own warnings.
import '../lib/shims.js';
import { parse } from 'acorn';
import { compile, VERSION } from 'svelte/compiler';
import { walk } from 'zimmerframe';

/* global EDITION: the build says which */

const SCHEMA = {
  type: 'object',
  properties: {
    css: { enum: ['external', 'injected'], description: 'whether styles are an asset `.css` or part of the module' },
    runes: { type: 'boolean', description: 'whether runes are a must, or may not be; by default the component decides' },
  },
  additionalProperties: false,
};

export const about = {
  describe: () => ({
    name: 'svelte',
    version: `${VERSION}+${EDITION}`,
    summary: 'Svelte components (.svelte) to JavaScript and CSS',
    optionsSchema: JSON.stringify(SCHEMA),
    transpiles: [{ takes: '.svelte', gives: '.js', mediaType: 'text/javascript' }],
    renders: [],
  }),
};

export const transpiler = {
  transpile({ input, purpose, options }) {
    const { path } = input;
    let source;
    try {
      source = new TextDecoder().decode(input.contents);
    } catch (error) {
      throw invalid([{ severity: 'error', message: error.message, code: 'encoding', span: null, help: 'save it as UTF-8' }]);
    }
    let result;
    try {
      const generate = purpose === 'prerender' ? 'server' : 'client';
      result = compile(source, { css: 'external', ...JSON.parse(options), filename: path, rootDir: '', generate });
    } catch (error) {
      // Anything without a code is a bug of the compiler's, and no fault of the file.
      if (!error.code) throw error;
      throw invalid([diagnostic('error', error, path)]);
    }
    const { js, css, warnings } = result;
    const code = `${js.code}\n/* edition ${EDITION} */\n`;
    const assets = css ? [{ suffix: '.css', mediaType: 'text/css', contents: new TextEncoder().encode(css.code) }] : [];
    return {
      contents: new TextEncoder().encode(code),
      sourceMap: js.map.toString(),
      assets,
      imports: imports(js.code),
      diagnostics: warnings.map((warning) => diagnostic('warning', warning, path)),
    };
  },
};

const invalid = (diagnostics) => ({ tag: 'invalid', val: diagnostics });

/// Svelte counts lines from 1 and columns from 0.
function diagnostic(severity, { code, message, start, end }, path) {
  const position = (at) => at && { line: at.line, column: at.column + 1 };
  // The last line of a message is where it is explained.
  const [, text, help] = /^([^]*?)(?:\n(https:\S+))?$/.exec(message);
  const span = start ? { path, start: position(start), end: position(end) ?? null } : null;
  return { severity, message: text, code: code ?? null, span, help: help ?? null };
}

/// What a module imports, in source order, without duplicates.
function imports(code) {
  const found = new Set();
  const note = (node, { next }) => {
    if (typeof node.source?.value === 'string') found.add(node.source.value);
    next();
  };
  walk(parse(code, { ecmaVersion: 'latest', sourceType: 'module' }), null, {
    ImportDeclaration: note,
    ExportAllDeclaration: note,
    ExportNamedDeclaration: note,
    ImportExpression: note,
  });
  return [...found];
}
