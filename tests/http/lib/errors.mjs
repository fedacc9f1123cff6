// Refusals: the status that HTTP and the contract give, as JSON:API, through any client (the general rules look at each).
import { gzipSync } from 'node:zlib';

const API = 'application/vnd.api+json';
const LIMIT = 5 << 20;

export async function errors(clients) {
  await missing(clients);
  await methods(clients);
  await paths(clients);
  await bodies(clients);
  await diagnostics(clients);
  await requestIds(clients);
  await policies(clients);
}

async function missing(clients) {
  const { report } = clients;
  for (const path of [
    'missing.txt',
    'missing',
    'folder/missing.ts',
    '_no-such-endpoint',
    '_search-me',
    '/no-realm/',
    '/no-realm/a.ts',
    '/_no-such-endpoint',
    '/',
  ]) {
    for (const method of ['GET', 'HEAD']) report.status(await clients.fetch(path, { method }), 404, 'RFC 9110 15.5.5');
  }
  report.status(await clients.fetch('missing.txt', { method: 'DELETE' }), 404, 'contract 2');
  report.status(await clients.fetch('/no-realm/a.txt', { method: 'PUT', body: 'x' }), 404, 'contract 2');
  for (const path of ['_info', '_mtimes', '_atomic', '_events']) {
    report.status(await clients.put(path, 'x'), [404, 405], 'contract 2: reserved at the root');
  }
  report.status(await clients.put('_partial.scss', 'a { b: c }'), 201, 'contract 2: an ordinary file');
  report.status(await clients.put('folder/_info', 'x'), 201, 'contract 2: reserved at the root only');
}

async function methods(clients) {
  const { report } = clients;
  for (const [path, method, wanted] of [
    ['text.txt', 'PATCH', 405],
    ['_info', 'DELETE', [404, 405]],
    ['_atomic', 'GET', [404, 405]],
    ['_events', 'POST', 405],
    ['/_create-realm', 'GET', 405],
    ['/_health', 'POST', 405],
    ['text.txt', 'TRACE', [405, 501]],
    ['text.txt', 'BREW', [405, 501]],
    ['text.txt', 'get', [400, 405, 501]],
  ]) {
    const answer = await clients.curl(path, { method });
    report.status(answer, wanted, 'RFC 9110 15.5.6, 15.6.2');
    if (answer.status === 405)
      report.check(
        `${answer.label}: Allow`,
        'RFC 9110 10.2.1',
        !answer.list('allow').includes(method.toLowerCase()) || method === 'get',
        `methods without ${method}`,
        answer.get('allow'),
      );
  }
  const patch = await clients.curl('text.txt', { method: 'PATCH' });
  for (const method of ['get', 'head', 'put', 'delete'])
    report.check(`${patch.label}: Allow`, 'RFC 9110 10.2.1', patch.list('allow').includes(method), method, patch.get('allow'));
  const options = await clients.curl('text.txt', { method: 'OPTIONS' });
  report.status(options, [200, 204], 'RFC 9110 9.3.7');
  report.matches(options, 'allow', /\bGET\b/, 'RFC 9110 9.3.7');
  const server = await clients.curl('', { method: 'OPTIONS', args: ['--request-target', '*'] });
  report.check(server.label, 'RFC 9110 9.3.7', server.status < 500, 'no failure', server.brief());
}

async function paths(clients) {
  const { report } = clients;
  const long = 'x'.repeat(1025);
  const bad = [
    'a/../text.txt',
    '../text.txt',
    'a/..',
    'a/%2e%2e/text.txt',
    '%2E%2e/text.txt',
    'a%00b',
    'a%5Cb',
    'a\\b',
    'a//b',
    '/walk//a',
    'a/%2F/b',
    '*',
    '%2A',
    long,
    `folder/${'y/'.repeat(510)}zzzzzzzz`,
    '%FF',
    '%C0%AF',
  ];
  for (const path of bad) {
    for (const [method, body] of [['GET'], ['HEAD'], ['PUT', 'x'], ['DELETE']]) {
      report.status(await clients.curl(path, { method, body }), 400, 'contract 2: paths');
    }
  }
  for (const path of ['a%zz', 'a%', 'a%2'])
    report.status(await clients.curl(path, { method: 'PUT', body: 'x' }), 400, 'RFC 9112 3.2, RFC 3986 2.1');
  const most = 'm'.repeat(1024);
  report.status(await clients.curl(most, { method: 'PUT', body: 'x' }), 201, 'contract 2: 1,024 bytes');
  report.body(await clients.curl(most), 'x', 'contract 2: 1,024 bytes');
  for (const [written, read] of [
    ['caf%C3%A9.txt', 'caf%c3%a9.txt'],
    ['two%20words.txt', 'two%20words.txt'],
    ['%61%2db.txt', 'a-b.txt'],
    ['q.txt?x=1', 'q.txt'],
    ['100%25.txt', '100%25.txt'],
    ["a:b@c!$&'()+,;=~.txt", 'a%3Ab%40c%21%24%26%27%28%29%2B%2C%3B%3D%7E.txt'],
    ['...', '...'],
  ]) {
    report.status(await clients.curl(written, { method: 'PUT', body: written }), 201, 'RFC 3986 6.2.2');
    report.body(await clients.curl(read), written, 'RFC 3986 6.2.2: one resource');
  }
  // It may be refused before it is a request: then there is no more than the status.
  report.status(await clients.curl('z'.repeat(100_000), { lenient: true }), [400, 414, 431], 'RFC 9110 15.5.15');
}

async function bodies(clients) {
  const { report } = clients;
  const most = Buffer.alloc(LIMIT, 'a');
  const more = Buffer.alloc(LIMIT + 1, 'a');
  report.status(await clients.put('most.bin', most), 201, 'contract 2: 5 MiB');
  report.body(await clients.fetch('most.bin'), most, 'contract 2: 5 MiB');
  report.status(await clients.fetch('most.bin', { method: 'DELETE' }), 204, 'contract 2');
  // curl asks with Expect: 100-continue before so large a body.
  report.status(await clients.curl('more.bin', { method: 'PUT', body: more }), 413, 'RFC 9110 15.5.14');
  report.status(await clients.http('more.bin', { method: 'PUT', body: more }), 413, 'RFC 9110 15.5.14');
  report.status(
    await clients.curl('more.bin', { method: 'PUT', body: more, headers: { 'transfer-encoding': 'chunked' } }),
    413,
    'RFC 9110 15.5.14',
  );
  report.status(await clients.source('more.bin'), 404, 'RFC 9110 15.5.14: nothing was written');

  const post = (path, type, body) => clients.fetch(path, { method: 'POST', headers: type ? { 'content-type': type } : {}, body });
  report.status(await post('posted.txt', 'text/plain', 'x'), 415, 'RFC 9110 15.5.16, contract 2');
  for (const [type, body] of [
    ['application/vnd.card+source', '1'],
    ['application/octet-stream', '2'],
    ['Application/Octet-Stream; charset=utf-8', '3'],
  ]) {
    report.status(await post('posted.txt', type, body), 204, 'contract 2');
    report.body(await clients.source('posted.txt'), body, 'contract 2');
  }
  // Bytes in a coding: refused, or kept as what they decode to.
  const packed = await clients.fetch('packed.txt', { method: 'PUT', headers: { 'content-encoding': 'gzip' }, body: gzipSync('packed') });
  const unpacked = await clients.fetch('packed.txt');
  report.check(
    packed.label,
    'RFC 9110 8.4, 15.5.16',
    packed.status === 415 ? unpacked.status === 404 : unpacked.text === 'packed',
    '415, or the bytes decoded when they are read',
    `${packed.brief()}, then ${unpacked.brief()}`,
  );

  const atomic = (body) => post('_atomic', API, typeof body === 'string' ? body : JSON.stringify(body));
  const add = (href, op = 'add') => ({ op, href, data: { type: 'source', attributes: { content: href } } });
  for (const [body, wanted] of [
    ['not json', 400],
    ['{}', 400],
    [{ 'atomic:operations': 'x' }, 400],
    [{ 'atomic:operations': [{ op: 'add' }] }, 400],
    [{ 'atomic:operations': [add('x.txt'), add('../y.txt')] }, 400],
    [{ 'atomic:operations': [add('x.txt'), add('text.txt')] }, 409],
    [{ 'atomic:operations': [add('x.txt'), add('missing.txt', 'update')] }, 404],
    [{ 'atomic:operations': [add('x.txt'), add('y.txt', 'frobnicate')] }, 400],
  ])
    report.status(await atomic(body), wanted, 'contract 2, reference 2.5');
  report.status(await clients.source('x.txt'), 404, 'contract 2: all or nothing');
  for (const [body, wanted] of [
    ['not json', 400],
    ['{}', 400],
    ['{"data":{"attributes":{"url":"ftp://x/"}}}', 400],
    [JSON.stringify({ data: { attributes: { url: clients.origin + clients.realm, name: 'Walk' } } }), 409],
  ]) {
    report.status(await post('/_create-realm', API, body), wanted, 'contract 3');
  }
  for (const body of [
    'not json',
    '{"data":{"attributes":{"urls":"x"}}}',
    '{"data":{"attributes":{"urls":["http://elsewhere.test/a.ts"]}}}',
  ]) {
    report.status(await post('_invalidate', API, body), 400, 'reference 2.3');
  }
}

async function diagnostics(clients) {
  const { report } = clients;
  for (const client of ['fetch', 'curl']) {
    const answer = await clients[client]('broken.ts');
    report.status(answer, 406, 'contract 2');
    const error = answer.json?.errors?.[0];
    report.equal(
      `${answer.label}: source`,
      'contract 2',
      [error?.source?.path, error?.source?.line, error?.source?.column > 0],
      ['broken.ts', 2, true],
    );
    report.equal(`${answer.label}: meta.plugin`, 'contract 2', /^typescript@/.test(error?.meta?.plugin), true);
  }
  report.status(await clients.source('broken.ts'), 200, 'contract 2: the raw bytes');
}

async function requestIds(clients) {
  const { report } = clients;
  for (const id of ['abc-123', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'A.b_c-1']) {
    for (const path of ['text.txt', 'missing.txt', 'broken.ts', '/_health']) {
      report.header(await clients.curl(path, { headers: { 'x-request-id': id } }), 'x-request-id', id, 'issue 3');
    }
  }
  const ids = new Set();
  for (const id of ['x'.repeat(3000), 'a b', '', 'é']) {
    const answer = await clients.curl('text.txt', { headers: { 'x-request-id': id } });
    report.check(
      `${answer.label}: X-Request-Id`,
      'issue 3: an unfit one',
      answer.get('x-request-id') !== id,
      'another',
      answer.get('x-request-id'),
    );
    ids.add(answer.get('x-request-id'));
  }
  report.equal('four answers: distinct X-Request-Ids', 'issue 3', ids.size, 4);
}

/// Markup from a realm must not run with the origin's rights.
async function policies(clients) {
  const { report } = clients;
  for (const [path, headers] of [
    ['page.html', {}],
    ['picture.svg', {}],
    ['page.html', { accept: 'text/html,*/*' }],
    ['page.html', { accept: 'application/vnd.card+source' }],
    ['picture.svg', { accept: 'application/vnd.card+source' }],
  ]) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await clients.fetch(path, { method, headers });
      report.matches(answer, 'content-security-policy', /sandbox|script-src|default-src/, 'contract 2');
    }
  }
}
