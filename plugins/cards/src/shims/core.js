// Runs before any module: takes what the plugin asks of values, and leaves a getter where each missing global would be,
// which makes it when it is first asked for.
(native) => {
  const { defineProperty, getPrototypeOf, hasOwn, prototype: objectPrototype } = Object;
  const functionPrototype = Function.prototype;
  const { apply } = Reflect;
  const toWellFormed = functionPrototype.call.bind(String.prototype.toWellFormed);
  const define = (target, name, value) =>
    defineProperty(target, name, { __proto__: null, value, writable: true, configurable: true, enumerable: false });

  const made = { __proto__: null };
  const make = (part) => (made[part] ??= native.part(part)(native));
  const lazy = (part, target, names) => {
    for (let i = 0; i < names.length; i += 1) {
      const name = names[i];
      defineProperty(target, name, {
        __proto__: null,
        configurable: true,
        enumerable: false,
        get() {
          const value = make(part)[name];
          define(target, name, value);
          return value;
        },
        set(value) {
          define(this === undefined ? target : this, name, value);
        },
      });
    }
  };
  lazy("console", globalThis, ["console"]);
  lazy("url", globalThis, ["URL", "URLSearchParams"]);
  lazy("text", globalThis, ["TextEncoder", "TextDecoder"]);
  lazy("clone", globalThis, ["structuredClone"]);
  lazy("timers", globalThis, ["setTimeout", "clearTimeout", "setInterval", "clearInterval"]);
  lazy("intl", globalThis, ["Intl"]);

  // Methods that speak a language are those of `Intl`.
  const speaks = (part, target, name, length) => {
    const method = {
      [name](...given) {
        return apply(make(part)[name], this, given);
      },
    }[name];
    defineProperty(method, "length", { __proto__: null, value: length });
    define(target, name, method);
  };
  speaks("dates", Number.prototype, "toLocaleString", 0);
  speaks("dates", BigInt.prototype, "toLocaleString", 0);
  speaks("dates", String.prototype, "localeCompare", 1);
  const dates = ["toLocaleString", "toLocaleDateString", "toLocaleTimeString"];
  for (let i = 0; i < dates.length; i += 1) speaks("dates", Date.prototype, dates[i], 0);

  return {
    __proto__: null,
    parent: (value) => {
      const parent = getPrototypeOf(value);
      return parent === objectPrototype || parent === functionPrototype ? null : parent;
    },
    has: (value, name) => hasOwn(value, name),
    same: (one, other) => one === other,
    text: (value, limit) => (value.length > limit ? null : toWellFormed(value)),
    kind: (value) => (value === null ? "null" : typeof value),
  };
}
