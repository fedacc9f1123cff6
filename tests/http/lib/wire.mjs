// Bytes to a socket, and what comes back: for requests that no client would send.
import net from 'node:net';
import { Answer } from './answer.mjs';

/// Sends `parts` one after the other (a function among them is waited for with the bytes so far), and reads until
/// `count` final answers have come, or the connection ends, or nothing comes. `ends`: waits for the end as well.
export function exchange(origin, what, parts, { methods = ['GET'], ends = false, within = 3000, half = false } = {}) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = net.connect(Number(port), hostname);
    const result = { answers: [], interim: [], closed: false };
    let bytes = Buffer.alloc(0);
    let wake = () => {};
    const over = () => {
      clearTimeout(timer);
      socket.destroy();
      wake();
      while (result.answers.length < methods.length)
        result.answers.push(
          new Answer({
            label: what,
            method: 'GET',
            status: 0,
            headers: [],
            problem: result.closed ? 'the end of the connection' : 'nothing',
          }),
        );
      resolve(result);
    };
    const timer = setTimeout(over, within);
    const read = (final) => {
      for (;;) {
        const at = result.answers.length;
        if (at === methods.length) break;
        const one = take(bytes, what, methods[at], final);
        if (!one) break;
        bytes = bytes.subarray(one.used);
        (one.answer.status < 200 ? result.interim : result.answers).push(one.answer);
      }
      wake();
      if (result.answers.length === methods.length && !ends) over();
    };
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      read(false);
    });
    socket.once('end', () => {
      result.closed = true;
      read(true);
      over();
    });
    socket.on('error', () => {
      result.closed = true;
      over();
    });
    socket.once('connect', async () => {
      for (const part of parts) {
        if (typeof part === 'function') {
          while (!part(result) && !socket.destroyed) await new Promise((now) => (wake = now));
        } else if (!socket.destroyed) socket.write(part);
      }
      if (half) socket.end();
    });
  });
}

/// The first answer in `bytes`, when it is whole.
function take(bytes, what, method, final) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [, version, status] = /^HTTP\/(\d\.\d) (\d{3})/.exec(first) ?? [];
  const headers = lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]);
  const answer = new Answer({
    label: what,
    method,
    status: Number(status ?? 0),
    version,
    headers,
    problem: status ? undefined : first.slice(0, 60),
  });
  const rest = bytes.subarray(end + 4);
  if (method === 'HEAD' || answer.status < 200 || [204, 304].includes(answer.status)) return { answer, used: end + 4 };
  if (answer.get('transfer-encoding')) {
    const chunks = [];
    for (let at = 0; ;) {
      const line = rest.indexOf('\r\n', at);
      if (line < 0) return undefined;
      const size = parseInt(rest.subarray(at, line).toString('latin1'), 16);
      if (rest.length < line + size + 4) return undefined;
      chunks.push(rest.subarray(line + 2, line + 2 + size));
      at = line + 4 + size;
      if (size === 0) return { answer: Object.assign(answer, { body: Buffer.concat(chunks) }), used: end + 4 + at };
    }
  }
  const length = answer.get('content-length');
  if (length === undefined) return final ? { answer: Object.assign(answer, { body: rest }), used: bytes.length } : undefined;
  if (rest.length < Number(length)) return undefined;
  return { answer: Object.assign(answer, { body: rest.subarray(0, Number(length)) }), used: end + 4 + Number(length) };
}
