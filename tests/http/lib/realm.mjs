// What a realm says of itself, and the wait for a generation (the host's `--generation-wait` is 300 ms).
export async function realm(clients) {
  await info(clients);
  await mtimes(clients);
  await waits(clients);
}

async function info(clients) {
  const { report, origin } = clients;
  for (const headers of [{ accept: 'application/vnd.api+json' }, {}]) {
    const answer = await clients.curl('_info', { headers });
    report.status(answer, 200, 'reference 2.3');
    report.matches(answer, 'content-type', /^application\/vnd\.api\+json/, 'reference 2.3');
    const { type, id, attributes = {} } = answer.json?.data ?? {};
    report.equal(
      `${answer.label}: type, id, name, visibility`,
      'reference 2.3, contract 3',
      [type, id, attributes.name, attributes.visibility],
      ['realm-info', origin + clients.realm, 'Walk', 'public'],
    );
    for (const name of ['publishable', 'lastPublishedAt'])
      report.equal(`${answer.label}: has ${name}`, 'reference 2.3', name in attributes, true);
    report.matches(answer, 'realm-generation', /^\d+$/, 'contract 2: on every answer about content');
  }
  for (const path of ['/_health', '/_ready']) report.status(await clients.fetch(path), 200, 'contract 3');
}

async function mtimes(clients) {
  const { report, origin } = clients;
  const read = async () => {
    const answer = await clients.fetch('_mtimes', { headers: { accept: 'application/vnd.api+json' } });
    report.status(answer, 200, 'reference 2.3');
    report.matches(answer, 'content-type', /^application\/vnd\.api\+json/, 'reference 2.3');
    return answer.json?.data?.attributes?.mtimes ?? {};
  };
  const url = (path) => origin + clients.realm + path;
  const before = Math.floor(Date.now() / 1000);
  report.status(await clients.put('timed file.txt', 'x'), 201, 'contract 2');
  const times = await read();
  const written = times[url('timed%20file.txt')];
  report.check(
    '_mtimes: a file just written',
    'reference 2.3: its URL, seconds',
    Number.isInteger(written) && written >= before - 1 && written <= Date.now() / 1000 + 1,
    `some ${before}`,
    JSON.stringify(written),
  );
  for (const path of ['text.txt', 'module.ts', 'folder/inner.txt'])
    report.equal(`_mtimes: ${path}`, 'reference 2.3', Number.isInteger(times[url(path)]), true);
  const source = await clients.source('text.txt');
  report.equal(
    '_mtimes: text.txt and its Last-Modified',
    'RFC 9110 8.8.2',
    times[url('text.txt')],
    Date.parse(source.get('last-modified')) / 1000,
  );
  report.status(await clients.fetch('timed%20file.txt', { method: 'DELETE' }), 204, 'contract 2');
  report.equal('_mtimes: a deleted file', 'reference 2.3', (await read())[url('timed%20file.txt')], undefined);
}

async function waits(clients) {
  const { report } = clients;
  const at = (generation, path = 'text.txt', more = {}) =>
    clients.http(path, { headers: { 'realm-generation': String(generation) }, ...more });
  const now = (await clients.put('clock.txt', 'x')).generation;
  for (const generation of [0, 1, now]) {
    const answer = await at(generation);
    report.status(answer, 200, 'contract 2');
    report.check(`${answer.label}: Realm-Generation`, 'contract 2', answer.generation >= now, `at least ${now}`, answer.generation);
  }
  for (const [path, method] of [
    ['text.txt', 'GET'],
    ['text.txt', 'HEAD'],
    ['module.ts', 'GET'],
    ['missing.txt', 'GET'],
    ['_mtimes', 'GET'],
    ['', 'GET'],
  ]) {
    const start = performance.now();
    const answer = await at(now + 1000, path, { method });
    const took = performance.now() - start;
    report.status(answer, 503, 'contract 2');
    report.check(`${answer.label}: the wait`, 'contract 2: bounded', took >= 290 && took < 5000, 'some 300 ms', `${Math.round(took)} ms`);
  }
  for (const value of ['abc', '-1', '', '1.5', '9'.repeat(40)]) {
    const answer = await at(value);
    report.status(answer, value.length === 40 ? [400, 503] : [200, 400], 'RFC 9110 5.5: an unfit value is an error, or nothing');
  }
  // One that comes while the request waits. On a busy machine it may come too late: then once more.
  for (let attempt = 1; ; attempt += 1) {
    const next = (await clients.source('clock.txt', { method: 'HEAD' })).generation + 1;
    const [read, put] = await Promise.all([at(next, 'clock.txt'), clients.put('clock.txt', `change ${attempt}`)]);
    report.equal(`${put.label}: Realm-Generation`, 'design 2: one more for each commit', put.generation, next);
    if (read.status === 503 && attempt < 8) continue;
    report.status(read, 200, 'contract 2: read-your-writes');
    report.body(read, `change ${attempt}`, 'contract 2: read-your-writes');
    return;
  }
}
