// HEAD of everything is GET without its body: RFC 9110 9.3.2.
import { settle } from './files.mjs';

const SOURCE = { accept: 'application/vnd.card+source' };
const LISTING = { accept: 'application/vnd.api+json' };
/// Names of the moment, not of the representation.
const APART = ['date', 'x-request-id'];
/// What belongs to a message that has a body: 9.3.2 lets HEAD leave it out.
const FRAMING = ['content-length', 'transfer-encoding', 'trailer', 'connection', 'keep-alive'];

export async function heads(clients) {
  await settle(clients, 'text.txt');
  const known = (await clients.http('module.ts')).etag;
  const asked = [
    ['text.txt'],
    ['text.txt', SOURCE],
    ['small.txt'],
    ['empty.txt'],
    ['data.bin'],
    ['picture.svg'],
    ['page.html'],
    ['module.ts'],
    ['module.ts', SOURCE],
    ['module'],
    ['module', SOURCE],
    ['module.ts.map'],
    ['tiny.ts'],
    ['style.scss'],
    ['style.scss', SOURCE],
    ['module.ts', { 'accept-encoding': 'gzip' }],
    ['module.ts', { 'accept-encoding': 'br' }],
    ['text.txt', { 'accept-encoding': 'br' }],
    ['text.txt', { ...SOURCE, 'accept-encoding': 'gzip' }],
    ['module.ts', { 'if-none-match': known }],
    ['module.ts', { 'if-match': '"other"' }],
    ['module.ts', { 'if-none-match': '"other"' }],
    ['broken.ts'],
    ['missing.txt'],
    ['missing.txt', SOURCE],
    ['a//b'],
    ['_info'],
    ['_mtimes'],
    ['_no-such-endpoint'],
    ['', LISTING],
    ['folder/', LISTING],
    ['no-folder/', LISTING],
    [''],
    [clients.realm.slice(0, -1)],
    ['/no-realm/a.txt'],
    ['/_health'],
    ['/_ready'],
    ['/_nothing'],
    ['module.ts', { 'realm-generation': '999999' }],
  ];
  for (const [path, headers = {}] of asked) await same(clients, path, headers);
}

async function same(clients, path, headers) {
  const { report } = clients;
  const rule = 'RFC 9110 9.3.2';
  await clients.http(path, { headers });
  const get = await clients.http(path, { headers });
  for (const client of ['http', 'curl']) {
    const head = await clients[client](path, { method: 'HEAD', headers: client === 'curl' ? { accept: '', ...headers } : headers });
    report.status(head, get.status, rule);
    if (client === 'curl') continue;
    const names = new Set([...get.headers.keys(), ...head.headers.keys()].filter((name) => !APART.includes(name)));
    for (const name of names) {
      const missing = FRAMING.includes(name) && head.get(name) === undefined;
      if (missing && !(name === 'content-length' && get.status === 200)) continue;
      report.header(head, name, get.get(name), rule);
    }
  }
}
