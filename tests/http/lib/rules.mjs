// What holds of every answer, whatever was asked.

const TAG = /^(W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/;
const DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/;
const JSON_API = /^application\/vnd\.api\+json\b/;

/// Checks one answer; all rules together count as one check. `cors`: this host lets some origins read.
export function general(report, answer, { cors = false } = {}) {
  if (answer.status === 0) return;
  const broken = [...violations(answer, cors)];
  report.check(
    answer.label,
    broken.map(([rule]) => rule).join('; '),
    broken.length === 0,
    broken.map(([, expected]) => expected).join('; '),
    `${answer.brief()} with ${shown(answer)}`,
  );
}

function* violations(answer, cors) {
  const { status, method } = answer;
  const has = (name) => answer.get(name) !== undefined;
  const type = answer.get('content-type') ?? '';
  const length = answer.get('content-length');
  const bodiless = method === 'HEAD' || status === 204 || status === 304;

  if (answer.get('x-content-type-options') !== 'nosniff') yield ['contract 2', 'X-Content-Type-Options: nosniff'];
  if (!/^[\x21-\x7e]{1,200}$/.test(answer.get('x-request-id') ?? '')) yield ['issue 3', 'one X-Request-Id'];
  if (!DATE.test(answer.get('date') ?? '')) yield ['RFC 9110 6.6.1', 'a Date'];
  if (has('etag') && !TAG.test(answer.etag)) yield ['RFC 9110 8.8.3', 'a quoted ETag'];
  if (has('last-modified') && !DATE.test(answer.get('last-modified'))) yield ['RFC 9110 8.8.2', 'a Last-Modified that is a date'];
  if (has('last-modified') && Date.parse(answer.get('last-modified')) > Date.parse(answer.get('date'))) {
    yield ['RFC 9110 8.8.2.1', 'a Last-Modified that is not after Date'];
  }

  if (bodiless && answer.body.length) yield ['RFC 9110 6.4.1', 'no body'];
  if (status === 204 && has('content-length')) yield ['RFC 9110 8.6', '204 without Content-Length'];
  if ((status === 204 || status === 304) && has('transfer-encoding')) yield ['RFC 9112 6.1', 'no Transfer-Encoding'];
  if (has('transfer-encoding') && has('content-length')) yield ['RFC 9112 6.2', 'not both Transfer-Encoding and Content-Length'];
  if (!bodiless && !answer.decoded && length !== undefined && Number(length) !== answer.body.length) {
    yield ['RFC 9110 8.6', `Content-Length ${answer.body.length}`];
  }
  if (status === 304 && length !== undefined) yield ['RFC 9110 15.4.5', '304 without Content-Length (or the whole length)'];
  if (status === 200 && answer.body.length && !type) yield ['RFC 9110 8.3', 'a Content-Type'];

  if (status === 405 && !has('allow')) yield ['RFC 9110 15.5.6', '405 with Allow'];
  if (status === 206 && !has('content-range')) yield ['RFC 9110 15.3.7.1', '206 with Content-Range'];
  if (status === 416 && !/^bytes \*\/\d+$/.test(answer.get('content-range') ?? ''))
    yield ['RFC 9110 15.5.17', '416 with Content-Range: bytes */N'];
  if (![206, 416].includes(status) && has('content-range')) yield ['RFC 9110 14.4', 'no Content-Range'];
  if (status === 503 && !/^\d+$/.test(answer.get('retry-after') ?? '')) yield ['contract 2', '503 with Retry-After'];
  if ([301, 302, 307, 308].includes(status) && !has('location')) yield ['RFC 9110 15.4', 'a Location'];

  if (status >= 400) {
    if (!answer.list('cache-control').includes('no-store')) yield ['contract 2', 'an error with Cache-Control: no-store'];
    if (!JSON_API.test(type)) yield ['contract 2', 'an error of type application/vnd.api+json'];
    if (method !== 'HEAD' && !jsonApi(answer)) yield ['contract 2', 'a JSON:API error document'];
  }
  if (
    [200, 206].includes(status) &&
    /^(text\/html|image\/svg\+xml)/.test(type) &&
    answer.get('realm-generation') &&
    !has('content-security-policy')
  )
    yield ['contract 2', 'a Content-Security-Policy'];
  if (!cors && [...answer.headers.keys()].some((name) => name.startsWith('access-control-'))) yield ['contract 2', 'no CORS headers'];
  if (answer.version === '2' && ['connection', 'keep-alive', 'transfer-encoding', 'upgrade'].some(has)) {
    yield ['RFC 9113 8.2.2', 'no connection-specific headers'];
  }
}

/// A JSON:API error document, each error with the answer's status, a code, a title and a detail.
function jsonApi(answer) {
  const errors = answer.json?.errors;
  const text = (value) => typeof value === 'string' && value.length > 0;
  return (
    Array.isArray(errors) &&
    errors.length > 0 &&
    errors.every((error) => error.status === String(answer.status) && [error.code, error.title, error.detail].every(text))
  );
}

function shown(answer) {
  const headers = [...answer.headers].map(([name, values]) => `${name}: ${values.join(', ')}`).join('; ');
  return `${answer.body.length} bytes and {${headers}}`;
}
