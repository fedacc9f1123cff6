// `URL` and `URLSearchParams`, on the parser of the plugin.
(native) => {
  const PARTS = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];
  class URLSearchParams {
    #pairs = [];
    #changed = () => {};
    constructor(init = "") {
      if (typeof init === "object" && init !== null) {
        const pairs = typeof init[Symbol.iterator] === "function" ? [...init] : Object.keys(init).map((key) => [key, init[key]]);
        this.#pairs = pairs.map((pair) => {
          const [key, value, ...more] = pair;
          if (value === undefined || more.length > 0) throw new TypeError("a pair of URLSearchParams has a name and a value");
          return [String(key), String(value)];
        });
      } else {
        this.#pairs = native.parseQuery(String(init).toWellFormed().replace(/^\?/, ""));
      }
    }
    static of(search, changed) {
      const params = new URLSearchParams(search);
      params.#changed = changed;
      return params;
    }
    static refill(params, search) {
      params.#pairs = native.parseQuery(search.replace(/^\?/, ""));
    }
    #set(pairs) {
      this.#pairs = pairs;
      this.#changed(this.toString());
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#set([...this.#pairs, [String(name), String(value)]]);
    }
    delete(name, value) {
      this.#set(this.#pairs.filter(([key, item]) => key !== String(name) || (value !== undefined && item !== String(value))));
    }
    get(name) {
      return this.#pairs.find(([key]) => key === String(name))?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter(([key]) => key === String(name)).map(([, value]) => value);
    }
    has(name, value) {
      return this.#pairs.some(([key, item]) => key === String(name) && (value === undefined || item === String(value)));
    }
    set(name, value) {
      const at = this.#pairs.findIndex(([key]) => key === String(name));
      if (at < 0) return this.append(name, value);
      this.#set(this.#pairs.filter(([key], i) => i === at || key !== String(name)).map((pair, i) => (i === at ? [pair[0], String(value)] : pair)));
    }
    sort() {
      this.#set([...this.#pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
    }
    forEach(call, self) {
      for (const [key, value] of this) call.call(self, value, key, this);
    }
    *entries() {
      for (let i = 0; i < this.#pairs.length; i += 1) yield [...this.#pairs[i]];
    }
    *keys() {
      for (const [key] of this.entries()) yield key;
    }
    *values() {
      for (const [, value] of this.entries()) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    toString() {
      return native.formatQuery(this.#pairs.map((pair) => pair.map((text) => text.toWellFormed())));
    }
    get [Symbol.toStringTag]() {
      return "URLSearchParams";
    }
  }
  const { of, refill } = URLSearchParams;
  delete URLSearchParams.of;
  delete URLSearchParams.refill;

  const parse = (url, base) => {
    const text = String(url).toWellFormed();
    return base === undefined ? native.parseUrl(text) : native.parseUrl(text, String(base).toWellFormed());
  };
  class URL {
    #parts;
    #params;
    constructor(url, base) {
      const parts = parse(url, base);
      if (!parts) throw new TypeError(`Invalid URL: ${url}${base === undefined ? "" : ` (at ${base})`}`);
      this.#parts = parts;
    }
    static canParse(url, base) {
      return Boolean(parse(url, base));
    }
    static parse(url, base) {
      return URL.canParse(url, base) ? new URL(url, base) : null;
    }
    static read(url, i) {
      return url.#parts[i];
    }
    static write(url, name, value) {
      const parts = name === "href" ? native.parseUrl(value) : native.setUrl(url.#parts[0], name, value);
      if (!parts) throw new TypeError(`Invalid URL: ${value}`);
      url.#parts = parts;
      if (url.#params && (name === "href" || name === "search")) refill(url.#params, parts[9]);
    }
    get searchParams() {
      this.#params ??= of(this.#parts[9], (search) => {
        this.#parts = native.setUrl(this.#parts[0], "search", search);
      });
      return this.#params;
    }
    toString() {
      return this.#parts[0];
    }
    toJSON() {
      return this.#parts[0];
    }
    get [Symbol.toStringTag]() {
      return "URL";
    }
  }
  const { read, write } = URL;
  delete URL.read;
  delete URL.write;
  PARTS.forEach((name, i) => {
    Object.defineProperty(URL.prototype, name, {
      configurable: true,
      enumerable: true,
      get() {
        return read(this, i);
      },
      set: name === "origin" ? undefined : function (value) {
        write(this, name, String(value).toWellFormed());
      },
    });
  });
  return { URL, URLSearchParams };
}
