// Ranges: RFC 9110 14, on raw bytes and on files that no plugin transforms.
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { REPEATED } from './conditions.mjs';
import { FILES, settle } from './files.mjs';

const SOURCE = { accept: 'application/vnd.card+source' };
const BIG = '9'.repeat(30);

export async function ranges(clients) {
  for (const [path, headers] of [
    ['data.bin', {}],
    ['text.txt', SOURCE],
    ['small.txt', SOURCE],
    ['module.ts', SOURCE],
    ['picture.svg', {}],
    ['style.scss', SOURCE],
  ]) {
    await single(clients, path, headers);
  }
  await emptyFile(clients);
  await ifRange(clients);
  await whole(clients);
  await coded(clients);
  await output(clients);
}

async function single(clients, path, headers) {
  const { report } = clients;
  const bytes = Buffer.from(FILES[path]);
  const length = bytes.length;
  const plain = await clients.curl(path, { headers });
  report.header(plain, 'accept-ranges', 'bytes', 'RFC 9110 14.3');
  const ask = (range, more = {}) => clients.curl(path, { headers: { ...headers, range }, ...more });
  const parts = [
    ['0-0', 0, 0],
    ['0-99', 0, 99],
    ['-1', length - 1, length - 1],
    ['-500', length - 500, length - 1],
    ['500-', 500, length - 1],
    ['10-', 10, length - 1],
    [`${length - 1}-`, length - 1, length - 1],
    [`0-${length + 50}`, 0, length - 1],
    [`7-${BIG}`, 7, length - 1],
    [`-${length + 1}`, 0, length - 1],
    [`-${BIG}`, 0, length - 1],
    [`0-${length - 1}`, 0, length - 1],
    ['007-0009', 7, 9],
  ];
  for (const [spec, from, to] of parts) {
    const [first, last] = [Math.max(from, 0), Math.min(to, length - 1)];
    const answer = await ask(`bytes=${spec}`);
    if (first >= length) {
      report.status(answer, 416, 'RFC 9110 14.1.2, 15.5.17');
      continue;
    }
    report.status(answer, 206, 'RFC 9110 14.1.2, 15.3.7');
    report.header(answer, 'content-range', `bytes ${first}-${last}/${length}`, 'RFC 9110 14.4');
    report.header(answer, 'content-length', String(last - first + 1), 'RFC 9110 15.3.7.1');
    report.header(answer, 'content-type', plain.get('content-type'), 'RFC 9110 15.3.7');
    report.body(answer, bytes.subarray(first, last + 1), 'RFC 9110 14.1.2');
    for (const name of REPEATED) report.header(answer, name, plain.get(name), 'RFC 9110 15.3.7');
  }
  for (const spec of [`${length}-`, `${length}-${length + 9}`, `${BIG}-`, '-0']) {
    const answer = await ask(`bytes=${spec}`);
    report.status(answer, 416, 'RFC 9110 14.1.2, 15.5.17');
    report.header(answer, 'content-range', `bytes */${length}`, 'RFC 9110 15.5.17');
  }
  // The unit's name in any case: 14.1.
  report.status(await ask('Bytes=0-1'), 206, 'RFC 9110 14.1');
  const ignored = [
    'bytes=',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-2',
    'bytes=0x1-2',
    'bytes 0-1',
    'bytes=1',
    'bytes=--1',
    'bytes=0-1-2',
    'bytes=+1-2',
    'lines=0-1',
    '0-1',
    'garbage',
    '',
  ];
  for (const range of ignored) {
    const answer = await ask(range);
    report.status(answer, 200, 'RFC 9110 14.2: ignored');
    report.body(answer, bytes, 'RFC 9110 14.2');
  }
  for (const range of ['bytes=0-1,4-5', 'bytes=0-0,-1', 'bytes=0-,0-,0-,0-,0-,0-,0-']) {
    const answer = await ask(range);
    report.status(answer, [200, 206], 'RFC 9110 14.2, 15.3.7.2');
    if (answer.status === 200) report.body(answer, bytes, 'RFC 9110 14.2');
    else report.matches(answer, 'content-type', /^multipart\/byteranges/, 'RFC 9110 15.3.7.2');
  }
  const head = await ask('bytes=0-1', { method: 'HEAD' });
  report.status(head, 200, 'RFC 9110 14.2: only GET');
  report.header(head, 'content-length', String(length), 'RFC 9110 9.3.2');
  const joined = [];
  for (let at = 0, step = Math.ceil(length / 4); at < length; at += step) joined.push((await ask(`bytes=${at}-${at + step - 1}`)).body);
  report.check(`${path}: four ranges joined`, 'RFC 9110 15.3.7.3', Buffer.concat(joined).equals(bytes), 'the file', 'other bytes');
}

async function emptyFile(clients) {
  const { report } = clients;
  for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=5-', 'bytes=x']) {
    const answer = await clients.curl('empty.txt', { headers: { range } });
    report.status(answer, [200, 416], 'RFC 9110 14.1.2: no part of nothing');
    if (answer.status === 416) report.header(answer, 'content-range', 'bytes */0', 'RFC 9110 15.5.17');
    else report.body(answer, '', 'RFC 9110 14.2');
  }
}

async function ifRange(clients) {
  const { report } = clients;
  const rule = 'RFC 9110 13.1.5';
  const path = 'text.txt';
  const read = await settle(clients, path);
  const tag = read.etag;
  const modified = read.get('last-modified');
  const shifted = (by) => new Date(Date.parse(modified) + by).toUTCString();
  const ask = (headers) => clients.curl(path, { headers: { ...SOURCE, range: 'bytes=2-5', ...headers } });
  for (const [value, wanted] of [
    [tag, 206],
    ['"other"', 200],
    [`W/${tag}`, 200],
    [`"other", ${tag}`, 200],
    ['*', 200],
    [tag.slice(1, -1), 200],
    // A date is a strong validator only for who can know that (8.8.2.2), and must be the very same.
    [modified, [200, 206]],
    [shifted(-1000), 200],
    [shifted(1000), 200],
    [shifted(86_400_000), 200],
    ['garbage', 200],
    ['', [200, 206]],
  ]) {
    const answer = await ask({ 'if-range': value });
    report.status(answer, wanted, rule);
    report.body(answer, FILES[path].slice(...(answer.status === 206 ? [2, 6] : [0])), rule);
  }
  report.status(await ask({ 'if-range': '"other"', range: 'bytes=99999999-' }), 200, rule);
  report.status(await ask({ 'if-range': tag, range: 'bytes=99999999-' }), 416, rule);
  report.status(await clients.curl(path, { headers: { ...SOURCE, 'if-range': tag } }), 200, `${rule}: without Range`);
  report.status(await ask({ 'if-none-match': tag }), 304, 'RFC 9110 13.2.2');
  report.status(await ask({ 'if-none-match': tag, 'if-range': tag }), 304, 'RFC 9110 13.2.2');
  report.status(await ask({ 'if-none-match': tag, range: 'bytes=99999999-' }), 304, 'RFC 9110 13.2.2');
  report.status(await ask({ 'if-none-match': '"other"' }), 206, 'RFC 9110 13.2.2');
  report.status(await ask({ 'if-modified-since': modified }), 304, 'RFC 9110 13.2.2');
  report.status(await ask({ 'if-match': '"other"' }), 412, 'RFC 9110 13.2.2');
  report.status(await ask({ 'if-match': tag }), 206, 'RFC 9110 13.2.2');
}

/// Where there is nothing to take a part of.
async function whole(clients) {
  const { report } = clients;
  const headers = { range: 'bytes=0-3' };
  report.status(await clients.curl('missing.txt', { headers }), 404, 'RFC 9110 14.2');
  report.status(await clients.curl('module', { headers: { ...SOURCE, ...headers } }), 302, 'RFC 9110 14.2');
  report.status(await clients.curl('broken.ts', { headers }), 406, 'RFC 9110 14.2');
  const put = await clients.curl('ranged.txt', { method: 'PUT', headers, body: 'all of it' });
  report.status(put, 201, 'RFC 9110 14.2: only GET');
  report.body(await clients.source('ranged.txt'), 'all of it', 'RFC 9110 14.2');
  const partial = await clients.curl('ranged.txt', { method: 'PUT', headers: { 'content-range': 'bytes 0-2/9' }, body: 'ALL' });
  report.status(partial, 400, 'RFC 9110 14.5: a partial PUT that is not taken');
  report.body(await clients.source('ranged.txt'), 'all of it', 'RFC 9110 14.5');
}

/// With Accept-Encoding a range is of the coded bytes, or of the plain ones: ETag and Content-Encoding must say which.
async function coded(clients) {
  const { report } = clients;
  for (const coding of ['gzip', 'br']) {
    const headers = { ...SOURCE, 'accept-encoding': coding };
    const full = { [coding]: await clients.curl('text.txt', { headers }), none: await clients.curl('text.txt', { headers: SOURCE }) };
    const parts = [];
    for (const range of ['bytes=0-99', 'bytes=100-']) {
      const part = await clients.curl('text.txt', { headers: { ...headers, range } });
      const of = full[part.get('content-encoding') ?? 'none'];
      report.header(part, 'etag', of?.etag, 'RFC 9110 15.3.7, 8.8.3');
      if (part.status === 206) {
        const [from, to] = range === 'bytes=0-99' ? [0, 99] : [100, of.body.length - 1];
        report.header(part, 'content-range', `bytes ${from}-${to}/${of.body.length}`, 'RFC 9110 14.4');
        report.body(part, of.body.subarray(from, to + 1), 'RFC 9110 14.2: a part of the selected representation');
        parts.push(part);
      } else {
        report.status(part, 200, 'RFC 9110 14.2');
      }
      for (const [name, whole] of Object.entries(full)) {
        const ranged = await clients.curl('text.txt', { headers: { ...headers, range, 'if-range': whole.etag } });
        const match = (ranged.get('content-encoding') ?? 'none') === name;
        report.check(
          ranged.label,
          'RFC 9110 13.1.5',
          ranged.status === 200 || (match && ranged.etag === whole.etag),
          'the part of what If-Range names, or 200',
          ranged.brief(),
        );
      }
    }
    if (parts.length < 2) continue;
    const bytes = Buffer.concat(parts.map((part) => part.body));
    const unpack = { gzip: gunzipSync, br: brotliDecompressSync }[parts[0].get('content-encoding')] ?? ((same) => same);
    report.check(
      `text.txt: ${coding} ranges joined`,
      'RFC 9110 15.3.7.3',
      unpack(bytes).equals(Buffer.from(FILES['text.txt'])),
      'the file',
      'other bytes',
    );
  }
}

/// A pipeline's output: a part where parts are promised, else the whole.
async function output(clients) {
  const { report } = clients;
  for (const path of ['module.ts', 'style.scss']) {
    const full = await clients.curl(path);
    const part = await clients.curl(path, { headers: { range: 'bytes=1-9' } });
    report.status(part, [200, 206], 'RFC 9110 14.2');
    report.body(part, part.status === 206 ? full.body.subarray(1, 10) : full.body, 'RFC 9110 14.2');
    report.header(part, 'etag', full.etag, 'RFC 9110 15.3.7');
  }
}
