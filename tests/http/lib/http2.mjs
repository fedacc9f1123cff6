// HTTP/2 by prior knowledge: the same answers.
import h2 from 'node:http2';
import { Answer, label, pairs } from './answer.mjs';
import { FILES } from './files.mjs';
import { general } from './rules.mjs';

export async function http2(clients) {
  const { report } = clients;
  const ask = (path, { args = [], ...more } = {}) => clients.curl(path, { ...more, args: ['--http2-prior-knowledge', ...args] });
  for (const [path, headers] of [
    ['text.txt', {}],
    ['module.ts', {}],
    ['data.bin', {}],
    ['empty.txt', {}],
    ['module', {}],
    ['page.html', {}],
    ['module.ts', { 'accept-encoding': 'br' }],
  ]) {
    const old = await clients.curl(path, { headers });
    const answer = await ask(path, { headers });
    report.equal(`${answer.label}: version`, 'RFC 9113 3.3', answer.version, '2');
    report.status(answer, 200, 'RFC 9110 9.3.1');
    report.body(answer, old.body, 'RFC 9113 8');
    for (const name of [
      'etag',
      'content-type',
      'content-length',
      'content-encoding',
      'content-location',
      'cache-control',
      'vary',
      'content-security-policy',
    ])
      report.header(answer, name, old.get(name), 'RFC 9113 8: as over HTTP/1.1');
    report.status(await ask(path, { headers: { ...headers, 'if-none-match': answer.etag } }), 304, 'RFC 9110 13.1.2');
    const head = await ask(path, { method: 'HEAD', headers });
    report.status(head, 200, 'RFC 9110 9.3.2');
    report.header(head, 'content-length', answer.get('content-length'), 'RFC 9110 9.3.2');
  }
  const part = await ask('data.bin', { headers: { range: 'bytes=10-19' } });
  report.status(part, 206, 'RFC 9110 14.2');
  report.body(part, FILES['data.bin'].subarray(10, 20), 'RFC 9110 14.2');
  report.status(await ask('missing.txt'), 404, 'RFC 9110 15.5.5');
  report.status(await ask('text.txt', { method: 'PATCH' }), 405, 'RFC 9110 15.5.6');
  report.status(await ask('a%00b'), 400, 'contract 2');

  const made = await ask('second.txt', { method: 'PUT', body: 'over HTTP/2' });
  report.status(made, 201, 'contract 2');
  const read = await clients.source('second.txt');
  report.body(read, 'over HTTP/2', 'contract 2');
  report.header(read, 'etag', made.etag, 'contract 2');
  report.status(await refused(clients, 'second.txt', 'x', { 'if-match': '"other"' }), 412, 'RFC 9110 13.1.1');
  const large = Buffer.alloc(300_000, 'b');
  report.status(await ask('second.txt', { method: 'PUT', body: large, headers: { 'if-match': made.etag } }), 204, 'RFC 9110 13.1.1');
  report.body(await ask('second.txt'), large, 'RFC 9113 5.2');
  report.status(await refused(clients, 'third.txt', Buffer.alloc((5 << 20) + 1)), 413, 'RFC 9110 15.5.14');
  report.status(await refused(clients, 'second.txt', 'x', { origin: 'http://elsewhere.test' }), 403, 'contract 2');
  report.body(await ask('second.txt'), large, 'contract 2: nothing was written');
  report.status(await ask('second.txt', { method: 'DELETE' }), 204, 'contract 2');
}

/// A PUT that may be answered before its body was read, through `node:http2`: the answer is whole, and RST_STREAM, if
/// it comes, says NO_ERROR (RFC 9113 8.1). Some versions of curl throw such an answer away, which they must not.
async function refused(clients, path, body, headers = {}) {
  const { report } = clients;
  const what = label('node:http2 ', 'PUT', path, pairs(headers));
  const session = h2.connect(clients.origin);
  const [answer, code] = await new Promise((resolve) => {
    const chunks = [];
    let head = {};
    let problem = 'no answer';
    const over = (error) => (problem = error.message);
    session.once('error', over);
    const stream = session.request({ ':method': 'PUT', ':path': clients.path(path), ...headers });
    stream.setTimeout(30_000, () => stream.close(h2.constants.NGHTTP2_CANCEL));
    stream.once('response', (got) => (head = got));
    stream.on('data', (chunk) => chunks.push(chunk));
    stream.on('error', over);
    stream.once('close', () => {
      const named = Object.entries(head).filter(([name]) => !name.startsWith(':'));
      const status = head[':status'] ?? 0;
      const got = {
        label: what,
        method: 'PUT',
        status,
        version: '2',
        headers: pairs(named),
        body: Buffer.concat(chunks),
        problem: status ? undefined : problem,
      };
      resolve([new Answer(got), stream.rstCode]);
    });
    stream.end(body);
  });
  session.destroy();
  general(report, answer);
  report.equal(`${what}: the error of RST_STREAM`, 'RFC 9113 8.1', code, h2.constants.NGHTTP2_NO_ERROR);
  return answer;
}
