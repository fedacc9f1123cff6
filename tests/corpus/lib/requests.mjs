// Asks a host for many paths, a few at a time, and keeps what a later comparison needs.
import { createHash } from 'node:crypto';

const ANSWER_WITHIN = 60_000;

export const urlOf = (realm, local) => realm + local.split('/').map(encodeURIComponent).join('/');

/// One answer, or the reason why there is none. `took` is in milliseconds, up to the last byte.
export async function get(url, headers = {}) {
  const start = performance.now();
  try {
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(ANSWER_WITHIN) });
    const body = Buffer.from(await response.arrayBuffer());
    return {
      status: response.status,
      type: (response.headers.get('content-type') ?? '').split(';')[0].trim().toLowerCase(),
      cache: response.headers.get('cache-status') ?? '(none)',
      etag: response.headers.get('etag'),
      body,
      took: performance.now() - start,
    };
  } catch (error) {
    const why = error.cause?.message ?? error.message;
    return { status: 0, type: '', cache: '(none)', etag: null, body: Buffer.from(why), took: performance.now() - start };
  }
}

/// `get` for each of `files`, `width` at a time; answers in the files' order.
export async function getAll(realm, files, width) {
  const answers = new Array(files.length);
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < files.length; index = next++) {
      answers[index] = await get(urlOf(realm, files[index].path));
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return answers;
}

/// Why an answer is not a 200 of the wanted type: the host's own diagnostics where it gave some.
export function refusal(answer, type) {
  if (answer.status === 200 && answer.type === type) return null;
  if (answer.status === 200) return `content type is ${answer.type || 'missing'}, not ${type}`;
  if (answer.status === 0) return `no answer: ${answer.body}`;
  let text = answer.body.toString('utf8');
  try {
    const first = JSON.parse(text).errors[0];
    const { line, column } = first.source ?? {};
    text = [first.code, first.title, first.detail, line && `at ${line}:${column}`].filter(Boolean).join(': ');
  } catch {
    text = text.slice(0, 200);
  }
  return `status ${answer.status}: ${text}`;
}

export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex');

/// A hit in the contract's sense: nothing was asked of the database, and nothing says that it may be stale.
export const isHit = (cache) => /^realm\s*;\s*hit$/.test(cache.trim());

/// Answers counted by their `Cache-Status`, numbers in it left out.
export function cacheStatuses(answers) {
  const counts = new Map();
  for (const { cache } of answers) {
    const key = cache.replace(/-?\d+/g, 'N');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].sort((a, b) => b[1] - a[1]);
}

/// The samples of one Prometheus counter, by their labels; null when the metric does not exist.
export async function counter(admin, name) {
  const answer = await get(`${admin}/_metrics`);
  if (answer.status !== 200) throw new Error(`GET ${admin}/_metrics: status ${answer.status}: ${answer.body}`);
  const samples = new Map();
  for (const line of answer.body.toString('utf8').split('\n')) {
    const [, metric, labels, value] = /^([A-Za-z_:][\w:]*)(\{.*\})?\s+(\S+)/.exec(line) ?? [];
    if (metric === name) samples.set(labels ?? '', Number(value));
  }
  return samples.size ? samples : null;
}

export const total = (samples) => [...(samples?.values() ?? [])].reduce((sum, value) => sum + value, 0);

/// `[p50, p99]` of the times of `answers`, in milliseconds.
export function percentiles(answers) {
  const times = answers.map((answer) => answer.took).sort((a, b) => a - b);
  const at = (share) => times[Math.max(0, Math.ceil(times.length * share) - 1)] ?? 0;
  return [at(0.5), at(0.99)];
}
