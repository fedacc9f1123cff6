// Documents' pages and renderings, what is told of the index, and the module that the host gives to pages. A host that renders
// nothing serves documents as they are: then the rest is held against what it says of that.
import { gunzipSync } from 'node:zlib';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const RENDERING = 'application/vnd.card+html';
const RUNTIME = '/_runtime/jsx-runtime.js';
const NOTE = '# A note\n\nWith *words*, and `<script>alert(1)</script>`.\n';

export async function pages(clients) {
  const { report } = clients;
  const put = await clients.put('pages/note.md', NOTE);
  report.status(put, 201, 'contract 2');
  await ready(clients);
  const shown = await clients.http('pages/note.md', { headers: { accept: BROWSER } });
  report.status(shown, 200, 'contract 2');
  if (/^text\/html\b/.test(shown.get('content-type') ?? '')) await page(clients, shown, put);
  else report.body(shown, NOTE, 'contract 2: without a rendering, as it is');
  for (const accept of ['*/*', 'application/vnd.card+source']) {
    report.body(await clients.http('pages/note.md', { headers: { accept } }), NOTE, 'contract 2: for those who ask for no page');
  }
  await renderings(clients);
  await told(clients);
  await runtime(clients);
}

/// Waits until the host says that the realm's pages are made.
async function ready(clients) {
  const { report } = clients;
  const until = Date.now() + 60_000;
  for (;;) {
    const answer = await clients.http('_readiness-check?awaitPrerenderHtml=true', { lenient: true });
    if (answer.status !== 503 || Date.now() > until) {
      report.status(answer, 200, 'reference 2.3');
      return;
    }
    report.matches(answer, 'x-boxel-not-ready', /^(startup|index|prerender-html)$/, 'reference 2.3');
    report.matches(answer, 'retry-after', /^\d+$/, 'reference 2.3');
  }
}

function nonce(answer) {
  return /'nonce-([A-Za-z0-9+/_-]{22,}=*)'/.exec(answer.get('content-security-policy') ?? '')?.[1];
}

async function page(clients, shown, put) {
  const { report } = clients;
  const ask = (more = {}, method = 'GET') => clients.http('pages/note.md', { method, headers: { accept: BROWSER, ...more } });
  report.matches(shown, 'content-security-policy', /script-src [^;]*'nonce-/, 'issue 5: CSP and nonce');
  report.check(`${shown.label}: script-src`, 'issue 5', !/script-src [^;]*'unsafe-inline'/.test(shown.get('content-security-policy')), 'no inline scripts', shown.get('content-security-policy'));
  const own = nonce(shown);
  report.equal(`${shown.label}: the nonce in the page`, 'issue 5', shown.text.split(own).length, 2);
  const map = new RegExp(`<script type="importmap" nonce="${own?.replace(/[+/]/g, '\\$&')}">(.*?)</script>`, 's').exec(shown.text)?.[1];
  let imports = {};
  try {
    imports = JSON.parse(map).imports;
  } catch (error) {
    report.check(`${shown.label}: the import map`, 'contract 6', false, 'JSON', error.message);
  }
  report.equal(`${shown.label}: realm/jsx-runtime`, 'contract 6', new URL(imports['realm/jsx-runtime'] ?? '/', clients.origin).pathname, RUNTIME);
  report.matches({ ...shown, get: () => shown.text.slice(0, 15) }, 'the beginning', /^<!doctype html>/i, 'contract 2: the page shell');
  report.check(`${shown.label}: Realm-Generation`, 'contract 2', shown.generation >= put.generation, `at least ${put.generation}`, shown.generation);
  const again = await ask();
  report.check(`${again.label}: the nonce`, 'issue 5', nonce(again) && nonce(again) !== own, 'another one', nonce(again));
  report.header(again, 'etag', shown.etag, 'RFC 9110 8.8.3: it names the content');
  const same = again.text.replaceAll(nonce(again), own) === shown.text;
  report.check(`${again.label}: the body`, 'RFC 9110 8.8.3', same, 'the same but for the nonce', `${again.body.length} other bytes`);
  report.check(`${again.label}: ETag`, 'RFC 9110 8.8.1: bytes that differ have no strong tag in common', /^W\//.test(again.etag), 'a weak one', again.etag);
  const known = await ask({ 'if-none-match': shown.etag });
  report.status(known, 304, 'RFC 9110 13.1.2');
  report.header(known, 'content-security-policy', undefined, 'issue 5: the kept body has the nonce that it came with');
  report.header(known, 'etag', shown.etag, 'RFC 9110 15.4.5');
  report.status(await ask({ 'if-match': shown.etag }), 412, 'RFC 9110 13.1.1: a strong comparison');
  const head = await ask({}, 'HEAD');
  for (const name of ['content-type', 'content-length', 'etag', 'vary', 'cache-control']) report.header(head, name, shown.get(name), 'RFC 9110 9.3.2');
  const coded = await ask({ 'accept-encoding': 'gzip' });
  if (coded.get('content-encoding') === 'gzip') {
    const text = gunzipSync(coded.body).toString().replaceAll(nonce(coded), own);
    report.check(`${coded.label}: the body`, 'RFC 9110 8.4', text === shown.text, 'the page', `${coded.body.length} other bytes`);
    report.check(`${coded.label}: ETag`, 'RFC 9110 8.8.3.3', coded.etag !== shown.etag, 'one of its own', coded.etag);
  }
  const alias = await clients.http('pages/note', { headers: { accept: BROWSER } });
  report.status(alias, 200, 'contract 2');
  report.equal(`${alias.label}: Content-Location`, 'RFC 9110 8.7', alias.get('content-location'), `${clients.realm}pages/note.md`);
  for (const one of [shown, alias]) report.check(`${one.label}: Vary`, 'RFC 9110 12.5.5', one.list('vary').includes('accept'), 'Accept', one.get('vary'));
}

async function renderings(clients) {
  const { report } = clients;
  const ask = (path) => clients.http(path, { headers: { accept: RENDERING } });
  for (const query of ['?format=gilded', '?format=', '?format=Isolated']) {
    const answer = await ask(`pages/note.md${query}`);
    report.status(answer, 400, 'contract 2: an unknown format');
    report.matches({ ...answer, get: () => answer.text }, 'the body', /isolated.*embedded/, 'contract 2: it says which there are');
  }
  for (const path of ['pages/note.md', 'pages/note.md?format=isolated', 'pages/note.md?format=fitted&as=none']) {
    const answer = await ask(path);
    report.status(answer, [200, 404], 'contract 2');
    if (answer.status !== 200) continue;
    report.matches(answer, 'content-security-policy', /sandbox/, 'issue 5: a part of somebody\'s page runs nothing by itself');
    report.matches(answer, 'etag', /^"/, 'contract 2: strong');
  }
  report.status(await ask('pages/none.md'), 404, 'contract 2');
}

async function told(clients) {
  const { report, origin, realm } = clients;
  for (const [path, type] of [
    ['_types', /^application\/json\b/],
    ['_indexing-errors', /^application\/vnd\.api\+json\b/],
    [`_dependencies?url=${origin}${realm}pages/note.md`, /^application\/vnd\.api\+json\b/],
    [`_dependencies?url=${origin}${realm}pages/unknown.md`, /^application\/vnd\.api\+json\b/],
  ]) {
    const answer = await clients.http(path);
    report.status(answer, 200, 'reference 2.3');
    report.matches(answer, 'content-type', type, 'reference 2.3');
    report.equal(`${answer.label}: data`, 'reference 2.3', Array.isArray(answer.json?.data), true);
    report.matches(answer, 'realm-generation', /^\d+$/, 'contract 2: on every answer about content');
    if (path.includes('unknown')) report.equal(`${answer.label}: data`, 'reference 2.3', answer.json?.data, []);
  }
  report.status(await clients.http('_dependencies'), 400, 'reference 2.3');
  for (const path of ['_types', '_indexing-errors', '_dependencies']) report.status(await clients.http(path, { method: 'POST' }), 405, 'RFC 9110 15.5.6');
}

async function runtime(clients) {
  const { report } = clients;
  const module = await clients.http(RUNTIME);
  report.status(module, 200, 'contract 6');
  report.matches(module, 'content-type', /^text\/javascript\b/, 'contract 6');
  report.matches(module, 'etag', /^"[^"]+"$/, 'issue 5: strong');
  report.matches(module, 'cache-control', /max-age=\d+/, 'issue 5');
  report.check(`${module.label}: the body`, 'contract 6', /\bexport\b/.test(module.text), 'a module', module.text.slice(0, 40));
  report.status(await clients.http(RUNTIME, { headers: { 'if-none-match': module.etag } }), 304, 'RFC 9110 13.1.2');
  const head = await clients.http(RUNTIME, { method: 'HEAD' });
  report.header(head, 'content-length', module.get('content-length'), 'RFC 9110 9.3.2');
  report.status(await clients.http(RUNTIME, { method: 'DELETE' }), 405, 'RFC 9110 15.5.6');
  report.status(await clients.http('/_runtime/none.js'), 404, 'contract: nothing else there');
}
