// A headless Chromium, spoken to in its DevTools protocol over a pipe.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const ANSWER_WITHIN = 60_000;

/// The program, where the machine has one.
export function findChromium() {
  const folders = (process.env.PATH ?? '').split(path.delimiter).concat('/usr/bin');
  const all = NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name)));
  return all.find((file) => fs.existsSync(file));
}

/// Starts one with a profile of its own in `folder`.
export function startChromium(program, folder) {
  const child = spawn(
    program,
    [
      '--headless',
      '--remote-debugging-pipe',
      `--user-data-dir=${path.join(folder, 'profile')}`,
      '--no-first-run',
      '--no-default-browser-check',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      // Its sandbox wants what a container, or root, does not have. The pages are ours.
      '--no-sandbox',
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], env: { ...process.env, HOME: folder } },
  );
  return new Chromium(child);
}

class Chromium {
  #child;
  #next = 1;
  #waiting = new Map();
  #listeners = [];
  #log = '';

  constructor(child) {
    this.#child = child;
    const kill = () => child.kill('SIGKILL');
    process.prependOnceListener('exit', kill);
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (text) => (this.#log = (this.#log + text).slice(-4000)));
    child.once('exit', (code, signal) => {
      process.off('exit', kill);
      this.#over(new Error(`Chromium ended: ${code ?? signal}\n${this.#log}`));
    });
    child.once('error', (error) => this.#over(error));
    let rest = '';
    child.stdio[4].setEncoding('utf8');
    child.stdio[4].on('data', (text) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop();
      for (const message of messages) this.#hear(JSON.parse(message));
    });
    child.stdio[3].on('error', () => {});
  }

  #over(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  #hear(message) {
    const waiting = this.#waiting.get(message.id);
    if (!waiting) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    this.#waiting.delete(message.id);
    if (message.error) waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
    else waiting.resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer\n${this.#log}`)), ANSWER_WITHIN);
      const over = (done) => (value) => {
        clearTimeout(timer);
        done(value);
      };
      this.#waiting.set(id, { method, resolve: over(resolve), reject: over(reject) });
      this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /// Opens a page, in a tab of its own.
  async open(url) {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new Tab(this, targetId, sessionId);
    this.#listeners.push((message) => message.sessionId === sessionId && tab.hear(message));
    for (const domain of ['Runtime', 'Page', 'Network', 'Log']) await tab.send(`${domain}.enable`);
    await tab.go(url);
    return tab;
  }

  async stop() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.send('Browser.close').catch(() => {});
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await ended;
    clearTimeout(timer);
  }
}

class Tab {
  /// What the page complained of: exceptions, and what the browser refused or could not load.
  complaints = [];
  /// Answers by URL: status and headers.
  answers = new Map();
  #chromium;
  #target;
  #session;
  #loaded = false;

  constructor(chromium, target, session) {
    this.#chromium = chromium;
    this.#target = target;
    this.#session = session;
  }

  send(method, params) {
    return this.#chromium.send(method, params, this.#session);
  }

  hear({ method, params }) {
    if (method === 'Runtime.exceptionThrown') {
      const { exceptionDetails: thrown } = params;
      this.complaints.push(`exception: ${thrown.exception?.description ?? thrown.text}`);
    }
    if (method === 'Log.entryAdded') this.complaints.push(`${params.entry.source}: ${params.entry.text}`);
    if (method === 'Runtime.consoleAPICalled' && params.type === 'error') {
      this.complaints.push(`console: ${params.args.map((one) => one.value ?? one.description).join(' ')}`);
    }
    if (method === 'Network.responseReceived') {
      const { url, status, headers } = params.response;
      const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
      this.answers.set(url, { status, headers: new Map(lower) });
    }
    if (method === 'Page.loadEventFired') this.#loaded = true;
  }

  async go(url) {
    this.#loaded = false;
    const { errorText } = await this.send('Page.navigate', { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await this.until(() => this.#loaded, `${url} to load`);
  }

  /// The value of an expression in the page.
  async value(expression) {
    const { result, exceptionDetails: thrown } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (thrown) throw new Error(`${expression}: ${thrown.exception?.description ?? thrown.text}`);
    return result.value;
  }

  /// Waits for something that comes about; whether it has.
  async comes(expression, within = 20_000) {
    const until = Date.now() + within;
    while (!(await this.value(expression))) {
      if (Date.now() > until) return false;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return true;
  }

  async until(check, what, within = 30_000) {
    for (const until = Date.now() + within; !check(); ) {
      if (Date.now() > until) throw new Error(`waited in vain for ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async close() {
    await this.#chromium.send('Target.closeTarget', { targetId: this.#target });
  }
}
