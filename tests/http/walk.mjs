// An RFC-minded client: conditional requests, ranges, negotiation, HEAD, errors, and what else HTTP promises.
//
//   node walk.mjs --realm-binary PATH [--only SECTION[,SECTION…]]
//
// Needs Node 20 and curl with HTTP/2. Prints a line for each check that fails, and how many passed and failed.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Clients } from './lib/clients.mjs';
import { conditions } from './lib/conditions.mjs';
import { cors, noCors } from './lib/cors.mjs';
import { errors } from './lib/errors.mjs';
import { events } from './lib/events.mjs';
import { lay } from './lib/files.mjs';
import { framing } from './lib/framing.mjs';
import { heads } from './lib/heads.mjs';
import { startHost, stopHost, tail } from './lib/host.mjs';
import { http2 } from './lib/http2.mjs';
import { negotiation } from './lib/negotiation.mjs';
import { pages } from './lib/pages.mjs';
import { ranges } from './lib/ranges.mjs';
import { realm } from './lib/realm.mjs';
import { Report } from './lib/report.mjs';

const SECTIONS = { conditions, ranges, negotiation, heads, errors, framing, 'no-cors': noCors, http2, realm, pages, events };
const EDITOR = 'https://editor.example';

async function main() {
  const { values: options } = parseArgs({ options: { 'realm-binary': { type: 'string' }, only: { type: 'string' } } });
  if (!options['realm-binary']) throw usage('--realm-binary PATH is needed');
  const binary = path.resolve(options['realm-binary']);
  if (!fs.existsSync(binary)) throw usage(`there is no ${binary}`);
  const wanted = options.only?.split(',') ?? [...Object.keys(SECTIONS), 'cors'];
  const unknown = wanted.find((name) => !(name in SECTIONS) && name !== 'cors');
  if (unknown) throw usage(`there is no section ${unknown}`);

  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'realm-http-'));
  process.once('exit', () => fs.rmSync(data, { recursive: true, force: true }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

  const report = new Report();
  await visit(
    report,
    binary,
    data,
    '/walk/',
    ['--generation-wait', '300ms'],
    false,
    Object.entries(SECTIONS).filter(([name]) => wanted.includes(name)),
  );
  if (wanted.includes('cors')) {
    await visit(report, binary, data, '/shared/', ['--cors-origins', EDITOR], true, [['cors', (clients) => cors(clients, EDITOR)]]);
  }
  return report.finish();
}

/// Walks some sections on one host.
async function visit(report, binary, data, place, settings, allowed, sections) {
  const host = await startHost(binary, data, settings);
  const clients = new Clients(report, host.origin, place, { cors: allowed });
  try {
    report.section = 'files';
    await lay(clients);
    for (const [name, walk] of sections) {
      report.section = name;
      await walk(clients);
    }
    report.check('the host', 'design 1', !host.ended, 'that it is alive', tail(host));
  } catch (error) {
    error.message += `\n(in ${report.section})\n${tail(host)}`;
    throw error;
  } finally {
    clients.close();
    await stopHost(host);
  }
}

function usage(message) {
  return Object.assign(new Error(message), { usage: true });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.usage || error.code?.startsWith('ERR_PARSE_ARGS') ? `walk: ${error.message}` : error);
  process.exitCode = error.usage || error.code?.startsWith('ERR_PARSE_ARGS') ? 2 : 1;
}
