//! What authors are told of their modules' errors: in words, and at the place in the source.

use realm_guest_sdk::{Diagnostic, LoadError, Severity};
use serde_json::json;

use crate::{diagnostics, document, error, isolated, realm, render};

#[test]
fn an_error_is_at_its_place_in_the_source() {
    let source = "
interface Attributes { name?: { first: string } }
type Unused = string;

function first(a: Attributes): string {
    /* 😀 */ return a.name.first;
}

export class Card {
    static isolated = (a: Attributes) => {
        const x: string = first(a);
        return <p>{x}</p>;
    };
}
";
    let found = diagnostics(isolated(source, &json!({})));
    let places: Vec<_> = found
        .iter()
        .map(|diagnostic| {
            let span = diagnostic.span.clone().unwrap();
            (
                diagnostic.severity,
                diagnostic.message.as_str(),
                span.path,
                span.start.line,
                span.start.column,
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            (
                Severity::Error,
                "TypeError: cannot read property 'first' of undefined (while `isolated` was rendered)",
                "card.tsx".to_owned(),
                6,
                // Columns count UTF-16 code units.
                21
            ),
            (
                Severity::Hint,
                "called by `isolated`",
                "card.tsx".to_owned(),
                11,
                33
            ),
        ]
    );
    assert_eq!(found[0].code.as_deref(), Some("card-error"));
}

#[test]
fn an_error_of_an_imported_module_is_at_that_module() {
    let files = [
        (
            "card.ts",
            "import { check } from './lib/my check.ts';\nexport class Card { static isolated = () => check(); }",
        ),
        (
            "lib/my check.ts",
            "type A = 1;\n\nexport const check = () => {\n  throw new RangeError('too far');\n};",
        ),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ];
    let (at, message) = error(render(&realm(&files), &["isolated"]));
    assert_eq!(at, "card-error lib/my check.ts:4:13");
    assert_eq!(
        message,
        "RangeError: too far (while `isolated` was rendered)"
    );
}

#[test]
fn a_module_that_throws_as_it_loads_says_so() {
    let (at, message) = error(isolated(
        "export class Card {}\nthrow new Error('no');",
        &json!({}),
    ));
    assert_eq!(at, "card-error card.tsx:2:11");
    assert_eq!(message, "Error: no (while card.tsx was loaded)");
}

#[test]
fn a_rejection_is_an_error_like_any_other() {
    let source =
        "export class Card { static async isolated() { await null;\n throw new Error('later'); } }";
    let (at, message) = error(isolated(source, &json!({})));
    assert_eq!(at, "card-error card.tsx:2:12");
    assert_eq!(message, "Error: later (while `isolated` was rendered)");
}

#[test]
fn what_is_thrown_need_not_be_an_error() {
    let thrown = |value: &str| {
        error(isolated(
            &format!("export class Card {{ static isolated() {{ throw {value}; }} }}"),
            &json!({}),
        ))
    };
    assert_eq!(
        thrown("'text'").1,
        "text was thrown (while `isolated` was rendered)"
    );
    assert_eq!(
        thrown("Symbol('s')").1,
        "a symbol was thrown (while `isolated` was rendered)"
    );
    assert_eq!(
        thrown("undefined").1,
        "undefined was thrown (while `isolated` was rendered)"
    );
    assert_eq!(
        thrown("{ get message() { throw 1; }, get stack() { throw 2; } }").1,
        "something was thrown that has no message (while `isolated` was rendered)"
    );
    assert_eq!(thrown("{}").0, "card-error card.json:1:1");
    assert!(
        thrown(&format!("new Error('{}')", "é".repeat(5000)))
            .1
            .len()
            < 3000
    );
}

#[test]
fn a_missing_import_is_at_the_module_that_imports() {
    let files = [
        ("card.ts", "export { Card } from './lib/a.ts';"),
        (
            "lib/a.ts",
            "import type { T } from './t.ts';\nlet t: T;\nimport { b } from './b.ts';\nexport class Card { static isolated = b; }",
        ),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ];
    let (at, message) = error(render(&realm(&files), &["isolated"]));
    assert_eq!(at, "card-import lib/a.ts:3:19");
    assert_eq!(
        message,
        "cannot import `./b.ts` from lib/a.ts: there is no such module"
    );
}

#[test]
fn a_module_that_does_not_transpile_shows_its_own_diagnostics_and_who_imports_it() {
    let of_b = Diagnostic::error("unexpected `}`")
        .at("b.ts", 3, 1)
        .code("syntax");
    let card = document("./card.ts", "Card", &json!({}));
    let files = [
        ("card.ts", "import './b.ts';\nexport class Card {}"),
        ("card.json", card.as_str()),
    ];
    let realm = realm(&files).with_load_error("b.ts", LoadError::Invalid(vec![of_b.clone()]));
    let found = diagnostics(render(&realm, &[]));
    assert_eq!(found[0], of_b);
    assert_eq!(found[1].message, "imported as `./b.ts` by card.ts");
    assert_eq!(found.len(), 2);

    // The card's own module: nobody imports it.
    let card = document("./b.ts", "Card", &json!({}));
    let realm = realm.with("card.json", card);
    assert_eq!(diagnostics(render(&realm, &[])), [of_b]);
}

#[test]
fn an_import_of_what_is_not_exported_names_it() {
    let files = [
        (
            "card.ts",
            "import { gone } from './b.ts';\nexport class Card { static isolated = gone; }",
        ),
        ("b.ts", "export const here = 1;"),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ];
    let (at, message) = error(render(&realm(&files), &["isolated"]));
    assert!(at.starts_with("card-syntax "), "{at}");
    assert!(
        message.contains("gone") && message.contains("b.ts"),
        "{message}"
    );
}

#[test]
fn json_that_is_not_json_is_told_where() {
    let files = [
        ("card.ts", "import './data.json';\nexport class Card {}"),
        ("data.json", "{\n  \"a\": ,\n}"),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ];
    assert_eq!(
        error(render(&realm(&files), &[])).0,
        "card-json-module data.json:2:8"
    );
    let files = [
        (
            "card.ts",
            "import './lib.ts' with { type: 'json' };\nexport class Card {}",
        ),
        ("lib.ts", ""),
        files[2],
    ];
    assert!(
        error(render(&realm(&files), &[]))
            .1
            .contains("imported as JSON, and is not JSON")
    );
}

#[test]
fn no_diagnostic_names_a_path_of_this_machine() {
    for source in [
        "export class Card { static isolated = () => null.x; }",
        "export class Card { static isolated = () => eval('null.x'); }",
    ] {
        let found = format!("{:?}", diagnostics(isolated(source, &json!({}))));
        assert!(
            !found.contains(env!("CARGO_MANIFEST_DIR")) && !found.contains("evalScript"),
            "{found}"
        );
    }
}
