// One `realm` host on a data folder of its own, and the CLI beside it.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const READY_WITHIN = 180_000;
const COMMAND_WITHIN = 600_000;
const STOP_WITHIN = 10_000;

/// The developer's own settings must not reach the host under test.
function environment() {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REALM_')));
  return { ...env, NO_COLOR: '1' };
}

/// With these arguments, on the data folder of a host before it where one is given.
export async function startHost(binary, { args = [], data = fs.mkdtempSync(path.join(os.tmpdir(), 'realm-corpus-')) } = {}) {
  const log = path.join(data, 'host.log');
  const errors = fs.openSync(log, 'w');
  const child = spawn(
    binary,
    ['serve', '--data-dir', data, '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0', ...args],
    // In the data folder, so that no `realm.toml` of the place we were started from is read.
    { cwd: data, env: environment(), stdio: ['ignore', 'pipe', errors] },
  );
  fs.closeSync(errors);
  // Also when this process is interrupted, and `stopHost` never runs.
  process.once('exit', () => {
    child.kill('SIGKILL');
    fs.rmSync(data, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  const host = { binary, data, log, child, ended: false, stopping: false };
  host.exit = new Promise((resolve) => {
    const over = (why) => {
      host.ended = true;
      resolve(why);
    };
    child.once('error', (error) => over(error.message));
    child.once('exit', (code, signal) => over(`exit ${code ?? signal}`));
  });
  try {
    Object.assign(host, await ready(host));
  } catch (error) {
    error.message += `\n${tail(host)}`;
    await stopHost(host);
    throw error;
  }
  return host;
}

/// Waits for the two lines that the contract promises on stdout.
function ready(host) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the host did not say that it listens')), READY_WITHIN);
    const found = {};
    let text = '';
    host.child.stdout.setEncoding('utf8');
    host.child.stdout.on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop();
      for (const line of lines) {
        const [, what, url] = /^(admin|listening) on (http:\/\/\S+)\s*$/.exec(line) ?? [];
        if (what) found[what] = url.replace(/\/$/, '');
      }
      if (!found.admin || !found.listening) return;
      clearTimeout(timer);
      resolve({ origin: found.listening, admin: found.admin });
    });
    host.exit.then((why) => {
      clearTimeout(timer);
      reject(new Error(`the host ended before it listened: ${why}`));
    });
  });
}

/// Runs one CLI command against the running host; what it says is shown only when it fails.
export function command(host, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(host.binary, [...args, '--data-dir', host.data], {
      cwd: host.data,
      env: environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: COMMAND_WITHIN,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve(said);
      else reject(new Error(`realm ${args.join(' ')}: exit ${code ?? signal}\n${said}${tail(host)}`));
    });
  });
}

/// `keep`: its data folder is left to another.
export async function stopHost(host, { keep = false } = {}) {
  if (!host.ended) {
    host.child.kill('SIGTERM');
    const timer = setTimeout(() => host.child.kill('SIGKILL'), STOP_WITHIN);
    await host.exit;
    clearTimeout(timer);
  }
  if (!keep) fs.rmSync(host.data, { recursive: true, force: true });
}

/// The end of the host's log, for a failure's message.
export function tail(host, lines = 20) {
  const text = fs.existsSync(host.log) ? fs.readFileSync(host.log, 'utf8').trimEnd() : '';
  return text && `the host's last words:\n${text.split('\n').slice(-lines).join('\n')}`;
}
