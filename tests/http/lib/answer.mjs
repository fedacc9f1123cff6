// An answer, whichever client it came through.

export class Answer {
  /// `headers`: pairs of name and value, as they came.
  constructor({ label, method, status, version = '1.1', headers, body = Buffer.alloc(0), decoded = false, problem }) {
    Object.assign(this, { label, method, status, version, body, decoded, problem });
    this.headers = new Map();
    for (const [name, value] of headers) {
      const key = name.toLowerCase();
      this.headers.set(key, [...(this.headers.get(key) ?? []), value]);
    }
  }

  /// A header's value, all its lines together.
  get(name) {
    return this.headers.get(name.toLowerCase())?.join(', ');
  }

  /// A list header's members, in lower case.
  list(name) {
    return (this.get(name) ?? '')
      .split(',')
      .map((member) => member.trim().toLowerCase())
      .filter(Boolean);
  }

  get text() {
    return this.body.toString('utf8');
  }

  /// The body as JSON, `undefined` when it is none.
  get json() {
    try {
      return JSON.parse(this.text);
    } catch {
      return undefined;
    }
  }

  get etag() {
    return this.get('etag');
  }

  get generation() {
    return Number(this.get('realm-generation'));
  }

  /// For a failure's line.
  brief() {
    if (this.problem) return this.problem;
    const detail = this.json?.errors?.[0]?.detail;
    return `${this.status}${detail ? ` (${detail})` : ''}`;
  }
}

/// Says what was asked, in one line.
export function label(client, method, path, headers = []) {
  const said = pairs(headers).map(([name, value]) => ` ${name}: ${clip(value)}`);
  return `${client}${method} ${clip(path)}${said.length ? ` {${said.join(';')} }` : ''}`;
}

/// Headers as pairs; a value that is a list becomes several lines.
export function pairs(headers) {
  const all = Array.isArray(headers) ? headers : Object.entries(headers);
  return all.flatMap(([name, value]) => [value].flat().map((one) => [name, String(one)]));
}

function clip(text) {
  return text.length > 90 ? `${text.slice(0, 60)}…(${text.length})` : text;
}
