// Timers without time: what they run, runs in the order in which it is due, as soon as nothing else is left to do.
(native) => {
  const timers = new Map();
  let now = 0;
  let last = 0;
  const setTimeout = (run, delay = 0, ...values) => {
    last += 1;
    const due = now + Math.max(0, Math.trunc(Number(delay)) || 0);
    timers.set(last, { due, run: () => (typeof run === "function" ? run(...values) : undefined) });
    return last;
  };
  const clearTimeout = (id) => {
    timers.delete(id);
  };
  // What repeats would never end, and so does not begin.
  const setInterval = () => (last += 1);
  native.runTimer = () => {
    let next;
    for (const [id, timer] of timers) {
      if (next === undefined || timer.due < timers.get(next).due) next = id;
    }
    if (next === undefined) return false;
    const { due, run } = timers.get(next);
    timers.delete(next);
    now = due;
    run();
    return true;
  };
  return { setTimeout, clearTimeout, setInterval, clearInterval: clearTimeout };
}
