// Negotiation: content codings (RFC 9110 12.5.3), and what Accept and the path select.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { FILES } from './files.mjs';

const SOURCE = 'application/vnd.card+source';
const UNPACK = { gzip: gunzipSync, 'x-gzip': gunzipSync, br: brotliDecompressSync };
const ANY = ['gzip', 'br', 'none'];

export async function negotiation(clients) {
  for (const [path, accept] of [
    ['text.txt', '*/*'],
    ['module.ts', '*/*'],
    ['module.ts', SOURCE],
    ['page.html', '*/*'],
    ['picture.svg', '*/*'],
    ['module', '*/*'],
  ]) {
    await codings(clients, path, accept);
  }
  for (const path of ['small.txt', 'tiny.ts', 'data.bin', 'empty.txt', 'style.scss']) await leftAlone(clients, path);
  await media(clients);
  await names(clients);
  await listing(clients);
}

/// The coding an answer has; its bytes decoded must be the identity body.
function coding(clients, answer, plain) {
  const { report } = clients;
  const name = answer.get('content-encoding') ?? 'none';
  let bytes;
  try {
    bytes = UNPACK[name]?.(answer.body) ?? answer.body;
  } catch (error) {
    report.check(answer.label, 'RFC 9110 8.4', false, `a body in ${name}`, error.message);
    return name;
  }
  report.check(
    `${answer.label}: the body`,
    'RFC 9110 8.4',
    bytes.equals(plain.body),
    'the plain bytes',
    `${name}: ${bytes.length} other bytes`,
  );
  return name;
}

async function codings(clients, path, accept) {
  const { report } = clients;
  const ask = (value, more = {}, method = 'GET') =>
    clients.http(path, { method, headers: { accept, ...(value === undefined ? {} : { 'accept-encoding': value }), ...more } });
  const plain = await ask(undefined);
  report.header(plain, 'content-encoding', undefined, 'RFC 9110 12.5.3');
  const lines = [
    ['gzip', ['gzip']],
    ['br', ['br']],
    ['GZIP', ['gzip']],
    ['gzip, br', ['gzip', 'br']],
    ['gzip, deflate, br, zstd', ['gzip', 'br']],
    ['br;q=0.1, gzip', ['gzip']],
    ['gzip;q=0.2,br;q=0.8', ['br']],
    ['gzip;q=0, br', ['br']],
    ['gzip ; q=0.5', ['gzip']],
    ['gzip;q=1.000', ['gzip']],
    ['gzip, *;q=0', ['gzip']],
    ['identity;q=0, gzip', ['gzip']],
    ['identity;q=0.5, br', ['br']],
    ['*', ANY],
    ['x-gzip', [...ANY, 'x-gzip']],
    ['', ['none']],
    ['identity', ['none']],
    ['gzip;q=0', ['none']],
    ['gzip;q=0.000, br;q=0', ['none']],
    ['gzip;Q=0', ['none']],
    ['zstd', ['none']],
    ['deflate, compress', ['none']],
    ['nonsense', ['none']],
    ['identity, gzip;q=0.5', ['none']],
    ['*;q=0, identity', ['none']],
    [';;,=;q', ['none']],
    ['gzipx', ['none']],
    ['xgzip, nobr', ['none']],
  ];
  for (const [value, wanted] of lines) {
    const answer = await ask(value);
    if (!report.status(answer, 200, 'RFC 9110 12.5.3')) continue;
    const name = coding(clients, answer, plain);
    report.check(`${answer.label}: Content-Encoding`, 'RFC 9110 12.5.3', wanted.includes(name), wanted.join(' or '), name);
    report.check(
      `${answer.label}: ETag`,
      'RFC 9110 8.8.3.3',
      (answer.etag === plain.etag) === (name === 'none'),
      'an ETag for each coding',
      answer.etag,
    );
  }
  for (const value of ['*;q=0', 'identity;q=0', 'zstd, identity;q=0']) {
    const answer = await ask(value);
    report.status(answer, [200, 406, 415], 'RFC 9110 12.5.3: nothing acceptable');
    if (answer.status === 200) coding(clients, answer, plain);
  }
  const tags = new Set([plain.etag]);
  for (const value of ['gzip', 'br']) {
    const first = await ask(value);
    const answer = await ask(value);
    tags.add(answer.etag);
    report.header(answer, 'etag', first.etag, 'RFC 9110 8.8.3');
    report.matches(answer, 'cache-status', /^realm; hit$/, 'contract 2: the second time');
    for (const name of ['accept', 'accept-encoding']) {
      for (const one of [plain, answer])
        report.check(`${one.label}: Vary`, 'RFC 9110 12.5.5', one.list('vary').includes(name), name, one.get('vary'));
    }
    const head = await ask(value, {}, 'HEAD');
    for (const name of ['content-length', 'content-encoding', 'etag', 'vary'])
      report.header(head, name, answer.get(name), 'RFC 9110 9.3.2');
    const known = await ask(value, { 'if-none-match': answer.etag });
    report.status(known, 304, 'RFC 9110 13.1.2');
    report.header(known, 'etag', answer.etag, 'RFC 9110 15.4.5');
    report.header(known, 'vary', answer.get('vary'), 'RFC 9110 15.4.5');
    report.status(await ask(value, { 'if-none-match': plain.etag }), 200, 'RFC 9110 8.8.3.3: the tag of another representation');
    report.status(await ask('identity', { 'if-none-match': answer.etag }), 200, 'RFC 9110 8.8.3.3: the tag of another representation');
  }
  report.equal(`${path} (${accept}): ETags of identity, gzip and br`, 'RFC 9110 8.8.3.3', tags.size, 3);
}

/// Coded or not, as the host likes: but it says so.
async function leftAlone(clients, path) {
  const plain = await clients.http(path);
  for (const value of ['gzip', 'br']) {
    const answer = await clients.http(path, { headers: { 'accept-encoding': value } });
    const name = coding(clients, answer, plain);
    clients.report.check(
      `${answer.label}: ETag`,
      'RFC 9110 8.8.3.3',
      (answer.etag === plain.etag) === (name === 'none'),
      'an ETag for each coding',
      answer.etag,
    );
    clients.report.check(
      `${answer.label}: Vary`,
      'RFC 9110 12.5.5',
      answer.list('vary').includes('accept-encoding'),
      'Accept-Encoding',
      answer.get('vary'),
    );
  }
  const fetched = await clients.fetch(path);
  clients.report.body(fetched, plain.body, 'RFC 9110 8.4');
}

async function media(clients) {
  const { report } = clients;
  const made = await clients.fetch('module.ts');
  report.status(made, 200, 'contract 2');
  report.matches(made, 'content-type', /^text\/javascript\b/, 'contract 2');
  report.check(`${made.label}: the body`, 'contract 2', /const value0 = 0;/.test(made.text), 'JavaScript', made.text.slice(0, 60));
  report.matches(await clients.fetch('style.scss'), 'content-type', /^text\/css\b/, 'contract 2');
  for (const [path, type] of [
    ['text.txt', /^text\/plain/],
    ['picture.svg', /^image\/svg\+xml/],
    ['page.html', /^text\/html/],
    ['data.bin', /^application\/octet-stream/],
  ]) {
    report.matches(await clients.fetch(path), 'content-type', type, 'RFC 9110 8.3');
  }
  for (const accept of [SOURCE, SOURCE.toUpperCase(), `${SOURCE}, */*;q=0.1`, `${SOURCE};q=0.9`, `text/x-none, ${SOURCE}`]) {
    report.body(await clients.fetch('module.ts', { headers: { accept } }), FILES['module.ts'], 'contract 2, RFC 9110 8.3.1, 12.5.1');
  }
  for (const accept of ['*/*', 'text/javascript', 'text/*', '*/*;q=0.1', 'application/vnd.card+sources', '']) {
    const answer = await clients.http('module.ts', { headers: { accept } });
    report.matches(answer, 'content-type', /^text\/javascript\b/, 'contract 2');
  }
  const raw = await clients.source('module.ts');
  report.check(`${raw.label}: ETag`, 'RFC 9110 8.8.3', raw.etag !== made.etag, 'another than the output has', raw.etag);
  for (const answer of [made, raw]) report.header(answer, 'cache-control', 'public, max-age=0, must-revalidate', 'contract 2');
  report.equal(`${made.label}: Realm-Generation`, 'contract 2', Number.isInteger(made.generation) && made.generation > 0, true);
  const map = await clients.fetch('module.ts.map');
  report.equal(`${map.label}: version`, 'contract 2', map.json?.version, 3);
}

/// An alias names its file; its source is elsewhere; so is a realm without its slash.
async function names(clients) {
  const { report, realm, origin } = clients;
  const alias = await clients.fetch('module');
  const made = await clients.fetch('module.ts');
  report.body(alias, made.body, 'contract 2');
  report.equal(
    `${alias.label}: Content-Location`,
    'RFC 9110 8.7',
    alias.get('content-location') && new URL(alias.get('content-location'), origin).pathname,
    `${realm}module.ts`,
  );
  for (const [path, headers, wanted] of [
    ['module', { accept: SOURCE }, `${realm}module.ts`],
    [realm.slice(0, -1), {}, realm],
  ]) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await clients.fetch(path, { method, headers });
      report.status(answer, 302, 'contract 2');
      report.equal(`${answer.label}: Location`, 'RFC 9110 10.2.2', new URL(answer.get('location') ?? '/', origin).pathname, wanted);
    }
  }
  const moved = await clients.fetch('module', { headers: { accept: SOURCE } });
  report.check(`${moved.label}: Vary`, 'RFC 9110 12.5.5', moved.list('vary').includes('accept'), 'Accept', moved.get('vary'));
}

async function listing(clients) {
  const { report, realm, origin } = clients;
  const headers = { accept: 'application/vnd.api+json' };
  const root = await clients.fetch('', { headers });
  report.status(root, 200, 'contract 2');
  report.matches(root, 'content-type', /^application\/vnd\.api\+json/, 'contract 2');
  const entry = (path) => root.json?.data?.find((one) => one.id === `${origin}${realm}${path}`);
  const text = await clients.source('text.txt');
  const { path, size, etag } = entry('text.txt')?.attributes ?? {};
  report.equal(`${root.label}: text.txt`, 'contract 2', [path, size, etag], ['text.txt', FILES['text.txt'].length, text.etag]);
  report.equal(`${root.label}: folder/`, 'contract 2', entry('folder/')?.type, 'folder');
  const inner = await clients.fetch('folder/', { headers });
  report.equal(
    `${inner.label}: ids`,
    'contract 2',
    inner.json?.data?.map((one) => one.id),
    [`${origin}${realm}folder/inner.txt`],
  );
  report.status(await clients.fetch('no-folder/', { headers }), 404, 'reference 2.3');
}
