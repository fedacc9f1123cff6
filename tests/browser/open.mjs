// A browser opens a published demo realm: its page is there, its modules run, and what a document brings along does not.
//
//   node open.mjs --realm-binary PATH
//   node open.mjs --at URL
//
// Needs Node 20 and Chromium. Prints a line for each check that fails, and how many passed and failed.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startHost, stopHost, tail } from '../http/lib/host.mjs';
import { Report } from '../http/lib/report.mjs';
import { findChromium, startChromium } from './lib/chromium.mjs';
import { publish } from './lib/site.mjs';

const RUNTIME = '/_runtime/jsx-runtime.js';

async function main() {
  const { values: options } = parseArgs({ options: { 'realm-binary': { type: 'string' }, at: { type: 'string' } } });
  if (!options['realm-binary'] === !options.at) throw usage('either --realm-binary PATH or --at URL is needed');
  const program = findChromium();
  if (!program) {
    console.log('skipped: Chromium is not installed (`apt-get install chromium`)');
    return 0;
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'realm-browser-'));
  process.once('exit', () => fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

  const report = new Report();
  const data = path.join(folder, 'data');
  fs.mkdirSync(data);
  const host = options.at ? undefined : await startHost(path.resolve(options['realm-binary']), data);
  const chromium = startChromium(program, folder);
  try {
    const realm = options.at ?? (await publish(host.origin));
    await demo(report, chromium, realm);
    await harm(report, chromium, realm);
  } catch (error) {
    if (host) error.message += `\n${tail(host)}`;
    throw error;
  } finally {
    await chromium.stop();
    if (host) await stopHost(host);
  }
  return report.finish();
}

/// The demo's page is made of its card, looks as its style sheet says, and its modules run.
async function demo(report, chromium, realm) {
  report.section = 'demo';
  const tab = await chromium.open(realm);
  const answer = tab.answers.get(realm);
  report.equal('the page: status', 'contract 2', answer?.status, 200);
  const policy = answer?.headers.get('content-security-policy') ?? '';
  report.check('the page: its policy', 'issue 5', /script-src [^;]*'nonce-/.test(policy), 'a nonce', policy);
  const of = await tab.value(`document.querySelector('[data-realm-document]')?.dataset.realmDocument ?? null`);
  report.equal('the page is made of', 'contract 2', of, `${realm}index.json`);
  const shown = await tab.value(`document.querySelector('main h1')?.textContent`);
  report.equal('the heading', 'the demo', shown, 'Hello from a realm');
  report.equal('the title', 'the demo', await tab.value('document.title'), 'Hello from a realm');
  report.equal('the mode', 'HTML 13.1', await tab.value('document.compatMode'), 'CSS1Compat');

  const made = await tab.comes(`document.querySelector('#clicks button span')?.textContent === '0'`);
  report.check('its module', 'issue 5: modules run', made, 'a button that JSX made', await tab.value('document.body.innerText'));
  const click = `(document.querySelector('#clicks button').click(), document.querySelector('#clicks').innerText)`;
  report.equal('a click', 'the demo', await tab.value(click), 'Clicked 1 time');
  report.equal('another', 'the demo', await tab.value(click), 'Clicked 2 times');
  const runtime = tab.answers.get(new URL(RUNTIME, realm).href);
  report.equal('the JSX runtime, by the import map', 'contract 6', runtime?.status, 200);
  const styled = await tab.value(`getComputedStyle(document.querySelector('#clicks button')).borderRadius`);
  report.equal('its style sheet', 'the demo', styled, '4px');
  const hidden = await tab.value(`document.querySelector('script[type=importmap]').getAttribute('nonce')`);
  report.equal('the nonce, as a page sees it', 'HTML 3.2.6.1', hidden, '');
  report.equal('complaints', 'none', complaints(tab), []);
  await tab.close();
}

/// What the host itself does not know of: browsers ask for it of their own accord.
function complaints(tab) {
  return tab.complaints.filter((text) => !text.includes('favicon') && !/Failed to load resource.*404/.test(text));
}

/// A document that means harm runs nothing but modules that are files of the realm.
async function harm(report, chromium, realm) {
  report.section = 'harm';
  const tab = await chromium.open(`${realm}harm.html`);
  const words = await tab.value(`document.querySelector('[data-realm-document] #words')?.textContent`);
  report.equal('the document', 'contract 2: it is shown', words, 'Words.');
  const ran = await tab.comes(`document.documentElement.dataset.module`);
  const module = await tab.value('document.documentElement.dataset.module');
  report.check('its module', 'issue 5: modules run', ran && module === '<i>&lt;b&gt;</i>', 'JSX, escaped', module);
  report.equal('what runs by itself', 'issue 5: CSP', await tab.value('document.documentElement.dataset.ran ?? null'), null);
  await tab.value(`document.querySelector('#link').click()`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  report.equal('what runs when a link is followed', 'issue 5: CSP', await tab.value('document.documentElement.dataset.ran ?? null'), null);
  report.equal('where relative URLs lead', 'issue 5: CSP', await tab.value(`new URL('x', document.baseURI).href`), `${realm}x`);
  const refused = tab.complaints.filter((text) => /Content Security Policy/.test(text));
  report.check('what the browser refused', 'issue 5: CSP', refused.length >= 5, 'five things or more', tab.complaints.join('; '));
  const inserted = `(() => { const script = document.createElement('script'); script.textContent = 'document.documentElement.dataset.ran = "inserted"'; document.body.append(script); return document.documentElement.dataset.ran ?? null; })()`;
  report.equal('a script that a module inserts', 'issue 5: CSP', await tab.value(inserted), null);
  await tab.close();
}

function usage(message) {
  return Object.assign(new Error(message), { usage: true });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.usage || error.code?.startsWith('ERR_PARSE_ARGS') ? `open: ${error.message}` : error);
  process.exitCode = error.usage || error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
}
