// Whether a source map leads back from an output to the source that it was made from.
import { get, refusal, urlOf } from './requests.mjs';
import { parse } from './modules.mjs';

/// Every how manieth module has its map looked at.
export const MAP_EVERY = 20;
export const MAP_EVERY_IN_SUBSET = 5;

/// Fetches `<path>.map` and the sources that it names; `[kind, detail]` of what is wrong.
export async function checkMap(tools, realm, module, code) {
  const url = `${urlOf(realm, module.path)}.map`;
  const answer = await get(url);
  if (answer.status !== 200) return [['map', refusal(answer, 'application/json')]];
  let map;
  try {
    map = JSON.parse(answer.body.toString('utf8'));
  } catch (error) {
    return [['map', `is not JSON: ${error.message}`]];
  }
  const problem = await readSources(map, url, module) ?? traces(tools, map, code, module.source);
  return problem ? [['map', problem]] : [];
}

/// The map's one source, resolved as a browser does it, is the module's own source in the realm.
async function readSources(map, url, module) {
  if (map.version !== 3) return `version is ${map.version}, not 3`;
  if (!Array.isArray(map.sources) || map.sources.length !== 1) return `names ${map.sources?.length ?? 'no'} sources, not one`;
  const root = map.sourceRoot ? map.sourceRoot.replace(/\/?$/, '/') : '';
  const source = new URL(root + map.sources[0], url).href;
  const raw = await get(source, { accept: 'application/vnd.card+source' });
  if (raw.status !== 200) return `source ${map.sources[0]} does not resolve: GET ${source} gives ${raw.status}`;
  if (raw.body.toString('utf8') !== module.source) return `source ${map.sources[0]} is not the module's own`;
  const [inlined] = map.sourcesContent ?? [];
  if (typeof inlined === 'string' && inlined !== module.source) return 'sourcesContent is not the source';
  return null;
}

/// All mappings are inside both files, and the name in each exported declaration leads to that name in the source.
/// Null when all is well. An output with no statement of its own has nothing to map.
export function traces({ acorn, tracing }, map, code, source) {
  const trace = new tracing.TraceMap(map);
  const lines = source.split('\n');
  const outputLines = code.split('\n').length;
  let count = 0;
  let outside = null;
  tracing.eachMapping(trace, (mapping) => {
    if (mapping.originalLine === null) return;
    count += 1;
    const line = lines[mapping.originalLine - 1];
    if (line !== undefined && mapping.originalColumn <= line.length && mapping.generatedLine <= outputLines) return;
    outside ??= `a mapping leads outside: ${mapping.generatedLine}:${mapping.generatedColumn} to ${mapping.originalLine}:${mapping.originalColumn}`;
  });
  if (outside) return outside;

  const names = exportedDeclarations(parse(acorn, code).ast);
  if (count === 0) return names.length ? 'has no mappings' : null;
  for (const { name, loc } of names) {
    const at = tracing.originalPositionFor(trace, loc.start);
    if (at.line === null) return `export ${name} (line ${loc.start.line} of the output) leads nowhere`;
    if (!lines[at.line - 1].includes(name)) return `export ${name} leads to line ${at.line}, which does not have it`;
  }
  return null;
}

function exportedDeclarations(ast) {
  return ast.body.flatMap(({ type, declaration }) => {
    if (type !== 'ExportNamedDeclaration' || !declaration) return [];
    if (declaration.type !== 'VariableDeclaration') return [declaration.id];
    return declaration.declarations.map(({ id }) => id).filter((id) => id.type === 'Identifier');
  });
}
