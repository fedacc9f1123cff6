// Collects what was checked, applies the named exceptions, and prints the summary.
import fs from 'node:fs';

const SHOWN_PER_KIND = 10;

export class Report {
  constructor(exceptions) {
    this.exceptions = exceptions;
    this.used = new Set();
    this.checked = new Set();
    this.passed = 0;
    this.excused = [];
    this.failures = [];
  }

  /// One check of one thing: `problems` is a list of `[kind, detail]`. It passes when all of them are excused.
  check(name, problems) {
    this.checked.add(name);
    const left = problems.filter(([kind]) => !this.excuses(name, kind));
    if (left.length) this.failures.push(...left.map(([kind, detail]) => ({ name, kind, detail })));
    else this.passed += 1;
    if (left.length < problems.length) this.excused.push(name);
  }

  /// An exception excuses one kind of failure of one path, so that the same file cannot fail in a new way unseen.
  excuses(name, kind) {
    if (this.exceptions[name]?.kind !== kind) return false;
    this.used.add(name);
    return true;
  }

  /// An exception that nothing needs any more is a failure: the list only ever says what is true.
  /// A run of a part says nothing about the files that it has not checked.
  checkExceptions(whole) {
    for (const name of Object.keys(this.exceptions)) {
      if (!this.used.has(name) && (whole || this.checked.has(name))) {
        this.failures.push({ name, kind: 'exception', detail: 'is in exceptions.json, but does not fail that way' });
      }
    }
  }

  /// Prints the failures by kind, and last the line that says how it went; the exit code.
  finish() {
    const kinds = groupByKind(this.failures);
    for (const [kind, failures] of kinds) {
      console.log(`\n${kind}: ${failures.length}`);
      for (const { name, detail } of failures.slice(0, SHOWN_PER_KIND)) console.log(`  ${name}\n    ${detail}`);
      if (failures.length > SHOWN_PER_KIND) console.log(`  … and ${failures.length - SHOWN_PER_KIND} more`);
    }
    for (const name of this.excused) console.log(`excused: ${name}: ${this.exceptions[name].reason}`);
    const failed = new Set(this.failures.map(({ name }) => name)).size;
    console.log(`\n${this.passed} passed, ${failed} failed`);
    return failed ? 1 : 0;
  }
}

/// `{ path: { kind, reason } }`; an entry without a reason is refused.
export function readExceptions(file) {
  const exceptions = JSON.parse(fs.readFileSync(file, 'utf8'));
  for (const [name, { kind, reason }] of Object.entries(exceptions)) {
    if (!kind || !reason?.trim()) throw new Error(`exceptions.json: ${name} needs a kind and a reason`);
  }
  return exceptions;
}

export const milliseconds = (number) => `${number < 10 ? number.toFixed(1) : Math.round(number)} ms`;

function groupByKind(failures) {
  const kinds = new Map();
  for (const failure of failures) kinds.set(failure.kind, [...(kinds.get(failure.kind) ?? []), failure]);
  return kinds;
}
