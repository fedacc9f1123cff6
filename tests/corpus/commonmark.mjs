// CommonMark's own examples, for the tests of plugins/markdown: prints the path of the specification's text.
//
//   node commonmark.mjs [--out DIR]
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchFiles } from './lib/tarballs.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));

try {
  const { values: options } = parseArgs({
    options: { out: { type: 'string', default: path.join(HERE, '..', '..', 'corpus') } },
  });
  const pin = JSON.parse(fs.readFileSync(path.join(HERE, 'commonmark.json'), 'utf8'));
  const text = path.join(path.resolve(options.out), `${pin.package}.txt`);
  if (!fs.existsSync(text)) {
    const [spec] = fetchFiles(pin);
    fs.mkdirSync(path.dirname(text), { recursive: true });
    // At once, so that an interrupted fetch leaves nothing and two at a time do not meet.
    const part = `${text}.${process.pid}`;
    fs.writeFileSync(part, spec.bytes);
    fs.renameSync(part, text);
  }
  console.log(text);
} catch (error) {
  console.error(`corpus: ${error.message}`);
  process.exitCode = 1;
}
