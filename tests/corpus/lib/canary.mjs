// Answers that are wrong on purpose: a comparison that lets one through proves nothing, so every run tries them.
import { traces } from './maps.mjs';
import { compareModules, reference } from './modules.mjs';
import { compareStyles } from './styles.mjs';

const MODULE = `import { a, type T } from './a';
export * from './b';
export { c as d } from './c';
export const load = () => import('./late');
export default function main(x: T) { return a(x); }
`;

/// `[what is done to the output, how, the kinds of failure that it must cause]`
const MODULES = [
  ['nothing', (code) => code, []],
  ['an export is lost', (code) => code.replace('export const', 'const'), ['exports']],
  ['the default export is lost', (code) => code.replace('export default ', ''), ['exports']],
  ['a re-export has another name', (code) => code.replace('as d', 'as e'), ['exports']],
  ['an export too many', (code) => `${code}export const more = 1;`, ['exports']],
  ['a star export is lost', (code) => code.replace(/export \*.*/, ''), ['exports', 'specifiers']],
  ['a type is imported', (code) => code.replace('{ a }', '{ a, T }'), ['imports']],
  ['another specifier', (code) => code.replace('./late', './early'), ['specifiers']],
  ['types are left', () => MODULE, ['syntax']],
  ['a broken line', (code) => code.replace('=>', '=> )'), ['syntax']],
  ['a newer syntax than the target', (code) => `${code}/a/v;`, ['syntax']],
  ['nothing is left', () => '', ['exports', 'imports', 'specifiers']],
];

const JSX_MODULE = `/** @jsx svg */
import * as React from 'react';
import { svg } from './svg';
export const Main = (props: React.Props) => <svg>{props.children}</svg>;
`;

/// The reference must import the runtime, and nothing that the automatic runtime does not call.
const JSX_MODULES = [
  ['nothing', (code) => code, []],
  ['the runtime is lost', (code) => code.replace(/import .*/, ''), ['imports', 'specifiers']],
  ['React stays', (code) => `import * as React from 'react';${code}`, ['imports', 'specifiers']],
  ['the pragma is obeyed', (code) => `import { svg } from './svg';${code}`, ['imports', 'specifiers']],
];

const STYLE = `@charset "UTF-8"; /* one */ .a > .b { color: #FFF; margin: .50em; }
@media (min-width: 1px) { .c { background: url('data:image/svg+xml,%23abc'); } }`;

const STYLES = [
  ['another way to write it', () => `.a>.b{color:rgb(100%,100%,100%);margin:0.5em}@media (min-width:1px){.c{background:url("data:image/svg+xml,%23aabbcc")}}`, []],
  ['another value', (css) => css.replace('.50em', '.51em'), ['css']],
  ['another colour', (css) => css.replace('#FFF', '#FFD'), ['css']],
  ['another selector', (css) => css.replace('> .b', '.b'), ['css']],
  ['another condition', (css) => css.replace('1px', '2px'), ['css']],
  ['a declaration is lost', (css) => css.replace('margin: .50em;', ''), ['css']],
  ['a declaration too many', (css) => `${css} .d { top: 0 }`, ['css']],
  ['another order', (css) => css.replace(/(color: #FFF;) (margin: .50em;)/, '$2 $1'), ['css']],
  ['a broken rule', (css) => `${css} }`, ['syntax']],
];

/// What slipped through, or was found where nothing is wrong, as `[kind, detail]`.
export function canary(kit) {
  const problems = [];
  const expect = (what, found, wanted) => {
    const kinds = found.map(([kind]) => kind).join(' ');
    if (kinds !== wanted.join(' ')) problems.push(['canary', `${what}: found "${kinds}", not "${wanted.join(' ')}"`]);
  };
  for (const [file, source, edits] of [['canary.ts', MODULE, MODULES], ['canary.tsx', JSX_MODULE, JSX_MODULES]]) {
    const expected = reference(kit.ts, file, source);
    for (const [what, edit, kinds] of edits) expect(what, compareModules(kit.acorn, edit(expected), expected), kinds);
  }
  for (const [what, edit, kinds] of STYLES) expect(what, compareStyles(kit, edit(STYLE), STYLE).problems, kinds);

  const source = 'type T = 1;\nexport const a = 1;\n';
  const code = 'export const a = 1;\n';
  const maps = [['a right map', 'AACA,aAAa', []], ['an empty map', '', ['map']], ['a map to another line', 'AAAA,aAAa', ['map']], ['a map to no line', 'AAgBA', ['map']]];
  for (const [what, mappings, kinds] of maps) {
    const problem = traces(kit, { version: 3, sources: ['a.ts'], names: [], mappings }, code, source);
    expect(what, problem ? [['map', problem]] : [], kinds);
  }
  return problems;
}
