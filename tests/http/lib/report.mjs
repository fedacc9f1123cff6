// Counts checks; one line for each that fails: what was asked, what was expected by which rule, and what came.

export class Report {
  passed = 0;
  failed = 0;
  section = '';

  /// `what` should have been `expected` (text) by `rule`; `got` is what came.
  check(what, rule, holds, expected, got) {
    if (holds) {
      this.passed += 1;
      return true;
    }
    this.failed += 1;
    console.log(`${this.section}: ${what}: expected ${expected} (${rule}), got ${got}`.replace(/\s*\n\s*/g, ' '));
    return false;
  }

  equal(what, rule, got, expected) {
    const [is, should] = [show(got), show(expected)];
    return this.check(what, rule, is === should, should, is);
  }

  /// The answer has this status, or one of these.
  status(answer, wanted, rule) {
    const all = [wanted].flat();
    return this.check(answer.label, rule, all.includes(answer.status), all.join(' or '), answer.brief());
  }

  /// A header has this value, `undefined` for none.
  header(answer, name, wanted, rule) {
    return this.equal(`${answer.label}: ${name}`, rule, answer.get(name), wanted);
  }

  /// A header has this form.
  matches(answer, name, pattern, rule) {
    const value = answer.get(name);
    return this.check(`${answer.label}: ${name}`, rule, pattern.test(value ?? ''), String(pattern), show(value));
  }

  /// The body has these bytes.
  body(answer, wanted, rule) {
    const bytes = Buffer.from(wanted);
    const same = answer.body.equals(bytes);
    const got = `${answer.body.length} ${answer.body.length === bytes.length ? 'other ' : ''}bytes, status ${answer.status}`;
    return this.check(`${answer.label}: the body`, rule, same, `${bytes.length} certain bytes`, got);
  }

  finish() {
    console.log(`${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 ? 0 : 1;
  }
}

function show(value) {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'none');
  return text.length > 300 ? `${text.slice(0, 300)}…` : text;
}
