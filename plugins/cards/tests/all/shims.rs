//! What modules find of a browser.

use serde_json::json;

use crate::isolated;

/// What an expression gives, as JSON.
fn value(expression: &str) -> String {
    let source = format!(
        "export class Card {{ static isolated = async () => JSON.stringify(await ({expression})); }}"
    );
    isolated(&source, &json!({})).unwrap_or_else(|failure| panic!("{expression}: {failure:?}"))
}

/// Each expression is true.
fn holds(expressions: &[&str]) {
    for expression in expressions {
        assert_eq!(value(expression), "true", "{expression}");
    }
}

#[test]
fn urls() {
    assert_eq!(
        value(
            "(() => { const u = new URL('../a b?x=1&y=é#h', 'https://u:p@h.example:8443/d/e/f'); u.searchParams.append('z', '1 2'); u.port = '443'; u.hash = ''; return [u.href, u.origin, u.host, u.username, u.searchParams.get('y')]; })()"
        ),
        r#"["https://u:p@h.example/d/a%20b?x=1&y=%C3%A9&z=1+2","https://h.example","h.example","u","é"]"#
    );
    holds(&[
        "URL.canParse('x') === false && URL.canParse('x', 'http://h/') && URL.parse('nope') === null",
        "(() => { try { new URL('nope'); } catch (error) { return error instanceof TypeError; } })()",
        "String(new URL('http://h')) === 'http://h/' && JSON.stringify({ u: new URL('http://h/x') }) === '{\"u\":\"http://h/x\"}'",
        "(() => { const u = new URL('http://h/?a=1'); const p = u.searchParams; u.search = '?b=2'; return p.get('b') === '2' && p.get('a') === null; })()",
        "String(new URLSearchParams({ a: '1 2', b: 'ü' })) === 'a=1+2&b=%C3%BC'",
        "[...new URLSearchParams('?a=1&a=2&b=').entries()].join() === 'a,1,a,2,b,'",
        "(() => { const p = new URLSearchParams('b=1&a=2&b=3'); p.set('b', 4); p.sort(); p.delete('x'); return `${p}` === 'a=2&b=4' && p.size === 2 && p.getAll('b').length === 1; })()",
    ]);
}

#[test]
fn text_and_bytes() {
    holds(&[
        "[...new TextEncoder().encode('é€😀')].join() === '195,169,226,130,172,240,159,152,128'",
        "new TextDecoder().decode(new TextEncoder().encode('é€😀')) === 'é€😀'",
        "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 65, 0xff]).buffer) === 'A\\ufffd'",
        "(() => { try { new TextDecoder('utf-8', { fatal: true }).decode(new Uint8Array([255])); } catch (error) { return error instanceof TypeError; } })()",
        "(() => { const d = new TextDecoder(); return d.decode(new Uint8Array([0xe2, 0x82]), { stream: true }) === '' && d.decode(new Uint8Array([0xac])) === '€'; })()",
        "atob(btoa('hello')) === 'hello' && btoa('\\xff') === '/w=='",
    ]);
}

#[test]
fn clones() {
    holds(&[
        "(() => { const a = { d: new Date(5), m: new Map([[1, new Set(['x'])]]), l: [1, , 3], u: new Uint8Array([1, 2]), r: /x/gi }; a.self = a; const b = structuredClone(a); return b !== a && b.self === b && b.d.getTime() === 5 && b.m.get(1).has('x') && b.l.length === 3 && !(1 in b.l) && b.u[1] === 2 && b.u !== a.u && b.r.flags === 'gi'; })()",
        "(() => { try { structuredClone({ f() {} }); } catch (error) { return error.name === 'DataCloneError'; } })()",
        "structuredClone(Object.assign(new RangeError('x'), {})).message === 'x'",
    ]);
}

#[test]
fn timers_run_in_order_without_waiting() {
    assert_eq!(
        value(
            "new Promise((done) => { const log = []; const t = setTimeout(() => log.push('cleared'), 1); setTimeout(() => { log.push('b'); setTimeout(() => done(log), 0); }, 50); setTimeout((x) => log.push(x), 10, 'a'); queueMicrotask(() => log.push('now')); clearTimeout(t); clearInterval(setInterval(() => log.push('never'), 1)); })"
        ),
        r#"["now","a","b"]"#
    );
}

#[test]
fn numbers_are_written_as_americans_do() {
    for (expression, written) in [
        ("(1234567.891).toLocaleString()", "1,234,567.891"),
        (
            "(1234.5).toLocaleString('en-US', { style: 'currency', currency: 'USD' })",
            "$1,234.50",
        ),
        (
            "(-1234.567).toLocaleString('de', { maximumFractionDigits: 1 })",
            "-1,234.6",
        ),
        (
            "new Intl.NumberFormat('en-US', { style: 'percent' }).format(0.07)",
            "7%",
        ),
        (
            "new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 1 }).format(0.1234)",
            "12.3%",
        ),
        (
            "Intl.NumberFormat('en-US', { style: 'currency', currency: 'JPY' }).format(1234.5)",
            "¥1,235",
        ),
        (
            "new Intl.NumberFormat('en', { notation: 'compact' }).format(1234567)",
            "1.2M",
        ),
        (
            "new Intl.NumberFormat().format(1e21)",
            "1,000,000,000,000,000,000,000",
        ),
        (
            "new Intl.NumberFormat('en', { minimumFractionDigits: 2 }).format(5)",
            "5.00",
        ),
        (
            "new Intl.NumberFormat('en', { maximumFractionDigits: 0 }).format(0.5)",
            "1",
        ),
        (
            "(12345678901234567890n).toLocaleString()",
            "12,345,678,901,234,567,890",
        ),
        ("(0.000001).toLocaleString()", "0"),
        (
            "(1e-7).toLocaleString('en', { maximumFractionDigits: 8 })",
            "0.0000001",
        ),
        ("NaN.toLocaleString()", "NaN"),
    ] {
        assert_eq!(value(expression), format!("\"{written}\""), "{expression}");
    }
}

#[test]
fn dates_are_written_as_americans_do_in_utc() {
    let date = "new Date('2024-03-05T17:04:09Z')";
    for (expression, written) in [
        ("toLocaleDateString()", "3/5/2024"),
        ("toLocaleTimeString()", "5:04:09 PM"),
        ("toLocaleString()", "3/5/2024, 5:04:09 PM"),
        (
            "toLocaleDateString('en-US', { dateStyle: 'full' })",
            "Tuesday, March 5, 2024",
        ),
        (
            "toLocaleDateString('en-US', { dateStyle: 'medium' })",
            "Mar 5, 2024",
        ),
        (
            "toLocaleDateString('en-US', { month: 'long', year: 'numeric' })",
            "March 2024",
        ),
        (
            "toLocaleDateString('en-US', { weekday: 'short', month: 'short', day: 'numeric' })",
            "Tue, Mar 5",
        ),
        (
            "toLocaleString('en-US', { dateStyle: 'long', timeStyle: 'short' })",
            "March 5, 2024 at 5:04 PM",
        ),
        (
            "toLocaleTimeString('en-US', { hour: '2-digit', minute: '2-digit', hour12: false })",
            "17:04",
        ),
        (
            "toLocaleDateString('en-US', { year: 'numeric', month: '2-digit', day: '2-digit', timeZone: 'UTC' })",
            "03/05/2024",
        ),
    ] {
        assert_eq!(
            value(&format!("{date}.{expression}")),
            format!("\"{written}\""),
            "{expression}"
        );
    }
    holds(&[
        "(() => { try { new Date(0).toLocaleString('en', { timeZone: 'Europe/Paris' }); } catch (error) { return error instanceof RangeError && error.message.includes('UTC'); } })()",
    ]);
}

#[test]
fn words_are_sorted_and_listed() {
    assert_eq!(
        value("['b', 'a', 'Z', 'é', 'e', 'A'].sort((x, y) => x.localeCompare(y))"),
        r#"["a","A","b","e","é","Z"]"#
    );
    assert_eq!(
        value("['a10', 'a2'].sort(new Intl.Collator('en', { numeric: true }).compare)"),
        r#"["a2","a10"]"#
    );
    holds(&[
        "new Intl.Collator('en', { sensitivity: 'base' }).compare('É', 'e') === 0",
        "new Intl.ListFormat('en').format(['a', 'b', 'c']) === 'a, b, and c'",
        "new Intl.PluralRules('en', { type: 'ordinal' }).select(22) === 'two' && new Intl.PluralRules().select(1) === 'one'",
        "(() => { try { new Intl.RelativeTimeFormat('en'); } catch (error) { return error.message.includes('Intl.RelativeTimeFormat'); } })()",
    ]);
}

#[test]
fn a_console_takes_whatever_it_is_given() {
    holds(&[
        "(console.log('a', 1, 1n, Symbol('s'), null, undefined, { a: [1, { b: { c: { d: 1 } } }] }, new Map([[1, 2]]), new Error('x'), () => 1), console.assert(false, 'x'), console.table([]), console.groupEnd(), true)",
    ]);
}

#[test]
fn shims_are_globals_like_others() {
    holds(&[
        "!Object.keys(globalThis).includes('URL') && 'URL' in globalThis && typeof URL === 'function'",
        "(() => { globalThis.URL = 1; return globalThis.URL === 1; })()",
        "(() => { globalThis.console = { log: () => 7 }; return console.log() === 7; })()",
        "typeof fetch === 'undefined' && typeof process === 'undefined' && typeof require === 'undefined'",
    ]);
}
