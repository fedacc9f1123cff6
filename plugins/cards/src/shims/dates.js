// The methods of numbers, dates and strings that speak a language.
() => {
  const date = (defaults) =>
    function (locales, options = {}) {
      if (Number.isNaN(this.getTime())) return "Invalid Date";
      const isGiven = ["weekday", "year", "month", "day", "hour", "minute", "second", "dateStyle", "timeStyle"].some((key) => options[key] !== undefined);
      return new Intl.DateTimeFormat(locales, isGiven ? options : { ...options, ...defaults }).format(this);
    };
  const day = { year: "numeric", month: "numeric", day: "numeric" };
  const time = { hour: "numeric", minute: "numeric", second: "numeric" };
  const ofDate = date({ ...day, ...time });
  return {
    toLocaleString(locales, options) {
      return this instanceof Date ? ofDate.call(this, locales, options) : new Intl.NumberFormat(locales, options).format(this);
    },
    toLocaleDateString: date(day),
    toLocaleTimeString: date(time),
    localeCompare(other, locales, options) {
      return new Intl.Collator(locales, options).compare(String(this), String(other));
    },
  };
}
