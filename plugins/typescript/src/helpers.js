// One function per helper that oxc's transforms call, each complete in itself, in ES2015: it is copied into modules one
// by one, under another name. What each must do is defined by Babel's helpers of the same names, and, for decorators, by
// TypeScript's emit helpers.

function decorate(decorators, target, key, descriptor) {
  const count = arguments.length;
  let result = count < 3 ? target : descriptor === null ? (descriptor = Object.getOwnPropertyDescriptor(target, key)) : descriptor;
  if (typeof Reflect.decorate === "function") {
    result = Reflect.decorate(decorators, target, key, descriptor);
  } else {
    for (let i = decorators.length - 1; i >= 0; i--) {
      const decorator = decorators[i];
      if (decorator) result = (count < 3 ? decorator(result) : count > 3 ? decorator(target, key, result) : decorator(target, key)) || result;
    }
  }
  if (count > 3 && result) Object.defineProperty(target, key, result);
  return result;
}

function decorateParam(index, decorator) {
  return (target, key) => decorator(target, key, index);
}

function decorateMetadata(key, value) {
  if (typeof Reflect.metadata === "function") return Reflect.metadata(key, value);
}

function usingCtx() {
  const none = {};
  const resources = [];
  const symbol = (name) => Symbol[name] || Symbol.for("Symbol." + name);
  const add = (isAsync, value) => {
    if (value === null || value === undefined) {
      if (isAsync) resources.push({ isAsync });
      return value;
    }
    if (Object(value) !== value) {
      throw new TypeError("using declarations can only be used with objects, functions, null, or undefined.");
    }
    let dispose = isAsync ? value[symbol("asyncDispose")] : undefined;
    if (dispose === null || dispose === undefined) {
      dispose = value[symbol("dispose")];
      if (isAsync && typeof dispose === "function") {
        const sync = dispose;
        // Its result is not waited for, its exception is.
        dispose = function () {
          try {
            sync.call(this);
          } catch (error) {
            return Promise.reject(error);
          }
        };
      }
    }
    if (typeof dispose !== "function") throw new TypeError("Object is not disposable.");
    resources.push({ value, dispose, isAsync });
    return value;
  };
  return {
    e: none,
    u: (value) => add(false, value),
    a: (value) => add(true, value),
    d() {
      let failed = this.e !== none;
      let error = this.e;
      const note = (next) => {
        if (failed) {
          const suppressed = error;
          if (typeof SuppressedError === "function") {
            error = new SuppressedError(next, suppressed, "An error was suppressed during disposal.");
          } else {
            error = new Error("An error was suppressed during disposal.");
            error.name = "SuppressedError";
            error.error = next;
            error.suppressed = suppressed;
          }
        } else {
          error = next;
          failed = true;
        }
      };
      const step = () => {
        while (resources.length > 0) {
          const resource = resources.pop();
          try {
            const result = resource.dispose && resource.dispose.call(resource.value);
            if (resource.isAsync) {
              return Promise.resolve(result).then(step, (rejection) => {
                note(rejection);
                return step();
              });
            }
          } catch (thrown) {
            note(thrown);
          }
        }
        if (failed) throw error;
      };
      return step();
    },
  };
}

function objectSpread2(target) {
  for (let i = 1; i < arguments.length; i++) {
    const source = arguments[i] === null || arguments[i] === undefined ? {} : Object(arguments[i]);
    // Every second argument is an object literal, made for this call: its getters are copied, not called.
    const isLiteral = i % 2 === 0;
    for (const key of Reflect.ownKeys(source)) {
      const descriptor = Object.getOwnPropertyDescriptor(source, key);
      if (isLiteral) Object.defineProperty(target, key, descriptor);
      else if (descriptor !== undefined && descriptor.enumerable) {
        Object.defineProperty(target, key, { value: source[key], enumerable: true, configurable: true, writable: true });
      }
    }
  }
  return target;
}

function assign() {
  return Object.assign.apply(null, arguments);
}

function objectDestructuringEmpty(value) {
  if (value === null || value === undefined) throw new TypeError("Cannot destructure " + value);
}

function objectWithoutProperties(source, excluded) {
  const target = {};
  if (source === null || source === undefined) return target;
  source = Object(source);
  for (const key of Reflect.ownKeys(source)) {
    if (excluded.indexOf(key) === -1 && Object.prototype.propertyIsEnumerable.call(source, key)) target[key] = source[key];
  }
  return target;
}

function toPropertyKey(value) {
  return Reflect.ownKeys({ [value]: undefined })[0];
}

function defineProperty(target, key, value) {
  return Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function classPrivateFieldInitSpec(object, fields, value) {
  if (fields.has(object)) throw new TypeError("Cannot initialize the same private elements twice on an object");
  fields.set(object, value);
}

function classPrivateMethodInitSpec(object, brand) {
  if (brand.has(object)) throw new TypeError("Cannot initialize the same private elements twice on an object");
  brand.add(object);
}

function classPrivateFieldGet2(fields, object) {
  if (!fields.has(object)) throw new TypeError("Private element is not present on this object");
  return fields.get(object);
}

function classPrivateFieldSet2(fields, object, value) {
  if (!fields.has(object)) throw new TypeError("Private element is not present on this object");
  fields.set(object, value);
  return value;
}

function assertClassBrand(brand, object, value) {
  if (typeof brand === "function" ? brand === object : brand.has(object)) return arguments.length < 3 ? object : value;
  throw new TypeError("Private element is not present on this object");
}

function toSetter(set, args, receiver) {
  args = args || [];
  const last = args.length++;
  return {
    set _(value) {
      args[last] = value;
      set.apply(receiver, args);
    },
  };
}

function superPropGet(home, key, receiver, flags) {
  const value = Reflect.get(Object.getPrototypeOf(flags & 1 ? home.prototype : home), key, receiver);
  return flags & 2 && typeof value === "function" ? (args) => value.apply(receiver, args) : value;
}

function superPropSet(home, key, value, receiver, isStrict, isPrototype) {
  const parent = Object.getPrototypeOf(isPrototype ? home.prototype : home);
  if (!Reflect.set(parent, key, value, receiver) && isStrict) throw new TypeError("failed to set property");
  return value;
}

function readOnlyError(name) {
  throw new TypeError('"' + name + '" is read-only');
}

function writeOnlyError(name) {
  throw new TypeError('"' + name + '" is write-only');
}

function checkInRHS(value) {
  if (Object(value) !== value) {
    throw new TypeError("right-hand side of 'in' should be an object, got " + (value === null ? "null" : typeof value));
  }
  return value;
}

function taggedTemplateLiteral(strings, raw) {
  return Object.freeze(Object.defineProperties(strings, { raw: { value: Object.freeze(raw || strings.slice(0)) } }));
}
