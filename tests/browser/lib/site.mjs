// The demo as its visitors get it: copied into a realm, with a page that means harm beside it, and published.
import fs from 'node:fs';
import path from 'node:path';

const DEMO = path.join(import.meta.dirname, '../../../demo');
const SOURCE = '/open-source/';
const PUBLISHED = '/open/';
const READY_WITHIN = 120_000;

/// A document that tries every way in which a page could run what it brings along; each would leave its mark. Its module,
/// which is a file of the realm, runs.
const HARM = `<!doctype html>
<html>
<head><title>Harm</title></head>
<body>
<p id="words">Words.</p>
</div></body></html>
<script>document.documentElement.dataset.ran = 'inline';</script>
<script nonce="">document.documentElement.dataset.ran = 'empty-nonce';</script>
<script type="module">document.documentElement.dataset.ran = 'inline-module';</script>
<script src="data:text/javascript,document.documentElement.dataset.ran='data'"></script>
<img src="none.png" onerror="document.documentElement.dataset.ran = 'handler'">
<a id="link" href="javascript:void (document.documentElement.dataset.ran = 'link')">a link</a>
<base href="https://elsewhere.invalid/">
<object data="harm.ts"></object>
<script type="module" src="./harm.ts"></script>
</body>
</html>
`;
const HARM_MODULE = `import { jsx } from 'realm/jsx-runtime';
const escaped: string = String(jsx('i', { children: '<b>' }));
document.documentElement.dataset.module = escaped;
`;

/// Publishes it; the URL of the realm.
export async function publish(origin) {
  const post = (at, body) => ask(`${origin}${at}`, { method: 'POST', body: JSON.stringify(body) }, [200, 201, 202]);
  await post('/_create-realm', { data: { attributes: { url: origin + SOURCE, name: 'Demo' } } });
  const files = fs.readdirSync(DEMO, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  for (const entry of files) {
    const file = path.join(entry.parentPath ?? entry.path, entry.name);
    await put(origin, path.relative(DEMO, file), fs.readFileSync(file));
  }
  await put(origin, 'harm.html', HARM);
  await put(origin, 'harm.ts', HARM_MODULE);
  const published = origin + PUBLISHED;
  await post('/_publish-realm', { sourceRealmURL: origin + SOURCE, publishedRealmURL: published });
  for (const until = Date.now() + READY_WITHIN; ; ) {
    const answer = await fetch(`${published}_readiness-check?awaitPrerenderHtml=true`);
    if (answer.status === 200) return published;
    if (Date.now() > until) throw new Error(`${published} is not ready: ${answer.status} ${answer.headers.get('x-boxel-not-ready')}`);
  }
}

function put(origin, local, body) {
  const encoded = local.split(path.sep).map(encodeURIComponent).join('/');
  return ask(`${origin}${SOURCE}${encoded}`, { method: 'PUT', body }, [201, 204]);
}

async function ask(url, request, good) {
  const answer = await fetch(url, request);
  if (!good.includes(answer.status)) throw new Error(`${request.method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}
