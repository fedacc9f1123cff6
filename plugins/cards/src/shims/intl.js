// `Intl`, for American English in UTC: what a page needs to write numbers, dates and lists. Other languages are written as
// this one is; what is not here says so.
() => {
  const LOCALE = "en-US";
  const supportedLocalesOf = (locales) => (locales === undefined ? [] : [].concat(locales)).filter((locale) => /^en\b/i.test(locale));
  const own = (make) => {
    // Callable with and without `new`, as most of `Intl` is.
    const maker = function (locales, options) {
      return make(options ?? {});
    };
    maker.supportedLocalesOf = supportedLocalesOf;
    return maker;
  };
  const unknown = (what, value, known) => {
    throw new RangeError(`prerendered modules have no ${what} \`${value}\`, only ${known}`);
  };

  const SYMBOLS = { USD: "$", EUR: "€", GBP: "£", JPY: "¥", INR: "₹", CNY: "CN¥", KRW: "₩", BRL: "R$", CAD: "CA$", AUD: "A$", MXN: "MX$", NZD: "NZ$", ILS: "₪", VND: "₫" };
  const WHOLE = ["JPY", "KRW", "VND"];
  const COMPACT = [[1e12, "T", "trillion"], [1e9, "B", "billion"], [1e6, "M", "million"], [1e3, "K", "thousand"]];
  const group = (digits) => digits.replace(/\B(?=(?:\d{3})+$)/g, ",");

  // Decimal digits of a number, without an exponent, exactly as many as are wanted: rounded half away from zero.
  const fixed = (number, least, most) => {
    let text = typeof number === "bigint" ? String(number) : toPlain(number);
    let [whole, fraction = ""] = text.split(".");
    if (fraction.length > most) {
      const up = fraction[most] >= "5";
      let digits = whole + fraction.slice(0, most);
      if (up) {
        const raised = String(BigInt(digits) + 1n);
        digits = raised.padStart(digits.length, "0");
      }
      whole = most === 0 ? digits : digits.slice(0, -most) || "0";
      fraction = most === 0 ? "" : digits.slice(-most);
    }
    fraction = fraction.replace(/0+$/, "").padEnd(least, "0");
    return [whole, fraction];
  };
  const toPlain = (number) => {
    const [mantissa, exponent] = String(number).split("e");
    if (exponent === undefined) return mantissa;
    const [whole, fraction = ""] = mantissa.split(".");
    const shift = Number(exponent);
    if (shift < 0) return `0.${"0".repeat(-shift - 1)}${whole}${fraction}`;
    return whole + fraction.padEnd(shift, "0");
  };

  const NumberFormat = own((options) => {
    const { style = "decimal", currency, currencyDisplay = "symbol", unit, useGrouping = true, notation = "standard", compactDisplay = "short", signDisplay = "auto", maximumSignificantDigits } = options;
    if (!["decimal", "percent", "currency", "unit"].includes(style)) unknown("style of numbers", style, "decimal, percent, currency and unit");
    if (!["standard", "compact"].includes(notation)) unknown("notation of numbers", notation, "standard and compact");
    if (style === "currency" && !/^[a-z]{3}$/i.test(currency ?? "")) throw new TypeError("style `currency` needs a `currency` of three letters");
    const code = currency?.toUpperCase();
    const usual = style === "currency" ? (WHOLE.includes(code) ? 0 : 2) : 0;
    const least = options.minimumFractionDigits ?? (notation === "compact" ? 0 : Math.min(usual, options.maximumFractionDigits ?? usual));
    const most = Math.max(least, options.maximumFractionDigits ?? (style === "currency" && notation !== "compact" ? usual : style === "percent" || notation === "compact" ? 0 : 3));
    if (!(least >= 0 && most <= 100)) throw new RangeError("a number has 0 to 100 fraction digits");
    const format = (value) => {
      let number = typeof value === "bigint" ? value : Number(value);
      const negative = typeof number === "bigint" ? number < 0n : number < 0 || Object.is(number, -0);
      if (negative) number = -number;
      let body;
      let suffix = "";
      if (Number.isNaN(number)) body = "NaN";
      else if (number === Infinity) body = "∞";
      else {
        if (style === "percent") number = Number(toPlain(Number(number)).includes("e") ? number * 100 : shifted(number));
        let digits = most;
        if (notation === "compact") {
          number = Number(number);
          const step = COMPACT.find(([from]) => number >= from);
          if (step) {
            number /= step[0];
            suffix = compactDisplay === "long" ? ` ${step[2]}` : step[1];
          }
          if (options.maximumFractionDigits === undefined && number < 100) digits = number < 10 ? 1 : 0;
        }
        if (maximumSignificantDigits !== undefined) number = Number(Number(number).toPrecision(maximumSignificantDigits));
        const [whole, fraction] = fixed(number, least, Math.max(digits, maximumSignificantDigits === undefined ? 0 : 20));
        const padded = whole.padStart(options.minimumIntegerDigits ?? 1, "0");
        body = (useGrouping === false ? padded : group(padded)) + (fraction ? `.${fraction}` : "");
      }
      const isZero = /^[0.,]*$/.test(body);
      const sign = negative && !(signDisplay === "negative" && isZero) && signDisplay !== "never" ? "-" : !negative && (signDisplay === "always" || (signDisplay === "exceptZero" && !isZero)) ? "+" : "";
      if (style === "percent") return `${sign}${body}${suffix}%`;
      if (style === "unit") return `${sign}${body}${suffix} ${unit}`;
      if (style !== "currency") return sign + body + suffix;
      if (currencyDisplay === "name") return `${sign}${body}${suffix} ${code}`;
      const symbol = currencyDisplay === "code" ? `${code}\u00a0` : (SYMBOLS[code] ?? `${code}\u00a0`);
      return sign + symbol + body + suffix;
    };
    return { format, formatToParts: (value) => [{ type: "literal", value: format(value) }], resolvedOptions: () => ({ locale: LOCALE, numberingSystem: "latn", style, currency: code, minimumFractionDigits: least, maximumFractionDigits: most }) };
  });
  // A hundred times as much, on the digits: 0.07 * 100 is not 7.
  const shifted = (number) => {
    if (typeof number === "bigint") return number * 100n;
    const [whole, fraction = ""] = toPlain(number).split(".");
    const digits = fraction.padEnd(2, "0");
    return `${whole}${digits.slice(0, 2)}.${digits.slice(2)}`;
  };

  const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
  const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  const STYLES = {
    full: { weekday: "long", year: "numeric", month: "long", day: "numeric" },
    long: { year: "numeric", month: "long", day: "numeric" },
    medium: { year: "numeric", month: "short", day: "numeric" },
    short: { year: "2-digit", month: "numeric", day: "numeric" },
  };
  const TIMES = {
    full: { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "long" },
    long: { hour: "numeric", minute: "2-digit", second: "2-digit", timeZoneName: "short" },
    medium: { hour: "numeric", minute: "2-digit", second: "2-digit" },
    short: { hour: "numeric", minute: "2-digit" },
  };
  const DateTimeFormat = own((given) => {
    const zone = given.timeZone ?? "UTC";
    if (!/^(?:utc|gmt|etc\/utc|etc\/gmt|\+00:00)$/i.test(zone)) unknown("time zone", zone, "UTC");
    for (const [what, styles] of [["dateStyle", STYLES], ["timeStyle", TIMES]]) {
      if (given[what] !== undefined && !Object.hasOwn(styles, given[what])) unknown(what, given[what], "full, long, medium and short");
    }
    let options = { ...(given.dateStyle && STYLES[given.dateStyle]), ...(given.timeStyle && TIMES[given.timeStyle]) };
    for (const key of ["weekday", "era", "year", "month", "day", "hour", "minute", "second", "timeZoneName"]) {
      if (given[key] !== undefined) options[key] = given[key];
    }
    if (Object.keys(options).filter((key) => key !== "timeZoneName").length === 0) options = { ...options, year: "numeric", month: "numeric", day: "numeric" };
    const isTwelve = given.hour12 ?? (given.hourCycle ? given.hourCycle.startsWith("h1") : true);
    const two = (number) => String(number).padStart(2, "0");
    const format = (value) => {
      const date = value === undefined ? new Date() : new Date(value);
      if (Number.isNaN(date.getTime())) throw new RangeError("Invalid time value");
      const day = options.day && (options.day === "2-digit" ? two(date.getUTCDate()) : String(date.getUTCDate()));
      const year = options.year && (options.year === "2-digit" ? two(date.getUTCFullYear() % 100) : String(date.getUTCFullYear()));
      const month = date.getUTCMonth();
      const name = DAYS[date.getUTCDay()];
      const weekday = options.weekday && (options.weekday === "long" ? name : options.weekday === "short" ? name.slice(0, 3) : name[0]);
      let text;
      if (options.month === "long" || options.month === "short" || options.month === "narrow") {
        const word = options.month === "long" ? MONTHS[month] : MONTHS[month].slice(0, options.month === "short" ? 3 : 1);
        const left = [word, day].filter(Boolean).join(" ");
        text = [weekday, day && year ? `${left}, ${year}` : [left, year].filter(Boolean).join(" ")].filter(Boolean).join(", ");
      } else {
        const number = options.month && (options.month === "2-digit" ? two(month + 1) : String(month + 1));
        text = [weekday, [number, day, year].filter(Boolean).join("/")].filter(Boolean).join(", ");
      }
      if (options.hour ?? options.minute ?? options.second) {
        const hour = date.getUTCHours();
        const shown = isTwelve ? hour % 12 || 12 : hour;
        const parts = [];
        if (options.hour) parts.push(options.hour === "2-digit" || !isTwelve ? two(shown) : String(shown));
        if (options.minute) parts.push(options.hour || options.minute === "2-digit" ? two(date.getUTCMinutes()) : String(date.getUTCMinutes()));
        if (options.second) parts.push(options.minute || options.second === "2-digit" ? two(date.getUTCSeconds()) : String(date.getUTCSeconds()));
        const clock = parts.join(":") + (options.hour && isTwelve ? (hour < 12 ? " AM" : " PM") : "");
        const joined = given.dateStyle === "full" || given.dateStyle === "long" ? " at " : ", ";
        text = text ? text + joined + clock : clock;
      }
      if (options.timeZoneName) text += options.timeZoneName === "long" ? " Coordinated Universal Time" : " UTC";
      return text;
    };
    return {
      format,
      formatToParts: (value) => [{ type: "literal", value: format(value) }],
      formatRange: (from, to) => (format(from) === format(to) ? format(from) : `${format(from)} – ${format(to)}`),
      resolvedOptions: () => ({ locale: LOCALE, calendar: "gregory", numberingSystem: "latn", timeZone: "UTC", ...options }),
    };
  });

  const Collator = own(({ sensitivity = "variant", numeric = false, caseFirst = "false" }) => {
    const base = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
    const order = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
    const words = (one, other) => {
      if (!numeric) return order(one, other);
      const left = one.match(/\d+|\D+/g) ?? [];
      const right = other.match(/\d+|\D+/g) ?? [];
      for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
        const digits = /^\d/.test(left[i]) && /^\d/.test(right[i]);
        const by = digits ? order(BigInt(left[i]), BigInt(right[i])) : order(left[i], right[i]);
        if (by !== 0) return by;
      }
      return order(left.length, right.length);
    };
    const compare = (left, right) => {
      const one = String(left).normalize("NFC");
      const other = String(right).normalize("NFC");
      const by = words(base(one), base(other));
      if (by !== 0 || sensitivity === "base") return by;
      const accents = order(one.normalize("NFD").toLowerCase(), other.normalize("NFD").toLowerCase());
      if (sensitivity !== "case" && accents !== 0) return accents;
      if (sensitivity === "accent") return 0;
      // Small letters come first.
      return caseFirst === "upper" ? order(one, other) : order(other, one);
    };
    return { compare, resolvedOptions: () => ({ locale: LOCALE, usage: "sort", sensitivity, numeric, caseFirst }) };
  });

  const PluralRules = own(({ type = "cardinal" }) => {
    const select = (value) => {
      const number = Number(value);
      if (type !== "ordinal") return number === 1 ? "one" : "other";
      const [tens, ones] = [number % 100, number % 10];
      if (ones === 1 && tens !== 11) return "one";
      if (ones === 2 && tens !== 12) return "two";
      return ones === 3 && tens !== 13 ? "few" : "other";
    };
    return { select, resolvedOptions: () => ({ locale: LOCALE, type }) };
  });

  const ListFormat = own(({ type = "conjunction", style = "long" }) => {
    const word = type === "unit" ? "" : type === "disjunction" ? "or" : style === "narrow" ? "" : style === "short" ? "&" : "and";
    const format = (list) => {
      const items = [...list];
      if (items.length < 2) return items.join("");
      const last = items.pop();
      const comma = items.length > 1 || word === "" ? "," : "";
      return `${items.join(", ")}${comma} ${word === "" ? "" : `${word} `}${last}`;
    };
    return { format, resolvedOptions: () => ({ locale: LOCALE, type, style }) };
  });

  const Intl = {
    NumberFormat, DateTimeFormat, Collator, PluralRules, ListFormat,
    getCanonicalLocales: (locales) => (locales === undefined ? [] : [].concat(locales).map(String)),
    supportedValuesOf: () => [],
  };
  for (const missing of ["RelativeTimeFormat", "DisplayNames", "Segmenter", "DurationFormat", "Locale"]) {
    Object.defineProperty(Intl, missing, {
      configurable: true,
      get() {
        throw new TypeError(`\`Intl.${missing}\` is not there when a page is prerendered: write the text without it, or in the browser`);
      },
    });
  }
  Object.defineProperty(Intl, Symbol.toStringTag, { value: "Intl" });
  return { Intl };
}
