// The real inputs of a plugin, as the folder of a realm: what `<plugin>/inputs.json` pins, out of npm packages and of the
// source distribution of the Python package that is wrapped.
//
//   node inputs.mjs <folder of the plugin> <folder to write to> [<unpacked source distribution>]
import fs from 'node:fs';
import path from 'node:path';
import { fetchFiles } from '../../corpus/lib/tarballs.mjs';

const [plugin, out, sdist] = process.argv.slice(2);
const { npm = [], sdist: unpacked = [], documents } = JSON.parse(fs.readFileSync(path.join(plugin, 'inputs.json'), 'utf8'));

fs.rmSync(out, { recursive: true, force: true });
for (const pin of npm) write(pin, fetchFiles(pin));
for (const pin of unpacked) write(pin, [...walk(path.join(sdist, pin.from))]);
// What is written here rather than fetched: documents that bring the fetched ones together.
const own = path.join(plugin, 'inputs');
if (fs.existsSync(own)) write({ into: '.' }, [...walk(own)]);

/// Of many files, so many from all over the list, the same on every machine.
function write({ into, keep, rename, most = Infinity }, files) {
  const wanted = new RegExp(keep ?? `\\${documents}$`);
  const all = files.filter((file) => wanted.test(file.path) && isLocalPath(file.path));
  all.sort((a, b) => (a.path < b.path ? -1 : 1));
  const step = Math.max(1, all.length / most);
  for (let at = 0; Math.floor(at) < all.length; at += step) {
    const file = all[Math.floor(at)];
    const local = rename ? file.path.replace(/\.[^./]*$/, rename) : file.path;
    const to = path.join(out, into, local);
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.writeFileSync(to, file.bytes);
  }
}

/// What cannot leave the folder, and what a realm takes.
function isLocalPath(file) {
  return file.split('/').every((segment) => !['', '.', '..'].includes(segment)) && !/[\0\\]/.test(file);
}

function* walk(folder, inside = '') {
  for (const entry of fs.readdirSync(path.join(folder, inside), { withFileTypes: true })) {
    const local = path.posix.join(inside, entry.name);
    if (entry.isDirectory()) yield* walk(folder, local);
    else if (entry.isFile()) yield { path: local, bytes: fs.readFileSync(path.join(folder, local)) };
  }
}
