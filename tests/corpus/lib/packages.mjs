// What is fetched, and how it becomes one folder tree.
import { createHash } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/// Packages whose tarballs hold the TypeScript that their authors wrote, and the folder it is in.
/// Each is here for something the others lack: see README.md.
export const SOURCES = [
  ['@blueprintjs/core', 'src'],
  ['@tanstack/query-core', 'src'],
  ['@tanstack/react-query', 'src'],
  ['@tanstack/react-router', 'src'],
  ['@tanstack/react-store', 'src'],
  ['@tanstack/router-core', 'src'],
  ['@tiptap/core', 'src'],
  ['@trpc/server', 'src'],
  ['effect', 'src'],
  ['mobx', 'src'],
  ['react-native-paper', 'src'],
  ['rxjs', 'src'],
  ['sprotty', 'src'],
  ['sprotty-protocol', 'src'],
  ['zod', 'src'],
];
export const BOOTSTRAP = 'bootstrap/scss';

const INPUTS = ['package.json', 'package-lock.json', '.npmrc'];
const MODULE = /\.(ts|tsx|mts)$/;
const DECLARATION = /\.d\.(ts|mts)$/;

/// `npm ci` into `folder`, unless the very same lock file has been installed there already.
/// The tools live there too, so that the repository itself holds no `node_modules`.
export function install(here, folder) {
  const hash = createHash('sha256');
  for (const name of INPUTS) hash.update(fs.readFileSync(path.join(here, name))).update('\0');
  const wanted = hash.digest('hex');
  const stamp = path.join(folder, '.installed');
  if (fs.existsSync(stamp) && fs.readFileSync(stamp, 'utf8') === wanted) return false;

  fs.mkdirSync(folder, { recursive: true });
  fs.rmSync(stamp, { force: true });
  for (const name of INPUTS) fs.copyFileSync(path.join(here, name), path.join(folder, name));
  const npm = spawnSync('npm', ['ci'], { cwd: folder, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' });
  if (npm.error) throw new Error(`npm could not be started: ${npm.error.message}`);
  if (npm.status !== 0) throw new Error(`npm ci in ${folder} failed (exit ${npm.status ?? npm.signal})`);
  // Last, so that an install that was interrupted is done again.
  fs.writeFileSync(stamp, wanted);
  return true;
}

/// The tools, as pinned by the lock file: never whatever else is on the machine.
export async function tools(folder) {
  const require = createRequire(pathToFileURL(path.join(folder, 'package.json')));
  const load = async (name) => import(pathToFileURL(require.resolve(name)));
  return {
    ts: require('typescript'),
    acorn: await load('acorn'),
    parse5: await load('parse5'),
    sass: require('sass'),
    postcss: require('postcss'),
    valueParser: require('postcss-value-parser'),
    tracing: require('@jridgewell/trace-mapping'),
    version: (name) => JSON.parse(fs.readFileSync(path.join(folder, 'node_modules', name, 'package.json'))).version,
  };
}

/// Lays the sources out under `tree` as `<package>/<path in the package>` and returns what there is to ask for.
/// `subset` (paths, or null) says which modules; the style sheets' partials come along in any case.
export function layOut(folder, tree, subset) {
  fs.rmSync(tree, { recursive: true, force: true });
  const modules = [];
  for (const [name, sub] of SOURCES) {
    const root = path.join(folder, 'node_modules', name);
    for (const file of walk(path.join(root, sub))) {
      // A declaration file has no module behind it that could be served: nothing asks for one at run time.
      if (!MODULE.test(file) || DECLARATION.test(file)) continue;
      const local = `${name}/${slashes(path.relative(root, file))}`;
      if (!subset || subset.has(local)) modules.push({ path: local, from: file });
    }
  }
  const styles = [];
  const scss = path.join(folder, 'node_modules', BOOTSTRAP);
  for (const file of walk(scss)) {
    if (!file.endsWith('.scss')) continue;
    const inside = slashes(path.relative(scss, file));
    const local = `${BOOTSTRAP}/${inside}`;
    copy(file, path.join(tree, local));
    const entry = !inside.includes('/') && !inside.startsWith('_');
    if (entry && (!subset || subset.has(local))) styles.push({ path: local, from: file });
  }
  for (const module of modules) {
    copy(module.from, path.join(tree, module.path));
    module.bytes = fs.statSync(module.from).size;
  }
  const byPath = (a, b) => (a.path < b.path ? -1 : 1);
  return { modules: modules.sort(byPath), styles: styles.sort(byPath) };
}

/// `subset.txt`: one path a line, `#` starts a comment.
export function readSubset(file) {
  const lines = fs.readFileSync(file, 'utf8').split('\n').map((line) => line.replace(/#.*/, '').trim());
  return new Set(lines.filter(Boolean));
}

function* walk(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory()) yield* walk(full);
    else if (entry.isFile()) yield full;
  }
}

function copy(from, to) {
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.copyFileSync(from, to);
}

const slashes = (file) => file.split(path.sep).join('/');
