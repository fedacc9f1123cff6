// The helpers of lowered generators and async functions; as in helpers.js.

function awaitAsyncGenerator(value) {
  return { [Symbol.for("realm.asyncYield")]: true, value, isDelegate: false };
}

function asyncGeneratorDelegate(inner) {
  const iterator = {};
  let waiting = false;
  const pump = (key, value) => {
    waiting = true;
    const result = new Promise((resolve) => resolve(inner[key](value)));
    return { done: false, value: { [Symbol.for("realm.asyncYield")]: true, value: result, isDelegate: true } };
  };
  iterator[Symbol.iterator] = function () {
    return this;
  };
  iterator.next = (value) => {
    if (waiting) {
      waiting = false;
      return value;
    }
    return pump("next", value);
  };
  if (typeof inner.throw === "function") {
    iterator.throw = (value) => {
      if (waiting) {
        waiting = false;
        throw value;
      }
      return pump("throw", value);
    };
  }
  if (typeof inner.return === "function") {
    iterator.return = (value) => {
      if (waiting) {
        waiting = false;
        return value;
      }
      return pump("return", value);
    };
  }
  return iterator;
}

function wrapAsyncGenerator(generator) {
  return function () {
    const inner = generator.apply(this, arguments);
    const requests = [];
    const settle = (kind, value) => {
      const request = requests.shift();
      if (kind === "throw") request.reject(value);
      else request.resolve({ value, done: kind === "return" });
      if (requests.length > 0) resume(requests[0].key, requests[0].argument);
    };
    const resume = (key, argument) => {
      let result;
      try {
        result = inner[key](argument);
      } catch (error) {
        settle("throw", error);
        return;
      }
      const yielded = result.value;
      const isMarked = Object(yielded) === yielded && yielded[Symbol.for("realm.asyncYield")] === true;
      Promise.resolve(isMarked ? yielded.value : yielded).then(
        (value) => {
          if (isMarked) {
            // The generator has to see what it waited for before it goes on: an await gets the value, a delegation
            // the result, which may be its last.
            const next = key === "return" && yielded.isDelegate ? key : "next";
            if (!yielded.isDelegate || value.done) {
              resume(next, value);
              return;
            }
            try {
              value = inner[next](value).value;
            } catch (error) {
              settle("throw", error);
              return;
            }
          }
          settle(result.done ? "return" : "yield", value);
        },
        (error) => resume("throw", error),
      );
    };
    const request = (key) => (argument) =>
      new Promise((resolve, reject) => {
        requests.push({ key, argument, resolve, reject });
        if (requests.length === 1) resume(key, argument);
      });
    const object = { next: request("next"), throw: request("throw"), return: request("return") };
    object[Symbol.asyncIterator || "@@asyncIterator"] = () => object;
    return object;
  };
}

function asyncIterator(iterable) {
  const method = iterable[Symbol.asyncIterator || "@@asyncIterator"];
  if (method !== null && method !== undefined) return method.call(iterable);
  const sync = iterable[Symbol.iterator];
  if (sync === null || sync === undefined) throw new TypeError("Object is not async iterable");
  const iterator = sync.call(iterable);
  const next = iterator.next;
  const settle = (result) => {
    if (Object(result) !== result) return Promise.reject(new TypeError(result + " is not an object."));
    const done = result.done;
    return Promise.resolve(result.value).then((value) => ({ value, done }));
  };
  return {
    next() {
      return settle(next.apply(iterator, arguments));
    },
    return(value) {
      if (iterator.return === undefined) return Promise.resolve({ value, done: true });
      return settle(iterator.return.apply(iterator, arguments));
    },
    throw(value) {
      if (iterator.throw === undefined) return Promise.reject(value);
      return settle(iterator.throw.apply(iterator, arguments));
    },
  };
}

function asyncToGenerator(generator) {
  return function () {
    const inner = generator.apply(this, arguments);
    return new Promise((resolve, reject) => {
      const step = (key, argument) => {
        let result;
        try {
          result = inner[key](argument);
        } catch (error) {
          reject(error);
          return;
        }
        if (result.done) resolve(result.value);
        else Promise.resolve(result.value).then((value) => step("next", value), (error) => step("throw", error));
      };
      step("next");
    });
  };
}
