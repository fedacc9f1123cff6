// The clients: `curl`, Node's `fetch`, and `node:http` where nothing may be decoded or tidied up.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { Answer, label, pairs } from './answer.mjs';
import { general } from './rules.mjs';

const WITHIN = 30_000;

export class Clients {
  /// `realm`: the realm's path on this origin. A `lenient` request's answer is not held against the general rules.
  constructor(report, origin, realm, { cors = false } = {}) {
    Object.assign(this, { report, origin, realm, cors });
    this.agent = new http.Agent({ keepAlive: true });
  }

  /// A path on this origin: one that begins with `/`, or one in the realm.
  path(path) {
    return path.startsWith('/') ? path : this.realm + path;
  }

  #done(answer, lenient) {
    if (answer.status === 0) this.report.check(answer.label, 'RFC 9112', false, 'an answer', answer.problem);
    else if (!lenient) general(this.report, answer, { cors: this.cors });
    return answer;
  }

  /// `args`: further arguments of curl.
  curl(path, { method = 'GET', headers = {}, body, args = [], lenient = false } = {}) {
    const said = pairs(headers);
    const all = ['-q', '-s', '-S', '-i', '--noproxy', '*', '--globoff', '--path-as-is', '--max-time', String(WITHIN / 1000)];
    all.push(...(method === 'HEAD' ? ['-I'] : ['-X', method]), ...args);
    // curl's own ways to say "with an empty value" and "without".
    for (const [name, value] of said) all.push('-H', value === '' ? `${name};` : `${name}: ${value}`);
    if (body !== undefined) {
      all.push('--data-binary', '@-');
      if (!said.some(([name]) => name.toLowerCase() === 'content-type')) all.push('-H', 'Content-Type:');
    }
    all.push(this.origin + this.path(path));
    const what = label('curl ', method, path, headers) + (args.length ? ` [${args.join(' ')}]` : '');
    return new Promise((resolve) => {
      const child = spawn('curl', all, { stdio: [body === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
      const parts = { stdout: [], stderr: [] };
      for (const stream of ['stdout', 'stderr']) child[stream].on('data', (chunk) => parts[stream].push(chunk));
      child.stdin?.on('error', () => {});
      child.stdin?.end(body);
      const over = (problem) => resolve(this.#done(new Answer({ label: what, method, status: 0, headers: [], problem }), lenient));
      child.once('error', (error) => over(`curl: ${error.message}`));
      child.once('close', (code) => {
        const answer = parse(Buffer.concat(parts.stdout), what, method);
        if (code !== 0 || !answer) over(`curl's exit ${code}: ${Buffer.concat(parts.stderr)}`);
        else resolve(this.#done(answer, lenient));
      });
    });
  }

  /// Through `node:http`: the path and the body as they are on the wire.
  http(path, { method = 'GET', headers = {}, body, lenient = false } = {}) {
    const what = label('', method, path, headers);
    const { hostname, port } = new URL(this.origin);
    return new Promise((resolve) => {
      const over = (error) =>
        resolve(this.#done(new Answer({ label: what, method, status: 0, headers: [], problem: error.message }), lenient));
      const lines = {};
      for (const [name, value] of pairs(headers)) lines[name] = name in lines ? [lines[name], value].flat() : value;
      if (body !== undefined) lines['content-length'] = Buffer.byteLength(body);
      const options = { hostname, port, path: this.path(path), method, headers: lines, agent: this.agent, timeout: WITHIN };
      const request = http.request(options, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.once('error', over);
        response.once('end', () => {
          const raw = response.rawHeaders;
          const got = raw.flatMap((name, at) => (at % 2 ? [] : [[name, raw[at + 1]]]));
          resolve(
            this.#done(
              new Answer({ label: what, method, status: response.statusCode, headers: got, body: Buffer.concat(chunks) }),
              lenient,
            ),
          );
        });
      });
      request.once('error', over);
      request.once('timeout', () => request.destroy(new Error('no answer in time')));
      request.end(body);
    });
  }

  /// Through Node's `fetch`, which asks for compressed bodies and decodes them.
  async fetch(path, { method = 'GET', headers = {}, body, lenient = false } = {}) {
    const what = label('fetch ', method, path, headers);
    let answer;
    try {
      const response = await fetch(this.origin + this.path(path), {
        method,
        headers: pairs(headers),
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(WITHIN),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      answer = new Answer({
        label: what,
        method,
        status: response.status,
        headers: [...response.headers],
        body: bytes,
        decoded: response.headers.has('content-encoding'),
      });
    } catch (error) {
      answer = new Answer({ label: what, method, status: 0, headers: [], problem: `${error.message} ${error.cause ?? ''}` });
    }
    return this.#done(answer, lenient);
  }

  /// The raw bytes of a file; `fetch` and `curl` may be asked the same way.
  source(path, { headers = {}, ...more } = {}) {
    return this.http(path, { headers: { accept: 'application/vnd.card+source', ...headers }, ...more });
  }

  put(path, body, headers = {}) {
    return this.fetch(path, { method: 'PUT', headers, body });
  }

  close() {
    this.agent.destroy();
  }
}

/// What `curl -i` printed: the last head is the answer's, those before it are interim.
export function parse(bytes, what, method) {
  for (let from = 0; ;) {
    const end = bytes.indexOf('\r\n\r\n', from);
    if (end < 0) return undefined;
    const [first, ...lines] = bytes.subarray(from, end).toString('latin1').split('\r\n');
    const [, version, status] = /^HTTP\/([\d.]+) (\d{3})/.exec(first) ?? [];
    if (!version) return undefined;
    from = end + 4;
    if (status.startsWith('1')) continue;
    const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
    return new Answer({ label: what, method, status: Number(status), version, headers, body: bytes.subarray(from) });
  }
}
