// A `realm` host on free ports and the embedded SQLite; settings and data folder are the caller's.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { tail } from '../../corpus/lib/host.mjs';

const READY_WITHIN = 300_000;
const STOP_WITHIN = 20_000;

/// The developer's own settings must not reach the host under test.
function environment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REALM_')));
  return { ...env, NO_COLOR: '1' };
}

/// Starts a host on `data`, which may have been another host's before: its plugins are compiled already then.
export async function startHost(binary, data, settings = []) {
  const log = path.join(data, 'host.log');
  const errors = fs.openSync(log, 'a');
  const sockets = ['--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0'];
  const child = spawn(binary, ['serve', '--data-dir', data, ...sockets, ...settings], {
    // In the data folder, so that no `realm.toml` of the place we were started from is read.
    cwd: data,
    env: environment(),
    stdio: ['ignore', 'pipe', errors],
  });
  fs.closeSync(errors);
  const kill = () => child.kill('SIGKILL');
  // Before the data folder goes.
  process.prependOnceListener('exit', kill);
  const host = { log, child, ended: false };
  host.exit = new Promise((resolve) => {
    const over = (why) => {
      host.ended = true;
      process.off('exit', kill);
      resolve(why);
    };
    child.once('error', (error) => over(error.message));
    child.once('exit', (code, signal) => over(`exit ${code ?? signal}`));
  });
  try {
    host.origin = await listening(host);
  } catch (error) {
    error.message += `\n${tail(host)}`;
    await stopHost(host);
    throw error;
  }
  return host;
}

/// Waits for the line that the contract promises on stdout.
function listening(host) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the host did not say that it listens')), READY_WITHIN);
    let text = '';
    host.child.stdout.setEncoding('utf8');
    host.child.stdout.on('data', (chunk) => {
      text += chunk;
      const [, url] = /^listening on (http:\/\/\S+?)\/?\s*\n/m.exec(text) ?? [];
      if (!url) return;
      clearTimeout(timer);
      resolve(url);
    });
    host.exit.then((why) => {
      clearTimeout(timer);
      reject(new Error(`the host ended before it listened: ${why}`));
    });
  });
}

/// Stops a host and leaves its data folder.
export async function stopHost(host) {
  if (host.ended) return;
  host.child.kill('SIGTERM');
  const timer = setTimeout(() => host.child.kill('SIGKILL'), STOP_WITHIN);
  await host.exit;
  clearTimeout(timer);
}

export { tail };
