//! Module graphs: what is one module, in which order modules run, and what they may await.

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Failure, Files, LoadError, Module, Modules, Prerenderer, ReadError};
use realm_plugin_cards::Cards;
use serde_json::json;

use crate::{document, error, isolated, realm, render};

/// `isolated` of the class `Card` of `card.ts`.
fn shown(files: &[(&str, &str)]) -> String {
    let card = document("./card.ts", "Card", &json!({}));
    let files: Vec<_> = files
        .iter()
        .copied()
        .chain([("card.json", card.as_str())])
        .collect();
    let rendition = render(&realm(&files), &["isolated"]).unwrap();
    rendition.get("isolated").unwrap().to_owned()
}

#[test]
fn cycles_are_followed() {
    let shown = shown(&[
        (
            "card.ts",
            "import { b } from './b.ts'; export function a() { return 'a'; } export class Card { static isolated = () => b(); }",
        ),
        (
            "b.ts",
            "import { a } from './card.ts'; import { c } from './c.ts'; export const b = () => a() + c; ",
        ),
        (
            "c.ts",
            "import * as b from './b.ts'; export const c = typeof b;",
        ),
    ]);
    assert_eq!(shown, "aobject");
}

#[test]
fn modules_may_await_before_they_are_done() {
    let shown = shown(&[
        (
            "card.ts",
            "import { late } from './late.ts'; export class Card { static isolated = late; }",
        ),
        (
            "late.ts",
            "export const late = await new Promise((done) => setTimeout(done, 1000, 'late'));",
        ),
    ]);
    assert_eq!(shown, "late");
}

#[test]
fn a_module_knows_its_canonical_url() {
    let shown = shown(&[
        (
            "card.ts",
            "import { url } from './lib/x'; export class Card { static isolated = import.meta.url + ' ' + url; }",
        ),
        ("lib/x.ts", "export const url = import.meta.url;"),
    ]);
    assert_eq!(
        shown,
        "http://realm.test/demo/card.ts http://realm.test/demo/lib/x.ts"
    );
}

#[test]
fn two_specifiers_of_one_url_are_one_module() {
    let shown = shown(&[
        (
            "card.ts",
            "import { count as a } from './lib/n'; import { count as b } from '/demo/lib/../lib/n.ts'; import('./lib/n?x'); export class Card { static isolated = [a === b, a()]; }",
        ),
        (
            "lib/n.ts",
            "let n = 0; n += 1; export const count = () => n;",
        ),
    ]);
    assert_eq!(shown, "1");
}

#[test]
fn json_is_a_module_with_or_without_attributes() {
    let shown = shown(&[
        (
            "card.ts",
            "import a from './data.json'; import b from './data.json' with { type: 'json' }; export class Card { static isolated = [a === b, a.list.length, Object.keys(a), Object.getPrototypeOf(a) === Object.prototype].join(); }",
        ),
        (
            "data.json",
            r#"{ "list": [1, 2], "__proto__": { "evil": true } }"#,
        ),
    ]);
    assert_eq!(shown, "true,2,list,__proto__,true");
}

#[test]
fn exports_of_others_are_passed_on() {
    let shown = shown(&[
        (
            "card.ts",
            "export * from './a.ts'; export * as b from './b.ts'; export { default } from './b.ts'; import * as self from './card.ts'; export class Card { static isolated = () => Object.keys(self).join(); }",
        ),
        ("a.ts", "export const one = 1, two = 2; export default 0;"),
        ("b.ts", "export default 3;"),
    ]);
    assert_eq!(shown, "Card,b,default,one,two");
}

#[test]
fn modules_are_imported_when_they_are_asked_for() {
    let files = [
        (
            "card.ts",
            "export class Card { static async isolated() { const { name } = await import(`./${'lazy'}.ts`); return name; } }",
        ),
        ("lazy.ts", "export const name = 'lazy';"),
    ];
    assert_eq!(shown(&files), "lazy");
    let caught = "export class Card { static isolated = () => import('./gone.ts').catch((error) => error.message); }";
    assert_eq!(
        isolated(caught, &json!({})).unwrap(),
        "cannot import `./gone.ts` from card.tsx"
    );
}

#[test]
fn what_never_settles_is_an_error_that_says_so() {
    let (at, message) = error(isolated(
        "export class Card { static isolated = () => new Promise(() => {}); }",
        &json!({}),
    ));
    assert_eq!(at, "card-pending card.json:1:1");
    assert_eq!(
        message,
        "a promise never settled while `isolated` was rendered"
    );
    let (_, message) = error(isolated(
        "await new Promise(() => {}); export class Card {}",
        &json!({}),
    ));
    assert_eq!(message, "a promise never settled while card.tsx was loaded");
    let again = "export class Card { static isolated() { const again = () => setTimeout(again, 1); again(); return new Promise(() => {}); } }";
    assert_eq!(
        error(isolated(again, &json!({}))).0,
        "card-pending card.json:1:1"
    );
}

#[test]
fn calls_share_nothing() {
    let source = "globalThis.n = (globalThis.n ?? 0) + 1; export class Card { static isolated = () => globalThis.n; }";
    assert_eq!(isolated(source, &json!({})).unwrap(), "1");
    assert_eq!(isolated(source, &json!({})).unwrap(), "1");
}

/// A realm whose import map has the JSX runtime, as the host's has.
struct WithRuntime(MemoryFiles);

impl Files for WithRuntime {
    fn read(&self, specifier: &str, referrer: &str) -> Result<realm_guest_sdk::File, ReadError> {
        self.0.read(specifier, referrer)
    }
}

impl Modules for WithRuntime {
    fn load(&self, specifier: &str, referrer: &str) -> Result<Module, LoadError> {
        if specifier == "realm/jsx-runtime" {
            let code = "export const jsx = (type) => `<${type}>`; export { jsx as jsxs }; export const render = (value) => `the realm's ${value}`;";
            return Ok(Module {
                url: "http://realm.test/_runtime/jsx-runtime.js".into(),
                media_type: "text/javascript".into(),
                code: code.into(),
                source_map: None,
            });
        }
        self.0.load(specifier, referrer)
    }
}

#[test]
fn the_realms_own_jsx_runtime_is_taken() {
    let card = document("./card.tsx", "Card", &json!({}));
    let realm = WithRuntime(realm(&[
        (
            "card.tsx",
            "export class Card { static isolated = [<p />]; }",
        ),
        ("card.json", &card),
    ]));
    let rendition =
        Cards::render(realm.0.render_request("card.json", ["isolated"]), &realm).unwrap();
    assert_eq!(rendition.get("isolated"), Some("the realm's <p>"));
}

#[test]
fn a_module_of_another_realm_is_as_the_realm_says() {
    let (at, message) = error(isolated("import 'lit'; export class Card {}", &json!({})));
    assert_eq!(at, "card-import card.tsx:1:8");
    assert_eq!(
        message,
        "cannot import `lit` from card.tsx: it is in no realm here, and not in the import map"
    );
    let card = document("http://elsewhere.test/x.js", "Card", &json!({}));
    let found = render(&realm(&[("card.json", &card)]), &[]);
    assert_eq!(
        found,
        Err(Failure::unreadable(
            "http://elsewhere.test/x.js",
            ReadError::Outside
        ))
    );
}
