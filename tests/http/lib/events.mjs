// `_events`: server-sent events, as the HTML standard reads them.
import http from 'node:http';
import { Answer, label, pairs } from './answer.mjs';
import { general } from './rules.mjs';

const EVENT_WITHIN = 10_000;

class Stream {
  #events = [];
  #wake = () => {};
  lastId;

  /// Opens the stream, and waits for its head.
  static open(clients, headers = {}) {
    const stream = new Stream();
    const all = { accept: 'text/event-stream', ...headers };
    const { hostname, port } = new URL(clients.origin);
    return new Promise((resolve, reject) => {
      stream.request = http.get({ hostname, port, path: clients.path('_events'), headers: all, agent: false }, (response) => {
        const raw = response.rawHeaders;
        const got = raw.flatMap((name, at) => (at % 2 ? [] : [[name, raw[at + 1]]]));
        const what = label('', 'GET', '_events', pairs(headers));
        stream.answer = new Answer({ label: what, method: 'GET', status: response.statusCode, headers: got });
        const whole = response.statusCode !== 200;
        if (whole) response.on('data', (chunk) => (stream.answer.body = Buffer.concat([stream.answer.body, chunk])));
        else stream.#read(response);
        const opened = () => {
          general(clients.report, stream.answer);
          resolve(stream);
        };
        if (whole) response.once('end', opened);
        else opened();
      });
      stream.request.once('error', reject);
    });
  }

  #read(response) {
    let text = '';
    let event = {};
    response.setEncoding('utf8');
    response.on('error', () => {});
    response.on('data', (chunk) => {
      const lines = (text + chunk).split(/\r\n|\n|\r/);
      text = lines.pop();
      for (const line of lines) {
        const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
        if (line === '') {
          if (event.data !== undefined) this.#events.push({ event: 'message', ...event, id: this.lastId });
          event = {};
          this.#wake();
        } else if (field === 'data') event.data = event.data === undefined ? value : `${event.data}\n${value}`;
        else if (field === 'id') this.lastId = value;
        else if (field === 'event') event.event = value;
      }
    });
  }

  /// The next event, `undefined` when none comes.
  async next() {
    const until = Date.now() + EVENT_WITHIN;
    while (this.#events.length === 0 && Date.now() < until) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, until - Date.now());
        this.#wake = () => (clearTimeout(timer), resolve());
      });
    }
    return this.#events.shift();
  }

  close() {
    this.request.on('error', () => {});
    this.request.destroy();
  }
}

export async function events(clients) {
  const { report } = clients;
  const rule = 'contract 2';
  /// The stream's next event is that of this commit.
  const shows = async (stream, what, generation, paths) => {
    const event = await stream.next();
    let data;
    try {
      data = JSON.parse(event?.data);
    } catch {
      data = undefined;
    }
    const got = event && {
      id: event.id,
      event: event.event,
      generation: data?.generation,
      paths: Array.isArray(data?.paths) ? [...data.paths].sort() : data?.paths,
    };
    report.equal(`${stream.answer.label}: the event of ${what}`, rule, got, { id: String(generation), event: 'change', generation, paths });
  };
  const post = (path, body) =>
    clients.fetch(path, { method: 'POST', headers: { 'content-type': 'application/vnd.api+json' }, body: JSON.stringify(body) });

  const stream = await Stream.open(clients, { 'accept-encoding': 'gzip, br' });
  const { answer } = stream;
  report.status(answer, 200, rule);
  report.matches(answer, 'content-type', /^text\/event-stream\b/, 'HTML 9.2');
  report.check(
    `${answer.label}: Cache-Control`,
    rule,
    ['no-store', 'no-cache'].some((one) => answer.list('cache-control').includes(one)),
    'no-store',
    answer.get('cache-control'),
  );
  report.header(answer, 'content-length', undefined, 'RFC 9112 6.3');
  const put = await clients.put('event.txt', 'one');
  await shows(stream, 'a PUT', put.generation, ['event.txt']);
  const same = await clients.put('event.txt', 'one');
  report.equal(`${same.label} of the same bytes: Realm-Generation`, rule, same.generation, put.generation);
  const data = (content) => ({ type: 'source', attributes: { content } });
  const both = await post('_atomic', {
    'atomic:operations': [
      { op: 'add', href: 'event-a.txt', data: data('a') },
      { op: 'add', href: 'folder/event b.txt', data: data('b') },
    ],
  });
  report.status(both, 201, rule);
  await shows(stream, 'an _atomic of two files', both.generation, ['event-a.txt', 'folder/event b.txt']);
  report.status(await post('_invalidate', { data: { attributes: { urls: [`${clients.origin}${clients.realm}event.txt`] } } }), 204, rule);
  report.status(await post('_invalidate', { data: { attributes: {} } }), 204, rule);
  report.status(await clients.put('event.txt', 'no', { 'if-match': '"other"' }), 412, 'RFC 9110 13.1.1');
  const gone = await clients.fetch('event-a.txt', { method: 'DELETE' });
  report.status(gone, 204, rule);
  await shows(stream, 'a DELETE, and of nothing before it', gone.generation, ['event-a.txt']);
  stream.close();

  const missed = await clients.put('event.txt', 'two');
  const resumed = await Stream.open(clients, { 'last-event-id': String(put.generation) });
  await shows(resumed, 'what was missed', both.generation, ['event-a.txt', 'folder/event b.txt']);
  await shows(resumed, 'what was missed', gone.generation, ['event-a.txt']);
  await shows(resumed, 'what was missed', missed.generation, ['event.txt']);
  const live = await clients.put('event.txt', 'three');
  await shows(resumed, 'a PUT after what was missed', live.generation, ['event.txt']);
  resumed.close();

  for (const [id, first] of [
    [String(live.generation), 'nothing missed'],
    ['garbage', 'an unfit Last-Event-ID'],
    [undefined, 'no Last-Event-ID'],
  ]) {
    const fresh = await Stream.open(clients, id === undefined ? {} : { 'last-event-id': id });
    if (report.status(fresh.answer, id === 'garbage' ? [200, 400] : 200, rule) && fresh.answer.status === 200) {
      const next = await clients.put('event.txt', `after ${first}`);
      await shows(fresh, `a PUT with ${first}`, next.generation, ['event.txt']);
    }
    fresh.close();
  }
  const head = await clients.http('_events', { method: 'HEAD', headers: { accept: 'text/event-stream' } });
  report.status(head, 200, 'RFC 9110 9.3.2');
  report.header(head, 'content-type', answer.get('content-type'), 'RFC 9110 9.3.2');
  report.status(await clients.http('/no-realm/_events', { headers: { accept: 'text/event-stream' } }), 404, 'RFC 9110 15.5.5');
}
