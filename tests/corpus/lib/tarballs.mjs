// Single files out of npm packages, without what the packages depend on: one of these projects alone would bring a
// hundred others, of which nothing is read.
//
// A pin is `{package: "name@version", integrity: "sha512-…", from: "folder or file in the package, `.` for all of it"}`.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';

/// The files of a pin as `{path, bytes}`, paths being relative to `from`.
export function fetchFiles(pin) {
  const files = [];
  for (const file of untar(gunzipSync(download(pin)))) {
    // npm puts everything into one folder, whatever it is called.
    const inside = file.path.slice(file.path.indexOf('/') + 1);
    if (pin.from === '.') files.push({ path: inside, bytes: file.bytes });
    if (inside === pin.from) files.push({ path: path.posix.basename(inside), bytes: file.bytes });
    if (inside.startsWith(`${pin.from}/`)) files.push({ path: inside.slice(pin.from.length + 1), bytes: file.bytes });
  }
  if (!files.length) throw new Error(`${pin.package} has no ${pin.from}`);
  return files;
}

/// The package's tarball, through npm, so that its cache, mirrors and proxies are the user's.
function download({ package: name, integrity }) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'realm-corpus-'));
  try {
    const npm = spawnSync('npm', ['pack', name, '--ignore-scripts', '--loglevel=error', '--pack-destination', folder], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 2],
      shell: process.platform === 'win32',
    });
    if (npm.error) throw new Error(`npm could not be started: ${npm.error.message}`);
    if (npm.status !== 0) throw new Error(`npm pack ${name} failed (exit ${npm.status ?? npm.signal})`);
    const [tarball] = fs.readdirSync(folder);
    const bytes = fs.readFileSync(path.join(folder, tarball));
    const got = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    if (got !== integrity) throw new Error(`${name} is not what it was: ${got}, not ${integrity}`);
    return bytes;
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/// The regular files of a tar archive as npm writes them: ustar, with pax headers where a path is long.
function* untar(archive) {
  const text = (start, length) => archive.toString('utf8', start, start + length).replace(/\0.*$/s, '');
  let longPath = null;
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0; ) {
    const size = parseInt(text(at + 124, 12), 8);
    const kind = String.fromCharCode(archive[at + 156]);
    const bytes = archive.subarray(at + 512, at + 512 + size);
    if (kind === 'x') {
      longPath = /(?:^|\n)\d+ path=([^\n]*)\n/.exec(bytes.toString('utf8'))?.[1] ?? null;
    } else {
      const prefix = text(at + 345, 155);
      const name = longPath ?? (prefix ? `${prefix}/` : '') + text(at, 100);
      longPath = null;
      if (kind === '0' || kind === '\0') yield { path: name, bytes };
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
}
