// Messages on a raw connection: RFC 9112.
import { FILES } from './files.mjs';
import { general } from './rules.mjs';
import { exchange } from './wire.mjs';

export async function framing(clients) {
  const { report, origin } = clients;
  const host = `Host: ${new URL(origin).host}\r\n`;
  const small = clients.path('small.txt');
  const text = FILES['small.txt'];
  const get = `GET ${small} HTTP/1.1\r\n${host}`;
  /// `wanted`: the statuses allowed, 0 for the end of the connection.
  const raw = async (what, parts, wanted, rule, options) => {
    const got = await exchange(origin, `raw: ${what}`, [parts].flat(), options);
    const [first] = got.answers;
    report.check(
      first.label,
      rule,
      wanted.includes(first.status) && (first.status || got.closed),
      wanted.map((one) => one || 'the end of the connection').join(' or '),
      first.brief(),
    );
    for (const answer of got.answers) {
      // What could not be read as a request has no more than a status.
      const unread = [400, 414, 431, 501, 505].includes(answer.status) && answer.body.length === 0;
      if (!unread) general(report, answer);
    }
    return got;
  };

  await malformed(raw, get, host, small, origin);
  const old = await raw('HTTP/1.0 without Host', `GET ${small} HTTP/1.0\r\n\r\n`, [200], 'RFC 9112 3.2, contract 2: under --origin', {
    ends: true,
  });
  report.body(old.answers[0], text, 'RFC 9112 3.2');
  report.equal(
    'raw: HTTP/1.0 without keep-alive: closed',
    'RFC 9112 9.3',
    [old.closed, old.answers[0].get('transfer-encoding')],
    [true, undefined],
  );
  const close = await raw('Connection: close', `${get}Connection: close\r\n\r\n`, [200], 'RFC 9112 9.6', { ends: true });
  report.equal(
    'raw: Connection: close: Connection, closed',
    'RFC 9112 9.6',
    [close.answers[0].list('connection').includes('close'), close.closed],
    [true, true],
  );

  const two = await raw(
    'three pipelined requests',
    `${get}\r\nHEAD ${small} HTTP/1.1\r\n${host}\r\nGET ${clients.path('missing.txt')} HTTP/1.1\r\n${host}\r\n`,
    [200],
    'RFC 9112 9.3.2',
    { methods: ['GET', 'HEAD', 'GET'] },
  );
  report.equal(
    'raw: three pipelined requests: statuses',
    'RFC 9112 9.3.2',
    two.answers.map((one) => one.status),
    [200, 200, 404],
  );
  const absolute = await raw(
    'absolute-form',
    `GET ${origin}${small} HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n`,
    [200],
    'RFC 9112 3.2.2: the target names the host',
  );
  report.body(absolute.answers[0], text, 'RFC 9112 3.2.2');
  await raw(
    'an absolute-form of another host',
    `GET http://elsewhere.test${small} HTTP/1.1\r\n${host}\r\n`,
    [200, 404, 421],
    'RFC 9112 3.2.2',
  );
  await raw('an empty line first', `\r\n${get}\r\n`, [200], 'RFC 9112 2.2');
  await raw('a header in pieces', [get.slice(0, 9), get.slice(9, 30), get.slice(30), '\r\n'], [200], 'RFC 9112 2.1');
  const body = await raw('GET with a body, then GET', `${get}Content-Length: 5\r\n\r\nGET /${get}\r\n`, [200, 400], 'RFC 9110 9.3.1', {
    methods: ['GET', 'GET'],
    within: 2000,
  });
  if (body.answers[0].status === 200 && !body.closed) report.body(body.answers[1], text, 'RFC 9112 6.3: the body is no request');
  const foreign = await raw(
    'a refused PUT whose body looks like a request',
    `PUT ${small} HTTP/1.1\r\n${host}Origin: http://elsewhere.test\r\nContent-Length: ${get.length + 2}\r\n\r\n${get}\r\nHEAD ${small} HTTP/1.1\r\n${host}\r\n`,
    [403],
    'contract 2',
    { methods: ['PUT', 'HEAD'] },
  );
  report.check(
    'raw: what follows a refused PUT',
    'RFC 9112 6.3',
    foreign.answers[1].status === 200 || foreign.closed,
    'the next answer, or the end',
    foreign.answers[1].brief(),
  );
  report.check(
    'raw: what follows a refused PUT: no second body',
    'RFC 9112 6.3',
    foreign.answers[1].body.length === 0,
    'an answer to HEAD',
    foreign.answers[1].brief(),
  );
  await uploads(clients, raw, host);
}

async function malformed(raw, get, host, small, origin) {
  const bad = [400, 0];
  for (const [what, message, wanted, rule] of [
    ['no Host', `GET ${small} HTTP/1.1\r\n\r\n`, [400], '9112 3.2'],
    ['two Hosts', `${get}Host: elsewhere.test\r\n\r\n`, [400], '9112 3.2'],
    ['an unfit Host', `GET ${small} HTTP/1.1\r\nHost: a b/c?\r\n\r\n`, [400], '9112 3.2'],
    ['a space before the colon', `${get}X-A : b\r\n\r\n`, bad, '9112 5.1'],
    ['a folded line', `${get}X-A: b\r\n c\r\n\r\n`, [200, 400, 0], '9112 5.2'],
    ['a NUL in a value', `${get}X-A: b\0c\r\n\r\n`, [200, 400, 0], '9110 5.5'],
    ['a bare CR in a value', `${get}X-A: b\rc\r\n\r\n`, [200, 400, 0], '9112 2.2'],
    ['no version', `GET ${small}\r\n\r\n`, bad, '9112 3'],
    ['two spaces', `GET  ${small} HTTP/1.1\r\n${host}\r\n`, bad, '9112 3'],
    ['a space in the target', `GET ${small} x HTTP/1.1\r\n${host}\r\n`, bad, '9112 3.2'],
    ['an unknown version', `GET ${small} HTTP/3.7\r\n${host}\r\n`, [400, 505, 0], '9110 15.6.6'],
    ['something else than HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', bad, '9112 3'],
    ['a relative target', `GET ${small.slice(1)} HTTP/1.1\r\n${host}\r\n`, bad, '9112 3.2'],
    ['CONNECT', `CONNECT ${new URL(origin).host} HTTP/1.1\r\n${host}\r\n`, [400, 404, 405, 501, 0], '9110 9.3.6'],
    ['a huge head', `${get}${`X-Fill: ${'x'.repeat(8000)}\r\n`.repeat(20)}\r\n`, [431], '6585 5'],
    ['many headers', `${get}${'X-Fill: x\r\n'.repeat(5000)}\r\n`, [431], '6585 5'],
    ['one huge header', `${get}X-Fill: ${'x'.repeat(600_000)}\r\n\r\n`, [431, 0], '6585 5'],
  ])
    await raw(what, message, wanted, `RFC ${rule}`);
}

async function uploads(clients, raw, host) {
  const { report } = clients;
  let count = 0;
  const put = (headers, more = '') => {
    count += 1;
    const path = clients.path(`upload-${count}.txt`);
    return [path, `PUT ${path} HTTP/1.1\r\n${host}${headers}\r\n${more}`];
  };
  const methods = ['PUT'];
  const absent = async (path, what) => report.status(await clients.source(path), 404, `${what}: nothing was written`);
  for (const [what, headers, more, rule] of [
    ['two Content-Lengths', 'Content-Length: 3\r\nContent-Length: 5\r\n', 'abcde', '6.3'],
    ['a Content-Length of two', 'Content-Length: 3, 5\r\n', 'abcde', '6.3'],
    ['Content-Length: -1', 'Content-Length: -1\r\n', '', '6.3'],
    ['Content-Length: +3', 'Content-Length: +3\r\n', 'abc', '6.3'],
    ['Content-Length: abc', 'Content-Length: abc\r\n', 'abc', '6.3'],
    ['a Content-Length beyond all numbers', `Content-Length: ${'9'.repeat(40)}\r\n`, 'abc', '6.3'],
    ['a transfer coding that is not known', 'Transfer-Encoding: nonsense\r\n', 'abc', '6.1'],
    ['chunked that is not the last', 'Transfer-Encoding: chunked, gzip\r\n', '3\r\nabc\r\n0\r\n\r\n', '6.3'],
    ['a bad chunk size', 'Transfer-Encoding: chunked\r\n', 'xyz\r\nabc\r\n0\r\n\r\n', '7.1'],
    ['a chunk that is longer than it says', 'Transfer-Encoding: chunked\r\n', '2\r\nabc\r\n0\r\n\r\n', '7.1'],
    ['a chunk size beyond all numbers', 'Transfer-Encoding: chunked\r\n', `${'f'.repeat(20)}\r\nabc\r\n0\r\n\r\n`, '7.1'],
  ]) {
    const [path, message] = put(headers, more);
    await raw(what, message, [400, 413, 501, 0], `RFC 9112 ${rule}`, { methods });
    await absent(path, `RFC 9112 ${rule}`);
  }
  for (const [what, headers, more] of [
    ['a body cut short', 'Content-Length: 10\r\n', 'abc'],
    ['chunks cut short', 'Transfer-Encoding: chunked\r\n', '3\r\nabc\r\n'],
  ]) {
    const [path, message] = put(headers, more);
    await raw(what, message, [400, 408, 0], 'RFC 9112 8', { methods, half: true });
    await absent(path, 'RFC 9112 8');
  }
  const [both, message] = put('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '3\r\nabc\r\n0\r\n\r\n');
  const mixed = await raw('Transfer-Encoding and Content-Length', message, [201, 400, 0], 'RFC 9112 6.1', { methods, ends: true });
  report.equal('raw: Transfer-Encoding and Content-Length: closed', 'RFC 9112 6.1', mixed.closed, true);
  if (mixed.answers[0].status === 201) report.body(await clients.source(both), 'abc', 'RFC 9112 6.3');

  const [chunked, stream] = put('Transfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n');
  await raw(
    'chunks with extensions and a trailer',
    [stream, '4;a=b\r\nabcd\r\n', '0A\r\nefghijklmn\r\n', '0\r\nX-Sum: 1\r\n\r\n'],
    [201],
    'RFC 9112 7.1',
    { methods },
  );
  report.body(await clients.source(chunked), 'abcdefghijklmn', 'RFC 9112 7.1');
  const [empty, nothing] = put('');
  await raw('PUT without a length', nothing, [201], 'RFC 9112 6.3: an empty body', { methods });
  report.body(await clients.source(empty), '', 'RFC 9112 6.3');

  const [expected, ask] = put('Expect: 100-Continue\r\nContent-Length: 5\r\n');
  const went = await raw('Expect: 100-continue', [ask, (got) => got.interim.length > 0, 'hello'], [201], 'RFC 9110 10.1.1', { methods });
  report.equal(
    'raw: Expect: 100-continue: interim answers',
    'RFC 9110 10.1.1',
    went.interim.map((one) => one.status),
    [100],
  );
  report.body(await clients.source(expected), 'hello', 'RFC 9110 10.1.1');
  const [refused, large] = put(`Expect: 100-continue\r\nContent-Length: ${(5 << 20) + 1}\r\n`);
  await raw(
    'Expect: 100-continue before a body that is too large',
    large,
    [413],
    'RFC 9110 10.1.1: the final status, where the head determines it',
    { methods },
  );
  await absent(refused, 'RFC 9110 15.5.14');
  const [denied, page] = put('Origin: http://elsewhere.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n');
  await raw('Expect: 100-continue of a foreign page', page, [403], 'RFC 9110 10.1.1: the final status, where the head determines it', {
    methods,
  });
  await absent(denied, 'contract 2');
  const [odd, other] = put('Expect: something-else\r\nContent-Length: 5\r\n', 'hello');
  const unmet = await raw('another expectation', other, [201, 417], 'RFC 9110 10.1.1', { methods });
  report.status(await clients.source(odd), unmet.answers[0].status === 201 ? 200 : 404, 'RFC 9110 10.1.1');
}
