//! Documents and modules that mean harm: an error in words, or output that harms nobody.

use realm_guest_sdk::{Failure, Prerenderer};
use realm_plugin_cards::Cards;
use serde_json::{Value, json};

use crate::{document, error, isolated, realm, render};

const POISON: &str = "
    const evil = () => 'evil';
    const each = (list, run) => { for (let i = 0; i < list.length; i += 1) run(list[i]); };
    const { defineProperty } = Object;
    each([Object.prototype, Array.prototype, Function.prototype, String.prototype], (target) => {
        each(['isolated', 'title', 'searchDocument', 'embedded', 'fields', 'then', 'children', 'html', 'props', 'runTimer', 'text', '0'], (key) => {
            if (target !== Object.prototype || key !== 'then') defineProperty(target, key, { configurable: true, get: () => evil, set() {} });
        });
    });
    each(['replace', 'slice', 'toLowerCase', 'startsWith', 'charCodeAt', 'toWellFormed', 'toString', 'valueOf', 'split'], (key) => { String.prototype[key] = evil; });
    each(['keys', 'hasOwn', 'getPrototypeOf', 'freeze', 'entries', 'create', 'defineProperty'], (key) => { Object[key] = () => []; });
    each(['map', 'join', 'push', 'forEach', Symbol.iterator], (key) => { Array.prototype[key] = evil; });
    each(['exec', 'test', Symbol.replace, Symbol.match], (key) => { RegExp.prototype[key] = () => null; });
    Function.prototype.call = evil; Function.prototype.apply = evil; Function.prototype.bind = evil;
    Reflect.apply = evil; Reflect.ownKeys = () => [];
    JSON.stringify = () => '{\"evil\":1}'; JSON.parse = evil;
    Promise.prototype.then = evil; Promise.resolve = evil; globalThis.Promise = evil;
    Symbol.prototype.toString = evil; Object.prototype.toString = evil;
    Array.isArray = () => false; globalThis.String = evil; globalThis.Symbol = evil; globalThis.TypeError = evil;
    globalThis.Object = globalThis.Array = globalThis.Function = evil;
";

#[test]
fn a_module_that_poisons_the_engine_changes_nothing_of_what_is_reported() {
    let base = "export class Base { static embedded = (a) => a.name; }";
    let card = "import './poison.ts'; import { Base } from './base.tsx';
        export class Card extends Base { static atom = async (a) => <b title={a.name}>{a.name}{[a.name]}<a href={a.link} style={{ color: a.style }}>x</a></b>; }";
    let attributes = json!({ "name": "<i>\"&", "link": " javascript:x", "style": "red;x:y" });
    let realm = realm(&[
        ("poison.ts", POISON),
        ("base.tsx", base),
        ("card.tsx", card),
        ("card.json", &document("./card.tsx", "Card", &attributes)),
    ]);
    let rendition = render(&realm, &["isolated", "atom", "embedded", "fitted"]).unwrap();
    let (own, ancestor) = (
        "http://realm.test/demo/card.tsx/Card",
        "http://realm.test/demo/base.tsx/Base",
    );
    assert_eq!(rendition.types, [own, ancestor]);
    let renderings: Vec<_> = rendition
        .renderings
        .iter()
        .map(|rendering| {
            (
                rendering.format.as_str(),
                rendering.as_type.as_str(),
                rendering.contents.as_str(),
            )
        })
        .collect();
    assert_eq!(
        renderings,
        [
            (
                "atom",
                "",
                r#"<b title="&lt;i&gt;&quot;&amp;">&lt;i&gt;"&amp;&lt;i&gt;"&amp;<a href="about:blank#blocked" style="">x</a></b>"#
            ),
            ("embedded", own, "<i>\"&"),
            ("embedded", ancestor, "<i>\"&"),
        ]
    );
    assert_eq!(rendition.title.as_deref(), Some("<i>\"&"));
    assert_eq!(
        serde_json::from_str::<Value>(&rendition.search_document).unwrap(),
        attributes
    );
}

#[test]
fn an_error_under_poison_is_still_an_error() {
    let source = format!("{POISON}\nexport class Card {{ static isolated() {{ null.x; }} }}");
    let (_, message) = error(isolated(&source, &json!({})));
    assert!(
        message.contains("cannot read property 'x' of null"),
        "{message}"
    );
}

#[test]
fn types_cannot_be_claimed_of_the_engines_own() {
    let source = "export const F = Object.getPrototypeOf(Function), O = Object.prototype; export class Card {}";
    let realm = realm(&[
        ("card.ts", source),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ]);
    assert_eq!(
        render(&realm, &[]).unwrap().types,
        ["http://realm.test/demo/card.ts/Card"]
    );
}

#[test]
fn recursion_is_an_error() {
    let (at, message) = error(isolated(
        "function f(n) { return f(n + 1) + 1; }\nexport class Card { static isolated = f; }",
        &json!({}),
    ));
    assert!(at.starts_with("card-recursion card.tsx:1:"), "{at}");
    assert!(
        message.contains("Maximum call stack size exceeded"),
        "{message}"
    );
    for source in [
        "const Loop = (p) => <Loop {...p} />; export class Card { static isolated = () => <Loop />; }",
        "export class Card { static isolated() { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return a; } }",
        "export class Card { static isolated() { let a = {}; for (let i = 0; i < 1e5; i++) a = { a }; return JSON.stringify(a); } }",
        "export class Card { static isolated() { return JSON.parse('['.repeat(1e6)); } }",
        "export class Card { static isolated() { return new Function('return ' + '('.repeat(1e6))(); } }",
        "export class Card { static isolated() { return /(?:)/.test(new RegExp('('.repeat(1e5))); } }",
        "export class Card { static isolated() { const e = {}; e.toString = () => `${e}`; throw { message: e, name: e, get stack() { return `${e}`; } }; } }",
        "export class Card { static get isolated() { return this.isolated; } }",
        "export class Card { static isolated() { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x; } }",
    ] {
        let (at, message) = error(isolated(source, &json!({})));
        assert!(at.starts_with("card-"), "{source}: {message}");
    }
}

#[test]
fn a_memory_bomb_is_an_error() {
    for source in [
        "export class Card { static isolated() { const all = []; for (;;) all.push(new Array(1e5).fill(1)); } }",
        "export class Card { static isolated() { let text = 'x'; for (;;) text = [text, text].join(); } }",
        "export class Card { static isolated = () => new Uint8Array(2 ** 30); }",
        "export class Card { static isolated = () => { try { return 'x'.repeat(2 ** 29); } catch { return 'x'.repeat(2 ** 28) + 'y'; } }; }",
    ] {
        let card = document("./card.ts", "Card", &json!({}));
        let realm = realm(&[("card.ts", source), ("card.json", &card)]);
        let mut request = realm.render_request("card.json", ["isolated"]);
        request.options = r#"{"memoryBytes":33554432}"#.into();
        let (at, message) = error(Cards::render(request, &realm));
        assert!(
            at.starts_with("card-memory ")
                || at.starts_with("card-too-large ")
                || message.contains("RangeError"),
            "{source}: {at} {message}"
        );
    }
}

#[test]
fn a_result_that_is_too_large_is_an_error() {
    for source in ["'x'.repeat(1e8)", "['<'.repeat(3e6)]", "'€'.repeat(3e6)"] {
        let source = format!("export class Card {{ static isolated = () => {source}; }}");
        let (at, message) = error(isolated(&source, &json!({})));
        assert_eq!(at, "card-too-large card.json:1:1");
        assert_eq!(
            message,
            "the card's output is larger than 8388608 bytes (while `isolated` was rendered)"
        );
    }
}

#[test]
fn formats_share_one_bound() {
    let source =
        "export class Card { static isolated = 'x'.repeat(5e6); static atom = 'x'.repeat(5e6); }";
    let realm = realm(&[
        ("card.ts", source),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ]);
    assert!(render(&realm, &["isolated"]).is_ok());
    assert_eq!(
        error(render(&realm, &["isolated", "atom"])).0,
        "card-too-large card.json:1:1"
    );
}

#[test]
fn keys_of_a_prototype_are_keys_like_others() {
    let text = r#"{"data":{"type":"card","attributes":{"__proto__":{"isAdmin":true},"constructor":"c","name":"n"},"meta":{"adoptsFrom":{"module":"./card.ts","name":"Card"}}}}"#;
    let source = "export class Card { static isolated = (a) => [a.isAdmin, Object.keys(a), ({}).isAdmin].join('|'); }";
    let realm = realm(&[("card.ts", source), ("card.json", text)]);
    let rendition = render(&realm, &["isolated"]).unwrap();
    assert_eq!(
        rendition.get("isolated"),
        Some("|__proto__,constructor,name|")
    );
    assert_eq!(
        rendition.search_document,
        r#"{"__proto__":{"isAdmin":true},"constructor":"c","name":"n"}"#
    );
    let named = realm.with("card.json", text.replace("\"Card\"", "\"__proto__\""));
    assert!(error(render(&named, &[])).0.starts_with("card-export "));
}

#[test]
fn members_that_throw_are_errors() {
    for member in [
        "static get title() { throw new Error('mine'); }",
        "static title() { throw new Error('mine'); }",
        "static async searchDocument() { throw new Error('mine'); }",
        "static get searchDocument() { throw new Error('mine'); }",
        "static searchDocument = () => ({ get a() { throw new Error('mine'); } })",
        "static isolated = () => ({ *[Symbol.iterator]() { throw new Error('mine'); } })",
        "static isolated = () => ({ get then() { throw new Error('mine'); } })",
    ] {
        let source = format!("export class Card {{ {member}; }}");
        let (at, message) = error(isolated(&source, &json!({})));
        assert!(
            at.starts_with("card-error card.tsx:1:") && message.starts_with("Error: mine"),
            "{member}: {at} {message}"
        );
    }
}

#[test]
fn what_json_cannot_say_is_an_error() {
    for given in [
        "({ a: 1n })",
        "Symbol()",
        "(() => { const a = {}; a.a = a; return a; })()",
        "new Proxy({}, { ownKeys() { throw new Error('x'); } })",
        "({ a: '\\ud800' })",
    ] {
        let source = format!("export class Card {{ static searchDocument = () => {given}; }}");
        assert!(
            error(isolated(&source, &json!({}))).0.starts_with("card-"),
            "{given}"
        );
    }
    let source = "export class Card { static title = () => Symbol('x'); }";
    assert_eq!(
        error(isolated(source, &json!({}))).0,
        "card-title card.json:1:1"
    );
}

#[test]
fn half_a_character_is_replaced() {
    assert_eq!(
        isolated(
            "export class Card { static isolated = 'a\\ud800b'; }",
            &json!({})
        )
        .unwrap(),
        "a\u{fffd}b"
    );
    assert_eq!(
        isolated(
            "export class Card { static isolated = () => <p>{'\\udc00\\0'}</p>; }",
            &json!({})
        )
        .unwrap(),
        "<p>\u{fffd}\0</p>"
    );
}

#[test]
fn proxies_and_modules_that_pretend_are_harmless() {
    for source in [
        "export const Card = new Proxy(class {}, { getPrototypeOf() { throw new Error('trap'); } });",
        "const Card = new Proxy(function () {}, { getPrototypeOf() { return Card; } }); export { Card };",
        "export const Card = new Proxy({}, { get() { throw new Error('trap'); }, getOwnPropertyDescriptor() { throw new Error('trap'); } });",
        "export function then(resolve) { resolve(1); } export class Card {}",
        "export const { proxy: Card, revoke } = Proxy.revocable({}, {}); revoke();",
    ] {
        match isolated(source, &json!({})) {
            Ok(_) | Err(Failure::Invalid(_)) => {}
            other => panic!("{source}: {other:?}"),
        }
    }
}
