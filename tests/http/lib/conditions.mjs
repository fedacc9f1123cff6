// Conditional requests: RFC 9110 13.
import { FILES, settle } from './files.mjs';

const SOURCE = { accept: 'application/vnd.card+source' };
/// What a 304, and a 206, repeats of the 200's header.
export const REPEATED = ['cache-control', 'content-location', 'etag', 'expires', 'vary'];
const DAY = 86_400_000;
const OTHER = '"no-such-tag"';

export async function conditions(clients) {
  for (const [path, headers] of [
    ['text.txt', SOURCE],
    ['text.txt', {}],
    ['module.ts', {}],
    ['module', {}],
    ['style.scss', {}],
    ['data.bin', {}],
    ['empty.txt', {}],
    ['page.html', {}],
  ]) {
    await noneMatch(clients, path, headers);
  }
  await dates(clients);
  await precedence(clients);
  await notApplied(clients);
  await writes(clients);
}

/// 13.1.2 on GET and HEAD; `headers` select the representation.
async function noneMatch(clients, path, headers) {
  const { report } = clients;
  const plain = await clients.http(path, { headers });
  report.status(plain, 200, 'RFC 9110 9.3.1');
  report.matches(plain, 'etag', /^"[^"]*"$/, 'contract 2: strong');
  const tag = plain.etag ?? '"none"';
  const bare = tag.slice(1, -1);
  const lines = [
    [tag, 304],
    [`W/${tag}`, 304],
    ['*', 304],
    [`${OTHER}, ${tag}`, 304],
    [`${tag},${OTHER}`, 304],
    [`"a,b", W/${tag}`, 304],
    [`, ,${tag},`, 304],
    [`"", ${tag}`, 304],
    [[OTHER, tag], 304],
    [`  ${tag}  `, 304],
    [OTHER, 200],
    [`W/${OTHER}`, 200],
    ['""', 200],
    [`"x, ${bare}, y"`, 200],
    [`"${bare.toUpperCase()}x"`, 200],
    // Neither a list of tags nor `*`: no condition that could hold.
    [bare, 200],
    [`w/${tag}`, [200, 304]],
    [`'${bare}'`, 200],
    ['garbage', 200],
    ['', 200],
    ['"unterminated', 200],
  ];
  for (const [value, wanted] of lines) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await clients.http(path, { method, headers: { ...headers, 'if-none-match': value } });
      report.status(answer, wanted, 'RFC 9110 13.1.2');
      if (answer.status !== 304) continue;
      for (const name of REPEATED) report.header(answer, name, plain.get(name), 'RFC 9110 15.4.5');
    }
  }
  for (const [client, method] of [
    ['curl', 'GET'],
    ['curl', 'HEAD'],
    ['fetch', 'GET'],
  ]) {
    const answer = await clients[client](path, { method, headers: { ...headers, 'accept-encoding': 'identity', 'if-none-match': tag } });
    report.status(answer, 304, 'RFC 9110 13.1.2');
  }
  // Strong comparison: 13.1.1.
  for (const [value, wanted] of [
    [tag, 200],
    ['*', 200],
    [`${OTHER}, ${tag}`, 200],
    [OTHER, 412],
    [`W/${tag}`, 412],
    [`"x, ${bare}"`, 412],
  ]) {
    const answer = await clients.http(path, { headers: { ...headers, 'if-match': value } });
    report.status(answer, wanted, 'RFC 9110 13.1.1');
  }
}

/// The three forms that every recipient takes: 5.6.7.
function forms(date) {
  const [, day, dd, month, year, time] = /^(\w{3}), (\d\d) (\w{3}) (\d{4}) (\S+) GMT$/.exec(date.toUTCString());
  const long = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'][date.getUTCDay()];
  return [
    date.toUTCString(),
    `${long}, ${dd}-${month}-${year.slice(2)} ${time} GMT`,
    `${day} ${month} ${dd.replace(/^0/, ' ')} ${time} ${year}`,
  ];
}

async function dates(clients) {
  const { report } = clients;
  const read = await settle(clients, 'text.txt');
  const modified = new Date(read.get('last-modified'));
  // Some time after the file was written, and not in the future either.
  const later = Date.parse(read.get('date')) - modified;
  const bad = ['yesterday', '', 'Mon, 99 Foo 2020 00:00:00 GMT', '0', new Date(modified).toISOString()];
  const table = {
    'if-modified-since': [
      [0, 304],
      [later, 304],
      [-DAY, 200],
      [-1000, 200],
    ],
    'if-unmodified-since': [
      [0, 200],
      [later, 200],
      [DAY, 200],
      [-DAY, 412],
      [-1000, 412],
    ],
  };
  for (const [name, lines] of Object.entries(table)) {
    const rule = name === 'if-modified-since' ? 'RFC 9110 13.1.3' : 'RFC 9110 13.1.4';
    for (const [shift, wanted] of lines) {
      for (const value of forms(new Date(modified.getTime() + shift))) {
        report.status(await clients.source('text.txt', { headers: { [name]: value } }), wanted, `${rule}, 5.6.7`);
        report.status(await clients.source('text.txt', { method: 'HEAD', headers: { [name]: value } }), wanted, rule);
      }
    }
    for (const value of bad) report.status(await clients.source('text.txt', { headers: { [name]: value } }), 200, `${rule}: ignored`);
  }
  const made = await clients.http('module.ts', {});
  const since = made.get('last-modified');
  if (since) report.status(await clients.http('module.ts', { headers: { 'if-modified-since': since } }), 304, 'RFC 9110 13.1.3');
}

/// 13.2.2: If-Match, else If-Unmodified-Since; then If-None-Match, else If-Modified-Since.
async function precedence(clients) {
  const { report } = clients;
  const read = await settle(clients, 'text.txt');
  const tag = read.etag;
  const same = read.get('last-modified');
  const before = new Date(Date.parse(same) - DAY).toUTCString();
  for (const [headers, wanted] of [
    [{ 'if-match': tag, 'if-unmodified-since': before }, 200],
    [{ 'if-match': OTHER, 'if-unmodified-since': same }, 412],
    [{ 'if-match': OTHER, 'if-none-match': tag }, 412],
    [{ 'if-match': tag, 'if-none-match': tag }, 304],
    [{ 'if-match': tag, 'if-none-match': OTHER }, 200],
    [{ 'if-match': tag, 'if-modified-since': same }, 304],
    [{ 'if-unmodified-since': before, 'if-none-match': tag }, 412],
    [{ 'if-unmodified-since': same, 'if-none-match': tag }, 304],
    [{ 'if-unmodified-since': before, 'if-modified-since': same }, 412],
    [{ 'if-none-match': OTHER, 'if-modified-since': same }, 200],
    [{ 'if-none-match': tag, 'if-modified-since': before }, 304],
    [{ 'if-match': OTHER, 'if-none-match': OTHER, 'if-modified-since': same, range: 'bytes=0-0' }, 412],
  ]) {
    for (const method of ['GET', 'HEAD']) report.status(await clients.source('text.txt', { method, headers }), wanted, 'RFC 9110 13.2.2');
  }
}

/// 13.2.1: an answer that would not be a success is given as it is.
async function notApplied(clients) {
  const { report } = clients;
  const rule = 'RFC 9110 13.2.1';
  for (const headers of [
    { 'if-none-match': '*' },
    { 'if-match': '*' },
    { 'if-match': OTHER },
    { 'if-modified-since': new Date().toUTCString() },
  ]) {
    report.status(await clients.http('missing.txt', { headers }), 404, rule);
    report.status(await clients.source('module', { headers }), 302, rule);
    report.status(await clients.http('broken.ts', { headers }), 406, rule);
    report.status(await clients.http('missing.txt', { method: 'DELETE', headers }), 404, rule);
  }
}

async function writes(clients) {
  const { report } = clients;
  const path = 'written.txt';
  const put = (headers, body) => clients.put(path, body, headers);
  report.status(await put({ 'if-match': '*' }, 'a'), 412, 'RFC 9110 13.1.1');
  report.status(await put({ 'if-match': OTHER }, 'a'), 412, 'RFC 9110 13.1.1');
  report.status(await clients.source(path), 404, 'RFC 9110 13.2.2: nothing was written');
  const made = await put({ 'if-none-match': '*' }, 'a');
  report.status(made, 201, 'RFC 9110 13.1.2');
  report.status(await put({ 'if-none-match': '*' }, 'b'), 412, 'RFC 9110 13.1.2');
  for (const value of [OTHER, `W/${made.etag}`, '"x", "y"']) report.status(await put({ 'if-match': value }, 'b'), 412, 'RFC 9110 13.1.1');
  for (const value of [made.etag, `W/${made.etag}`, `${OTHER}, ${made.etag}`])
    report.status(await put({ 'if-none-match': value }, 'b'), 412, 'RFC 9110 13.1.2');
  report.status(await put({ 'if-match': 'garbage' }, 'b'), [400, 412], 'RFC 9110 13.1.1: it cannot hold');
  report.body(await clients.source(path), 'a', 'RFC 9110 13.2.2: nothing was written');
  // Ignored where the method is neither GET nor HEAD: 13.1.3.
  const second = await put({ 'if-match': `${OTHER}, ${made.etag}`, 'if-modified-since': new Date().toUTCString() }, 'b');
  report.status(second, 204, 'RFC 9110 13.1.1, 13.1.3');
  report.check(`${second.label}: ETag`, 'RFC 9110 8.8.3', second.etag && second.etag !== made.etag, 'another ETag', second.etag);
  report.status(await put({ 'if-match': made.etag }, 'c'), 412, 'RFC 9110 13.1.1');
  report.status(await put({ 'if-none-match': OTHER }, 'c'), 204, 'RFC 9110 13.1.2');
  const now = await clients.source(path, { method: 'HEAD' });
  report.status(await put({ 'if-match': '*' }, 'd'), 204, 'RFC 9110 13.1.1');
  const remove = (headers, of = path) => clients.curl(of, { method: 'DELETE', headers });
  report.status(await remove({ 'if-match': now.etag }), 412, 'RFC 9110 13.1.1');
  const last = await clients.source(path, { method: 'HEAD' });
  report.status(await remove({ 'if-match': last.etag }), 204, 'RFC 9110 13.1.1');
  report.status(await remove({}), 404, 'contract 2');
  report.status(await clients.source(path), 404, 'RFC 9110 9.3.5');
  for (const any of [true, false]) {
    const kept = `kept-${any}.txt`;
    const written = await clients.put(kept, 'kept');
    report.status(await remove({ 'if-none-match': any ? '*' : written.etag }, kept), 412, 'RFC 9110 13.1.2');
    report.status(await clients.source(kept), 200, 'RFC 9110 13.2.2: nothing was deleted');
  }
  // With a date, which a file has from its second second on.
  for (const method of ['PUT', 'DELETE']) {
    const dated = `dated-${method}.txt`;
    await clients.put(dated, 'a');
    const modified = Date.parse((await settle(clients, dated)).get('last-modified'));
    const send = (shift) =>
      clients.fetch(dated, {
        method,
        headers: { 'if-unmodified-since': new Date(modified + shift).toUTCString() },
        body: method === 'PUT' ? `b${shift}` : undefined,
      });
    report.status(await send(-DAY), 412, 'RFC 9110 13.1.4');
    report.body(await clients.source(dated), 'a', 'RFC 9110 13.1.4: nothing was done');
    if ((await clients.source(dated)).status === 404) continue;
    await settle(clients, dated);
    report.status(await send(DAY), 204, 'RFC 9110 13.1.4');
  }
  // A tag of a coded body names the same source, or no precondition holds; but nothing may break.
  const coded = await clients.source('text.txt', { headers: { 'accept-encoding': 'gzip' } });
  const answer = await clients.put('text.txt', FILES['text.txt'], { 'if-match': coded.etag });
  report.status(answer, [204, 412], 'RFC 9110 13.1.1');
}
