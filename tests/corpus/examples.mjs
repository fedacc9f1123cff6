// The examples of the specifications of Markdown, for the tests of plugins/markdown: prints the path of a JSON file
// `{commonmark: [{number, section, markdown, html}], gfm: […]}`.
//
//   node examples.mjs [--out DIR]
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchFiles } from './lib/tarballs.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const FENCE = '`'.repeat(32);

/// The specification's own text: an example is Markdown and HTML with a `.` between them, inside a fence.
function commonmark(text) {
  const example = new RegExp(`^${FENCE} example\\n([^]*?)^\\.\\n([^]*?)^${FENCE}$|^#{1,6} (.*)$`, 'gm');
  const examples = [];
  let section = '';
  for (const [, markdown, html, heading] of text.matchAll(example)) {
    if (heading) section = heading;
    else examples.push({ number: examples.length + 1, section, markdown: tabs(markdown), html: tabs(html) });
  }
  return examples;
}

const tabs = (text) => text.replaceAll('→', '\t');

/// GitHub's specification is CommonMark's of 2019 with sections of its own; the rest of it is in the newer one.
async function gfm(code) {
  const module = await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`);
  return module.default.testCases
    .filter(({ section }) => section.includes('(extension)'))
    .map(({ example, section, markdown, html }) => ({ number: example, section, markdown, html }));
}

try {
  const { values: options } = parseArgs({
    options: { out: { type: 'string', default: path.join(HERE, '..', '..', 'corpus') } },
  });
  const pins = JSON.parse(fs.readFileSync(path.join(HERE, 'examples.json'), 'utf8'));
  const inputs = [JSON.stringify(pins), fs.readFileSync(fileURLToPath(import.meta.url))];
  const hash = inputs.reduce((hash, input) => hash.update(input), createHash('sha256')).digest('hex');
  const to = path.join(path.resolve(options.out), `markdown-examples-${hash.slice(0, 16)}.json`);
  if (!fs.existsSync(to)) {
    const text = (pin) => fetchFiles(pin)[0].bytes.toString('utf8');
    const examples = { commonmark: commonmark(text(pins.commonmark)), gfm: await gfm(text(pins.gfm)) };
    fs.mkdirSync(path.dirname(to), { recursive: true });
    // At once, so that an interrupted fetch leaves nothing and two at a time do not meet.
    const part = `${to}.${process.pid}`;
    fs.writeFileSync(part, JSON.stringify(examples));
    fs.renameSync(part, to);
  }
  console.log(to);
} catch (error) {
  console.error(`corpus: ${error.message}`);
  process.exitCode = 1;
}
