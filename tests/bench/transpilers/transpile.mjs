// Transpiles files with an engine of npm, every file once for each line of standard input, one at a time, and prints how
// long that took: a line of JSON each, as the native program does. Source maps are made, as the plugin makes them.
import fs from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

const [engine, ...paths] = process.argv.slice(2);
const files = paths.map((name) => ({ name: path.basename(name), text: fs.readFileSync(name, 'utf8') }));

const engines = {
  async swc() {
    const { transformSync } = await import('@swc/core');
    return ({ name, text }) =>
      transformSync(text, {
        filename: name,
        sourceMaps: true,
        swcrc: false,
        configFile: false,
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
      }).code;
  },
  async esbuild() {
    const { transform } = await import('esbuild');
    const options = { loader: 'ts', sourcemap: true, target: 'es2022' };
    return async ({ name, text }) => (await transform(text, { ...options, sourcefile: name })).code;
  },
  async oxc() {
    const { transformSync } = await import('oxc-transform');
    return ({ name, text }) => transformSync(name, text, { sourcemap: true, target: 'es2022' }).code;
  },
};

const transpile = await engines[engine]();
for await (const _ of createInterface({ input: process.stdin })) {
  const times = [];
  let output = 0;
  const cpu = process.cpuUsage();
  const begun = process.hrtime.bigint();
  for (const file of files) {
    const from = process.hrtime.bigint();
    const code = await transpile(file);
    times.push(Number(process.hrtime.bigint() - from));
    output += Buffer.byteLength(code);
  }
  const wall = Number(process.hrtime.bigint() - begun);
  const { user, system } = process.cpuUsage(cpu);
  console.log(JSON.stringify({ wall, cpu: (user + system) * 1000, files: times, output }));
}
process.exit(0);
