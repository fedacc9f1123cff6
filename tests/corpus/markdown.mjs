// The documentation of known projects, in Markdown, as the folders of realms: `<out>/<project>/…`. See README.md.
//
//   node markdown.mjs [--out DIR]
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fetchFiles } from './lib/tarballs.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const PINS = path.join(HERE, 'markdown.json');
const DOCUMENT = /\.(md|markdown)$/;
/// What there must be at the least, so that it cannot shrink unseen.
const LEAST = { projects: 3, documents: 500, bytes: 3_000_000 };

function main() {
  const { values: options } = parseArgs({
    options: { out: { type: 'string', default: path.join(HERE, '..', '..', 'corpus', 'markdown') } },
  });
  const out = path.resolve(options.out);
  const pins = JSON.parse(fs.readFileSync(PINS, 'utf8'));
  fetchOnce(out, pins);

  const total = { projects: 0, documents: 0, bytes: 0 };
  for (const [project, pin] of Object.entries(pins)) {
    const documents = [...walk(path.join(out, project))].filter((file) => DOCUMENT.test(file));
    const bytes = documents.reduce((sum, file) => sum + fs.statSync(file).size, 0);
    line(pin.package, documents.length, bytes);
    total.projects += 1;
    total.documents += documents.length;
    total.bytes += bytes;
  }
  line(`${total.projects} projects`, total.documents, total.bytes);
  const short = Object.keys(LEAST).filter((key) => total[key] < LEAST[key]);
  for (const key of short) console.error(`corpus: ${total[key]} ${key}, at least ${LEAST[key]} are wanted`);
  return short.length ? 1 : 0;
}

/// Fetches everything into `out`, unless the very same pins have been fetched there already.
function fetchOnce(out, pins) {
  const wanted = createHash('sha256').update(JSON.stringify(pins)).digest('hex');
  const stamp = path.join(out, '.fetched');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return;
  fs.mkdirSync(out, { recursive: true });
  fs.rmSync(stamp, { force: true });
  for (const [project, pin] of Object.entries(pins)) {
    const root = path.join(out, project);
    fs.rmSync(root, { recursive: true, force: true });
    for (const file of fetchFiles(pin)) {
      if (!DOCUMENT.test(file.path)) continue;
      if (!isLocalPath(file.path)) throw new Error(`${pin.package}: no realm takes the path ${file.path}`);
      const to = path.join(root, file.path);
      fs.mkdirSync(path.dirname(to), { recursive: true });
      fs.writeFileSync(to, file.bytes);
    }
  }
  // Last, so that what was interrupted is done again.
  fs.writeFileSync(stamp, wanted);
}

/// What a realm accepts, which is also what cannot leave `out`; names with `_` at the root may be the realm's own.
function isLocalPath(file) {
  const segments = file.split('/');
  const plain = segments.every((segment) => !['', '.', '..'].includes(segment)) && !/[\0\\]/.test(file);
  return plain && Buffer.byteLength(file) <= 1024 && !file.startsWith('_');
}

function* walk(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(full);
    else if (entry.isFile()) yield full;
  }
}

function line(name, documents, bytes) {
  console.log(`${name.padEnd(28)} ${String(documents).padStart(5)} documents ${(bytes / 1e6).toFixed(1).padStart(5)} MB`);
}

try {
  process.exitCode = main();
} catch (error) {
  const wrong = error.code?.startsWith('ERR_PARSE_ARGS');
  console.error(`corpus: ${error.message}${wrong ? '\nusage: node markdown.mjs [--out DIR]' : ''}`);
  process.exitCode = wrong ? 2 : 1;
}
