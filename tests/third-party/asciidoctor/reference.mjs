// What the same converter gives in Node, which reads included files by itself: `<out>/<path>`, and `<path>.title`.
//
//   node reference.mjs <inputs> <out>
import fs from 'node:fs';
import path from 'node:path';
import Asciidoctor from '@asciidoctor/core';

const [inputs, out] = process.argv.slice(2);
const asciidoctor = Asciidoctor();
asciidoctor.LoggerManager.setLogger(asciidoctor.NullLogger.create());
const attributes = { showtitle: '', reproducible: '', docdate: '2020-01-01', doctime: '00:00:00 UTC', localdate: '2020-01-01', localtime: '00:00:00 UTC' };
for (const file of fs.readdirSync(inputs, { recursive: true })) {
  if (!file.endsWith('.adoc')) continue;
  const from = path.join(inputs, file);
  const document = asciidoctor.load(fs.readFileSync(from, 'utf8'), { safe: 'safe', base_dir: path.dirname(path.resolve(from)), attributes });
  const to = path.join(out, file);
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.writeFileSync(to, document.convert());
  fs.writeFileSync(`${to}.title`, document.getDocumentTitle({ sanitize: true }) ?? '');
}
