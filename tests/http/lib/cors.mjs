// Pages of other origins: none may read or write, unless a setting says so.
const FOREIGN = 'https://elsewhere.example';

/// Without the setting. (That no answer has CORS headers is among the general rules.)
export async function noCors(clients) {
  const { report, origin } = clients;
  for (const from of [FOREIGN, 'null', origin.replace('http:', 'https:'), `${origin}0`, 'nonsense', `${origin}.evil.example`]) {
    for (const [path, method, headers] of [
      ['foreign.txt', 'PUT', {}],
      ['foreign.txt', 'POST', { 'content-type': 'application/octet-stream' }],
      ['small.txt', 'DELETE', {}],
      ['_atomic', 'POST', {}],
      ['_invalidate', 'POST', {}],
      ['/_create-realm', 'POST', {}],
    ]) {
      const answer = await clients.curl(path, {
        method,
        headers: { origin: from, ...headers },
        body: method === 'DELETE' ? undefined : '{}',
      });
      report.status(answer, 403, 'contract 2: a write with a foreign Origin');
    }
    report.status(await clients.curl('small.txt', { headers: { origin: from } }), 200, 'contract 2: reads are not refused');
    await clients.curl('small.txt', { method: 'OPTIONS', headers: { origin: from, 'access-control-request-method': 'PUT' } });
  }
  report.status(await clients.source('foreign.txt'), 404, 'contract 2: nothing was written');
  report.status(await clients.source('small.txt'), 200, 'contract 2: nothing was deleted');
  report.status(await clients.curl('own.txt', { method: 'PUT', headers: { origin }, body: 'x' }), 201, 'contract 2: its own origin');
}

/// With `--cors-origins` of `editor`.
export async function cors(clients, editor) {
  const { report } = clients;
  const allow = 'access-control-allow-origin';
  const rule = 'Fetch 3.2';
  const tag = (await clients.http('module.ts')).etag;
  for (const [path, headers, wanted] of [
    ['text.txt', {}, 200],
    ['module.ts', {}, 200],
    ['module', { accept: 'application/vnd.card+source' }, 302],
    ['module.ts', { 'if-none-match': tag }, 304],
    ['data.bin', { range: 'bytes=0-1' }, 206],
    ['missing.txt', {}, 404],
    ['broken.ts', {}, 406],
    ['_info', {}, 200],
  ]) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await clients.http(path, { method, headers: { ...headers, origin: editor } });
      report.status(answer, method === 'HEAD' && wanted === 206 ? 200 : wanted, 'RFC 9110 15');
      report.header(answer, allow, editor, rule);
      report.check(
        `${answer.label}: Vary`,
        `${rule}.5, RFC 9110 12.5.5`,
        answer.list('vary').includes('origin'),
        'Origin',
        answer.get('vary'),
      );
      for (const other of [FOREIGN, 'null', `${editor}.evil.example`, editor.toUpperCase(), undefined]) {
        const denied = await clients.http(path, { method, headers: { ...headers, ...(other && { origin: other }) } });
        report.check(`${denied.label}: ${allow}`, rule, ![other, '*', editor].includes(denied.get(allow) ?? ''), 'none', denied.get(allow));
        report.check(
          `${denied.label}: Vary`,
          `${rule}.5, RFC 9110 12.5.5`,
          denied.list('vary').includes('origin'),
          'Origin',
          denied.get('vary'),
        );
      }
    }
  }
  const exposed = await clients.http('text.txt', { headers: { origin: editor } });
  report.check(
    `${exposed.label}: Access-Control-Expose-Headers`,
    `${rule}.4: an editor needs the ETag`,
    exposed.list('access-control-expose-headers').includes('etag'),
    'ETag',
    exposed.get('access-control-expose-headers'),
  );
  report.check(
    `${exposed.label}: credentials`,
    rule,
    exposed.get('access-control-allow-credentials') === undefined || exposed.get(allow) !== '*',
    'not with *',
    exposed.get(allow),
  );

  const preflight = (from, method, asked) =>
    clients.curl('text.txt', {
      method: 'OPTIONS',
      headers: { origin: from, 'access-control-request-method': method, ...(asked && { 'access-control-request-headers': asked }) },
    });
  for (const [method, asked] of [
    ['GET', 'if-none-match'],
    ['PUT', 'content-type,if-match'],
    ['DELETE', undefined],
    ['GET', 'realm-generation'],
    ['PUT', 'authorization,content-type'],
  ]) {
    const answer = await preflight(editor, method, asked);
    report.status(answer, 204, `${rule}.2`);
    report.header(answer, allow, editor, rule);
    report.check(`${answer.label}: Vary`, rule, answer.list('vary').includes('origin'), 'Origin', answer.get('vary'));
    report.check(
      `${answer.label}: Access-Control-Allow-Methods`,
      rule,
      answer.list('access-control-allow-methods').includes(method.toLowerCase()),
      method,
      answer.get('access-control-allow-methods'),
    );
    const named = answer.list('access-control-allow-headers');
    const missing = (asked ?? '').split(',').filter((name) => name && !named.includes(name));
    report.equal(`${answer.label}: headers that are not allowed`, rule, missing, []);
  }
  const denied = await preflight(FOREIGN, 'PUT', 'if-match');
  report.header(denied, allow, undefined, rule);
  report.status(await clients.curl('small.txt', { method: 'PUT', headers: { origin: FOREIGN }, body: 'x' }), 403, 'contract 2');
  report.body(await clients.curl('small.txt'), 'twenty bytes, as is.', 'contract 2: nothing was written');
}
