// Real documents through the index of a real host: the Markdown of known projects, and a generated realm of cards. Indexed
// from scratch, read as pages, searched, edited. See README.md.
//
//   node documents.mjs --realm-binary PATH [--documents 2000] [--folder DIR] [--database-url URL]
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { command, startHost, stopHost, tail } from './lib/host.mjs';
import { install, tools } from './lib/packages.mjs';
import { milliseconds, Report } from './lib/report.mjs';
import * as requests from './lib/requests.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const AT_ONCE = 8;
const READY_WITHIN = 600_000;
const HTML = { accept: 'text/html,*/*;q=0.8' };
const say = (text) => console.error(`documents: ${text}`);

async function main() {
  const { values: options } = parseArgs({
    options: {
      'realm-binary': { type: 'string' },
      'database-url': { type: 'string' },
      documents: { type: 'string', default: '2000' },
      folder: { type: 'string', default: path.join(HERE, '..', '..', 'corpus') },
    },
  });
  if (!options['realm-binary']) throw Object.assign(new Error('--realm-binary PATH is needed'), { exit: 2 });
  const binary = path.resolve(options['realm-binary']);
  const folder = path.resolve(options.folder);
  if (install(HERE, folder)) say(`packages installed in ${folder}`);
  const { parse5 } = await tools(folder);
  const report = new Report({});
  const run = { report, parse5, binary, database: options['database-url'] };

  script('markdown.mjs', '--out', path.join(folder, 'markdown'));
  await markdown(run, path.join(folder, 'markdown'));

  const cards = fs.mkdtempSync(path.join(os.tmpdir(), 'realm-cards-'));
  try {
    script('cards.mjs', cards, '--documents', options.documents);
    await theCards(run, cards, Number(options.documents));
  } finally {
    fs.rmSync(cards, { recursive: true, force: true });
  }
  return report.finish();
}

function script(name, ...args) {
  const done = spawnSync(process.execPath, [path.join(HERE, name), ...args], { stdio: ['ignore', 2, 2] });
  if (done.status !== 0) throw new Error(`${name}: exit ${done.status ?? done.signal}`);
}

/// A host with `tree` imported at `/<name>/` while nothing works on it, then one that does: what that takes is what indexing
/// takes.
async function indexed(run, name, tree, documents, check) {
  const database = run.database ? ['--database-url', run.database] : [];
  let host = await startHost(run.binary, { args: ['--role', 'serve', '--origin', ORIGIN, ...database] });
  const realm = `${ORIGIN}/${name}/`;
  try {
    await command(host, 'create', realm);
    await command(host, 'import', tree, realm);
    await stopHost(host, { keep: true });
    host = await startHost(run.binary, { args: ['--role', 'serve,work', '--origin', ORIGIN, ...database], data: host.data });
    const begun = performance.now();
    const at = `${host.origin}/${name}/`;
    await ready(host, at);
    const took = performance.now() - begun;
    const visits = await outcomes(host);
    console.log(
      `${name}: ${documents} documents from scratch in ${milliseconds(took)}, ${((documents / took) * 1000).toFixed(0)} a second; ` +
        Object.entries(visits).map(([outcome, count]) => `${count} ${outcome}`).join(', '),
    );
    await check(host, at, realm);
  } catch (error) {
    if (host.ended) error.message += `\nthe host ended during the run\n${tail(host)}`;
    throw error;
  } finally {
    await stopHost(host);
  }
}

const ORIGIN = 'http://documents.test';

/// Waits until everything that has been committed is in the index, with its HTML.
async function ready(host, realm) {
  const until = performance.now() + READY_WITHIN;
  for (;;) {
    const answer = await requests.get(`${realm}_readiness-check?awaitPrerenderHtml=true`);
    if (answer.status === 200) return;
    if (performance.now() > until || host.ended) throw new Error(`not ready: ${answer.status} ${answer.body}\n${tail(host)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/// Visits of the index by what they came to, in one order: the metrics have none.
async function outcomes(host) {
  const text = await (await fetch(`${host.admin}/_metrics`)).text();
  const lines = [...text.matchAll(/^realm_index_visits_total\{outcome="(\w+)"\} (\d+)/gm)];
  return Object.fromEntries(lines.map(([, outcome, count]) => [outcome, Number(count)]).sort());
}

async function search(realm, query) {
  const response = await fetch(`${realm}_search`, {
    method: 'POST',
    headers: { 'x-http-method-override': 'QUERY', 'content-type': 'application/json' },
    body: JSON.stringify(query),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`search ${JSON.stringify(query)}: ${response.status} ${text}`);
  return JSON.parse(text);
}

function* walk(folder, below = '') {
  for (const entry of fs.readdirSync(path.join(folder, below), { withFileTypes: true })) {
    const local = below ? `${below}/${entry.name}` : entry.name;
    if (entry.isDirectory()) yield* walk(folder, local);
    else if (entry.isFile() && !entry.name.startsWith('.')) yield local;
  }
}

/// What an HTML parser says of a page, as far as it is wrong.
function wrong(parse5, html) {
  const found = [];
  parse5.parse(html, { onParseError: ({ code, startLine, startCol }) => found.push(`${code} at ${startLine}:${startCol}`) });
  return found;
}

async function pages(run, realm, documents) {
  const answers = new Array(documents.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < documents.length; index = next++) {
      answers[index] = await requests.get(requests.urlOf(realm, documents[index]), HTML);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  documents.forEach((document, index) => {
    const answer = answers[index];
    const refused = requests.refusal(answer, 'text/html');
    const html = answer.body.toString('utf8');
    const problems = refused ? [['answer', refused]] : wrong(run.parse5, html).slice(0, 3).map((what) => ['html', what]);
    run.report.check(document, problems);
  });
  return answers;
}

async function markdown(run, tree) {
  const documents = [...walk(tree)].filter((local) => /\.(md|markdown)$/.test(local));
  await indexed(run, 'markdown', tree, documents.length, async (host, realm) => {
    const answers = await pages(run, realm, documents);
    say(`${answers.length} pages read`);
    const errors = await (await fetch(`${realm}_indexing-errors`)).json();
    run.report.check('(indexing errors)', errors.data.map((error) => ['index', JSON.stringify(error).slice(0, 300)]));
    // Every document is found by the words of its own heading.
    const begun = performance.now();
    let searches = 0;
    for (const [index, document] of documents.entries()) {
      if (index % 10) continue;
      const [, heading] = /<h1[^>]*>(.*?)<\/h1>/s.exec(answers[index].body.toString('utf8')) ?? [];
      const words = heading?.replace(/<[^>]*>|&\w+;/g, ' ').match(/[\p{L}\p{N}]+/gu)?.slice(0, 6).join(' ');
      if (!words) continue;
      const found = await search(realm, { filter: { matches: words }, page: { size: 100 } });
      searches += 1;
      const ids = found.data.map(({ id }) => decodeURI(id));
      const there = ids.some((id) => id.endsWith(`/${document}`)) || found.meta.page.total > 100;
      run.report.check(`(search) ${document}`, there ? [] : [['search', `not among ${ids.length} found by ${words}`]]);
    }
    console.log(`markdown: ${searches} searches, ${milliseconds((performance.now() - begun) / searches)} each`);
  });
}

async function theCards(run, tree, count) {
  const files = [...walk(tree)];
  const documents = files.filter((local) => local.endsWith('.json') && local !== 'realm.json');
  const modules = files.filter((local) => /\.tsx?$/.test(local));
  run.report.check('(cards)', documents.length >= count && modules.length >= 40 ? [] : [['corpus', `${documents.length} documents, ${modules.length} modules`]]);
  await indexed(run, 'cards', tree, documents.length, async (host, realm, url) => {
    await pages(run, realm, documents);
    const errors = await (await fetch(`${realm}_indexing-errors`)).json();
    run.report.check('(indexing errors)', errors.data.map((error) => ['index', JSON.stringify(error).slice(0, 300)]));
    const all = await search(realm, { filter: { not: { eq: { nobody: 1 } } }, page: { size: 1 } });
    run.report.check('(search) all', all.meta.page.total >= documents.length ? [] : [['search', `${all.meta.page.total} found`]]);
    const users = await usersOf(realm, documents);
    // A leaf that all need, and a module that few do.
    const few = [...users].filter(([, of]) => of.length > 1).sort((a, b) => a[1].length - b[1].length)[0];
    const most = [...users].sort((a, b) => b[1].length - a[1].length)[0];
    for (const [module, of] of [few, most]) {
      const local = decodeURI(module.slice(url.length));
      const source = fs.readFileSync(path.join(tree, local), 'utf8');
      await unchanged(run, host, realm, local, source);
      await edited(run, host, realm, local, `${source}\nexport const edited = 1;\n`, of.length);
    }
  });
}

/// Which documents have read which module, as the host tells it.
async function usersOf(realm, documents) {
  const users = new Map();
  for (const document of documents) {
    const of = requests.urlOf(realm.replace(/^http:\/\/[^/]+/, ORIGIN), document);
    const answer = await (await fetch(`${realm}_dependencies?url=${encodeURIComponent(of)}`)).json();
    for (const { id } of answer.data) {
      if (/\.tsx?$/.test(id)) users.set(id, [...(users.get(id) ?? []), document]);
    }
  }
  return users;
}

async function put(realm, local, text) {
  const response = await fetch(requests.urlOf(realm, local), { method: 'PUT', body: text });
  if (response.status !== 204) throw new Error(`PUT ${local}: ${response.status} ${await response.text()}`);
}

/// An edit that changes nothing does nothing.
async function unchanged(run, host, realm, local, source) {
  const before = JSON.stringify(await outcomes(host));
  await put(realm, local, source);
  await ready(host, realm);
  const after = JSON.stringify(await outcomes(host));
  run.report.check(`(same bytes) ${local}`, before === after ? [] : [['edit', `visits before ${before}, after ${after}`]]);
}

/// An edit of a module renders exactly the documents that have read it.
async function edited(run, host, realm, local, text, users) {
  const before = await outcomes(host);
  const begun = performance.now();
  await put(realm, local, text);
  await ready(host, realm);
  const took = performance.now() - begun;
  const after = await outcomes(host);
  const rendered = (after.rendered ?? 0) - (before.rendered ?? 0);
  run.report.check(`(edit) ${local}`, rendered === users ? [] : [['edit', `${rendered} documents were rendered, ${users} have read it`]]);
  console.log(
    `cards: an edit of ${local}, which ${users} documents have read: ${milliseconds(took)} until the last one's new HTML, ` +
      `${((users / took) * 1000).toFixed(0)} a second`,
  );
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`documents: ${error.message}`);
  if (!error.exit) console.log('0 passed, 1 failed');
  process.exitCode = error.exit ?? 1;
}
