// What the same compiler gives in Node, for comparison: `<out>/<path>`, `<path>.css` beside it where there are styles, and
// `<path>.refused` with code and line where it gives none.
//
//   node reference.mjs <inputs> <out>
import fs from 'node:fs';
import path from 'node:path';
import { compile } from 'svelte/compiler';

const [inputs, out] = process.argv.slice(2);
for (const file of fs.readdirSync(inputs, { recursive: true })) {
  if (!file.endsWith('.svelte')) continue;
  const write = (suffix, text) => {
    const to = path.join(out, file + suffix);
    fs.mkdirSync(path.dirname(to), { recursive: true });
    fs.writeFileSync(to, text);
  };
  try {
    const { js, css } = compile(fs.readFileSync(path.join(inputs, file), 'utf8'), { filename: file, rootDir: '', css: 'external' });
    write('', js.code);
    if (css) write('.css', css.code);
  } catch (error) {
    write('.refused', `${error.code} ${error.start.line}`);
  }
}
