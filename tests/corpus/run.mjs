// Real TypeScript and SCSS through a real host: see README.md.
//
//   node run.mjs --realm-binary PATH [--subset] [--folder DIR]
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { canary } from './lib/canary.mjs';
import { command, startHost, stopHost, tail } from './lib/host.mjs';
import { checkMap, MAP_EVERY, MAP_EVERY_IN_SUBSET } from './lib/maps.mjs';
import { compareModules, reference } from './lib/modules.mjs';
import { install, layOut, readSubset, tools } from './lib/packages.mjs';
import { milliseconds, readExceptions, Report } from './lib/report.mjs';
import * as requests from './lib/requests.mjs';
import { compareStyles, compile } from './lib/styles.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const AT_ONCE = 8;
const GUEST_CALLS = 'realm_guest_calls_total';
/// What the full corpus must have at the least, so that it cannot shrink unseen.
const LEAST = { modules: 1000, bytes: 5_000_000, tsx: 100 };

const say = (text) => console.error(`corpus: ${text}`);

async function main() {
  const { values: options } = parseArgs({
    options: {
      'realm-binary': { type: 'string' },
      subset: { type: 'boolean', default: false },
      folder: { type: 'string', default: path.join(HERE, '..', '..', 'corpus') },
    },
  });
  if (!options['realm-binary']) throw usage('--realm-binary PATH is needed');
  const binary = path.resolve(options['realm-binary']);
  if (!fs.existsSync(binary)) throw usage(`there is no ${binary}`);
  const folder = path.resolve(options.folder);

  const report = new Report(readExceptions(path.join(HERE, 'exceptions.json')));
  if (install(HERE, folder)) say(`packages installed in ${folder}`);
  const kit = await tools(folder);
  const subset = options.subset ? readSubset(path.join(HERE, 'subset.txt')) : null;
  const tree = path.join(folder, subset ? 'tree-subset' : 'tree');
  const { modules, styles } = layOut(folder, tree, subset);
  checkCorpus(report, modules, styles, subset);
  report.check('(canaries)', canary(kit));

  say('starting the host');
  const host = await startHost(binary);
  try {
    const realm = `${host.origin}/corpus/`;
    await command(host, 'create', realm);
    const importing = performance.now();
    await command(host, 'import', tree, realm);
    const imported = performance.now() - importing;

    const files = [...modules, ...styles];
    say(`asking for ${files.length} files`);
    const cold = await pass(host, realm, files);
    const warm = await pass(host, realm, files);
    checkPasses(report, files, cold, warm);

    say('comparing');
    const every = subset ? MAP_EVERY_IN_SUBSET : MAP_EVERY;
    const maps = await compareAll(report, kit, realm, modules, cold.answers, every);
    const steps = compareStyleSheets(report, kit, styles, cold.answers.slice(modules.length));
    report.checkExceptions(!subset);
    if (host.ended) throw new Error('everything was asked, but the host is gone');
    summary({ kit, modules, styles, imported, cold, warm, maps, steps });
    return report.finish();
  } catch (error) {
    if (host.ended) error.message += `\nthe host ended during the run\n${tail(host)}`;
    throw error;
  } finally {
    await stopHost(host);
  }
}

function checkCorpus(report, modules, styles, subset) {
  const paths = new Set([...modules, ...styles].map((file) => file.path));
  if (subset) {
    for (const wanted of subset) if (!paths.has(wanted)) report.check(wanted, [['corpus', 'is in subset.txt, but in no package']]);
    return;
  }
  const have = {
    modules: modules.length,
    bytes: modules.reduce((sum, module) => sum + module.bytes, 0),
    tsx: modules.filter((module) => module.path.endsWith('.tsx')).length,
  };
  const short = Object.keys(LEAST).filter((key) => have[key] < LEAST[key]);
  report.check('(corpus)', short.map((key) => ['corpus', `${have[key]} ${key}, at least ${LEAST[key]} are wanted`]));
}

/// One GET of everything, and how many guest calls the host made for it.
async function pass(host, realm, files) {
  const before = await requests.counter(host.admin, GUEST_CALLS);
  const start = performance.now();
  const answers = await requests.getAll(realm, files, AT_ONCE);
  const took = performance.now() - start;
  const after = await requests.counter(host.admin, GUEST_CALLS);
  return { answers, took, calls: requests.total(after) - requests.total(before) };
}

/// The second pass is all hits, with the same bytes, and no plugin runs for it.
function checkPasses(report, files, cold, warm) {
  // If the counter were misspelt or dead, "it did not move" would prove nothing.
  const dead = cold.calls > 0 ? [] : [['calls', `${GUEST_CALLS} did not move during the first pass`]];
  const moved = warm.calls === 0 ? [] : [['calls', `${warm.calls} guest calls during the second pass`]];
  report.check('(guest calls)', [...dead, ...moved]);
  const other = new Map();
  warm.answers.forEach((answer, index) => {
    const first = cold.answers[index];
    const path = files[index].path;
    if (!requests.isHit(answer.cache)) other.set(path, `Cache-Status: ${answer.cache}`);
    else if (answer.status !== first.status || !answer.body.equals(first.body)) other.set(path, 'other bytes than the first time');
    else if (answer.etag !== first.etag || !answer.etag) other.set(path, `ETag ${answer.etag}, first ${first.etag}`);
  });
  const [[path, detail] = []] = other;
  report.check('(second pass)', other.size ? [['warm', `${other.size} answers are not the cached first one: ${path}: ${detail}`]] : []);
}

/// Each module against `typescript`'s own output, some with their source maps; how many of those.
async function compareAll(report, kit, realm, modules, answers, every) {
  let maps = 0;
  for (const [index, module] of modules.entries()) {
    module.source = fs.readFileSync(module.from, 'utf8');
    const code = answers[index].body.toString('utf8');
    const refused = requests.refusal(answers[index], 'text/javascript');
    const problems = refused ? [['answer', refused]] : await compareOne(kit, module, code);
    report.check(module.path, problems);
    if (index % every === 0 && !refused) {
      maps += 1;
      report.check(`${module.path}.map`, await guarded('map', () => checkMap(kit, realm, module, code)));
    }
    // Some are megabytes, and there are thousands.
    module.source = null;
  }
  return maps;
}

const compareOne = (kit, module, code) =>
  guarded('reference', () => compareModules(kit.acorn, code, reference(kit.ts, module.path, module.source)));

/// A comparison that throws is a failure of its file, and no reason to stop.
async function guarded(kind, compare) {
  try {
    return await compare();
  } catch (error) {
    return [[kind, error.message]];
  }
}

function compareStyleSheets(report, kit, styles, answers) {
  let steps = 0;
  styles.forEach((style, index) => {
    const refused = requests.refusal(answers[index], 'text/css');
    if (refused) return report.check(style.path, [['answer', refused]]);
    const result = compareStyles(kit, answers[index].body.toString('utf8'), compile(kit.sass, style.from));
    steps += result.steps;
    report.check(style.path, result.problems);
  });
  return steps;
}

function summary({ kit, modules, styles, imported, cold, warm, maps, steps }) {
  const packages = new Map();
  for (const { path: local, bytes } of modules) {
    const name = local.split('/').slice(0, local.startsWith('@') ? 2 : 1).join('/');
    const [count, size] = packages.get(name) ?? [0, 0];
    packages.set(name, [count + 1, size + bytes]);
  }
  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  for (const [name, [count, size]] of packages) {
    console.log(`${`${name}@${kit.version(name)}`.padEnd(36)} ${String(count).padStart(5)} modules ${megabytes(size).padStart(9)}`);
  }
  const bytes = modules.reduce((sum, module) => sum + module.bytes, 0);
  console.log(`${modules.length} modules, ${megabytes(bytes)}, ${maps} of their maps; ${styles.length} style sheets of bootstrap@${kit.version('bootstrap')}`);
  console.log(`compared with typescript ${kit.version('typescript')} through acorn ${kit.version('acorn')}, and sass ${kit.version('sass')}`);
  if (steps) console.log(`${steps} declarations with a colour one step of 255 beside (lib/styles.mjs says why)`);
  console.log(`import: ${milliseconds(imported)}`);
  for (const [name, { answers, took, calls }] of Object.entries({ cold, warm })) {
    const [p50, p99] = requests.percentiles(answers).map(milliseconds);
    const statuses = requests.cacheStatuses(answers).map(([status, count]) => `${count} × ${status}`).join(', ');
    console.log(`${name}: p50 ${p50}, p99 ${p99} a file with ${AT_ONCE} at once, ${milliseconds(took)} in all; ${calls} guest calls; ${statuses}`);
  }
}

function usage(message) {
  return Object.assign(new Error(`${message}\nusage: node run.mjs --realm-binary PATH [--subset] [--folder DIR]`), { exit: 2 });
}

try {
  process.exitCode = await main();
} catch (error) {
  if (error.code?.startsWith('ERR_PARSE_ARGS')) error = usage(error.message);
  console.error(`corpus: ${error.message}`);
  // Nothing of what was wanted could be told: a failure of the run itself.
  if (!error.exit) console.log('0 passed, 1 failed');
  process.exitCode = error.exit ?? 1;
}
