// The files that the walk asks for.

/// Bytes that look random, and are the same in every run.
function noise(length) {
  const bytes = Buffer.alloc(length);
  for (let at = 0, state = 1; at < length; at += 1) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[at] = state >>> 16;
  }
  return bytes;
}

function lines(length, line) {
  let text = '';
  for (let at = 0; text.length < length; at += 1) text += line(at);
  return text.slice(0, text.lastIndexOf('\n', length) + 1);
}

export const FILES = {
  'text.txt': lines(8192, (at) => `Line ${at} of a text that nothing transforms.\n`),
  'small.txt': 'twenty bytes, as is.',
  'empty.txt': '',
  'data.bin': noise(100_003),
  'picture.svg': `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">${'<path d="M0 0h9v9z"/>'.repeat(90)}</svg>\n`,
  'page.html': `<!doctype html>\n<title>Page</title>\n${'<p>Words on a page.</p>\n'.repeat(90)}`,
  'module.ts': lines(31_000, (at) => `export const value${at}: number = ${at};\n`),
  'tiny.ts': 'export const one: number = 1;\n',
  'style.scss': '$ink: #123456;\nmain { p { color: $ink; } }\n',
  'broken.ts': 'export const ok = 1;\nexport const = ;\n',
  'folder/inner.txt': 'inside\n',
};

/// Creates the realm and its files.
export async function lay(clients) {
  const { report, origin, realm } = clients;
  const url = origin + realm;
  const made = await clients.fetch('/_create-realm', {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.api+json' },
    body: JSON.stringify({ data: { attributes: { url, name: 'Walk' } } }),
  });
  report.status(made, 202, 'contract 3');
  for (const [path, content] of Object.entries(FILES)) {
    const put = await clients.put(path, content);
    report.status(put, 201, 'RFC 9110 9.3.4');
    report.matches(put, 'etag', /^"[^"]+"$/, 'contract 2: strong, quoted');
    const again = await clients.put(path, content);
    report.status(again, 204, 'contract 2: identical bytes');
    report.equal(`${again.label} of the same bytes: Realm-Generation`, 'contract 2', again.generation, put.generation);
    const read = await clients.source(path);
    report.body(read, content, 'contract 2: raw bytes');
    report.header(read, 'etag', put.etag, 'contract 2: of the source on raw reads and writes');
  }
}

/// Waits until the files have their Last-Modified: a second in which a file was written says nothing of it.
export async function settle(clients, path) {
  for (const until = Date.now() + 5000; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 100))) {
    const read = await clients.source(path, { lenient: true });
    if (read.get('last-modified')) return read;
  }
  clients.report.check(`GET ${path}`, 'RFC 9110 8.8.2', false, 'a Last-Modified some seconds after the write', 'none');
  return clients.source(path, { lenient: true });
}
