//! What a card's class says, and what becomes of it.

use realm_guest_sdk::{Failure, Prerenderer, ReadError, ReadFailure};
use realm_plugin_cards::Cards;
use serde_json::{Value, json};

use crate::{document, error, isolated, realm, render};

const ALL: [&str; 7] = [
    "isolated", "embedded", "fitted", "atom", "head", "icon", "markdown",
];

#[test]
fn every_format_is_the_static_member_of_its_name() {
    let card = r#"
        export class Card {
            static isolated = ({ name }) => <h1>{name}</h1>;
            static embedded({ name }) { return <b>{name}</b>; }
            static get fitted() { return <i>fitted</i>; }
            static atom = "<u>atom</u>";
            static head = async ({ name }) => <title>{name}</title>;
            static icon = <svg viewBox="0 0 1 1" />;
            static markdown = ({ name }) => `# ${name}`;
        }"#;
    let document = document("./card.tsx", "Card", &json!({ "name": "Ada <3" }));
    let realm = realm(&[("card.tsx", card), ("card.json", &document)]);
    let rendition = render(&realm, &ALL).unwrap();
    for (format, contents) in [
        ("isolated", "<h1>Ada &lt;3</h1>"),
        ("embedded", "<b>Ada &lt;3</b>"),
        ("fitted", "<i>fitted</i>"),
        ("atom", "<u>atom</u>"),
        ("head", "<title>Ada &lt;3</title>"),
        ("icon", r#"<svg viewBox="0 0 1 1"></svg>"#),
        ("markdown", "# Ada <3"),
    ] {
        assert_eq!(rendition.get(format), Some(contents), "{format}");
    }
    assert_eq!(rendition.title.as_deref(), Some("Ada <3"));
    assert_eq!(rendition.types, ["http://realm.test/demo/card.tsx/Card"]);
    assert_eq!(rendition.search_document, r#"{"name":"Ada <3"}"#);
}

#[test]
fn only_formats_that_are_asked_for_and_known_are_rendered() {
    let card = "export class Card { static isolated = () => 'i'; static atom = () => { throw new Error('not asked for'); }; }";
    let document = document("./card.ts", "Card", &json!({}));
    let realm = realm(&[("card.ts", card), ("card.json", &document)]);
    let rendition = render(&realm, &["hologram", "head", "isolated", "isolated"]).unwrap();
    let formats: Vec<_> = rendition
        .renderings
        .iter()
        .map(|rendering| rendering.format.as_str())
        .collect();
    assert_eq!(formats, ["isolated"]);
}

#[test]
fn embedded_and_fitted_are_rendered_once_for_each_type() {
    let animal = "export class Animal { static embedded = (a) => <p>animal {a.name}</p>; static fitted() { return this.kind; } static kind = 'animal'; }";
    let base = "import { Animal } from './animal.tsx'; export class Hidden extends Animal {}; class Unexported extends Hidden {} export { Unexported as default }; ";
    let dog = "import Base from './base.tsx'; export class Dog extends Base { static embedded = (a) => <p>dog {a.name}</p>; static kind = 'dog'; }";
    let document = document("../lib/dog.tsx", "Dog", &json!({ "name": "Rex" }));
    let realm = realm(&[
        ("lib/animal.tsx", animal),
        ("lib/base.tsx", base),
        ("lib/dog.tsx", dog),
        ("cards/rex.json", &document),
    ]);
    let rendition = Cards::render(
        realm.render_request("cards/rex.json", ["embedded", "fitted"]),
        &realm,
    )
    .unwrap();
    let (dog, base, hidden, animal) = (
        "http://realm.test/demo/lib/dog.tsx/Dog",
        "http://realm.test/demo/lib/base.tsx/default",
        "http://realm.test/demo/lib/base.tsx/Hidden",
        "http://realm.test/demo/lib/animal.tsx/Animal",
    );
    assert_eq!(rendition.types, [dog, base, hidden, animal]);
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
            ("embedded", dog, "<p>dog Rex</p>"),
            ("embedded", base, "<p>animal Rex</p>"),
            ("embedded", hidden, "<p>animal Rex</p>"),
            ("embedded", animal, "<p>animal Rex</p>"),
            ("fitted", dog, "dog"),
            ("fitted", base, "animal"),
            ("fitted", hidden, "animal"),
            ("fitted", animal, "animal"),
        ]
    );
}

#[test]
fn a_type_is_named_after_the_module_that_it_is_written_in() {
    let realm = realm(&[
        (
            "person.ts",
            "export class Person { static isolated = 'p'; }",
        ),
        (
            "index.ts",
            "export * from './person.ts'; export { Person as Human } from './person.ts';",
        ),
        ("card.json", &document("./index.ts", "Human", &json!({}))),
    ]);
    let rendition = render(&realm, &["isolated"]).unwrap();
    assert_eq!(rendition.types, ["http://realm.test/demo/person.ts/Person"]);
}

#[test]
fn an_object_will_do_as_well_as_a_class() {
    let source = "const base = { isolated: (a) => `base ${a.n}`, head: '<meta>' }; export const Card = { __proto__: base, atom: 'a' }; export { base };";
    let realm = realm(&[
        ("card.ts", source),
        (
            "card.json",
            &document("./card.ts", "Card", &json!({ "n": 1 })),
        ),
    ]);
    let rendition = render(&realm, &["isolated", "head", "atom"]).unwrap();
    assert_eq!(rendition.get("isolated"), Some("base 1"));
    assert_eq!(rendition.get("head"), Some("<meta>"));
    assert_eq!(
        rendition.types,
        [
            "http://realm.test/demo/card.ts/Card",
            "http://realm.test/demo/card.ts/base"
        ]
    );
}

#[test]
fn functions_are_told_what_they_render() {
    let source = "export class Card { static isolated(a, context) { return JSON.stringify({ ...context, self: this === Card }); } }";
    let document = json!({ "data": {
        "type": "card",
        "relationships": { "author": { "links": { "self": "../people/ada" } }, "none": { "links": { "self": null } } },
        "meta": { "adoptsFrom": { "module": "./card.ts", "name": "Card" } },
    } });
    let realm = realm(&[("card.ts", source), ("card.json", &document.to_string())]);
    let rendition = render(&realm, &["isolated"]).unwrap();
    let context: Value = serde_json::from_str(rendition.get("isolated").unwrap()).unwrap();
    assert_eq!(
        context,
        json!({
            "url": "http://realm.test/demo/card.json",
            "format": "isolated",
            "relationships": {
                "author": { "links": { "self": "http://realm.test/people/ada" } },
                "none": { "links": { "self": null } },
            },
            "self": true,
        })
    );
}

#[test]
fn what_one_function_does_to_the_attributes_the_next_does_not_see() {
    let source = "export class Card { static isolated(a) { a.list.push(1); return a.list; } static atom(a) { return a.list; } }";
    let realm = realm(&[
        ("card.ts", source),
        (
            "card.json",
            &document("./card.ts", "Card", &json!({ "list": [0] })),
        ),
    ]);
    let rendition = render(&realm, &["isolated", "atom"]).unwrap();
    assert_eq!(
        (rendition.get("isolated"), rendition.get("atom")),
        (Some("01"), Some("0"))
    );
    assert_eq!(rendition.search_document, r#"{"list":[0]}"#);
}

#[test]
fn titles_come_from_the_class_or_else_the_attributes() {
    let title = |member: &str, attributes: Value| {
        let source = format!("export class Card {{ static isolated = ''; {member} }}");
        let realm = realm(&[
            ("card.ts", &source),
            ("card.json", &document("./card.ts", "Card", &attributes)),
        ]);
        render(&realm, &[]).unwrap().title
    };
    assert_eq!(
        title("static title = ' Fixed '", json!({ "title": "x" })).as_deref(),
        Some("Fixed")
    );
    assert_eq!(
        title(
            "static title = async (a) => a.first + '!'",
            json!({ "first": "Ada" })
        )
        .as_deref(),
        Some("Ada!")
    );
    assert_eq!(
        title("static title = () => 7", json!({})).as_deref(),
        Some("7")
    );
    assert_eq!(
        title(
            "static title = () => undefined",
            json!({ "title": "T", "name": "N" })
        )
        .as_deref(),
        Some("T")
    );
    assert_eq!(
        title("", json!({ "title": " ", "name": "N" })).as_deref(),
        Some("N")
    );
    assert_eq!(title("", json!({ "title": { "a": 1 } })), None);
}

#[test]
fn a_class_may_give_the_search_document() {
    let found = |source: &str| {
        let source = format!("export class Card {{ static searchDocument = {source}; }}");
        let realm = realm(&[
            ("card.ts", &source),
            (
                "card.json",
                &document("./card.ts", "Card", &json!({ "n": 1 })),
            ),
        ]);
        render(&realm, &[]).map(|rendition| rendition.search_document)
    };
    assert_eq!(
        found("(a) => ({ twice: a.n * 2, gone: undefined })").unwrap(),
        r#"{"twice":2}"#
    );
    for wrong in [
        "() => [1]",
        "() => 'text'",
        "() => ({ toJSON: () => 1 })",
        "() => ({ toJSON: () => undefined })",
        "() => () => 1",
    ] {
        let (at, message) = error(found(wrong));
        assert_eq!(
            at, "card-search-document card.json:1:1",
            "{wrong}: {message}"
        );
    }
}

#[test]
fn a_module_that_is_missing_is_unreadable() {
    let realm = realm(&[("card.json", &document("./nobody", "Card", &json!({})))]);
    assert_eq!(
        render(&realm, &["isolated"]),
        Err(Failure::Unreadable(ReadFailure {
            specifier: "./nobody".into(),
            error: ReadError::NotFound
        }))
    );
}

#[test]
fn an_export_that_is_missing_is_named_beside_those_that_are_there() {
    let files = [
        ("card.ts", "export const a = 1, Card2 = 2;"),
        ("card.json", &document("./card.ts", "Card", &json!({}))),
    ];
    let (at, message) = error(render(&realm(&files), &[]));
    assert_eq!(at, "card-export card.json:1:1");
    assert_eq!(
        message,
        "`./card.ts` does not export `Card`: it exports `Card2`, `a`"
    );
    let files = [
        files[0],
        ("card.json", &document("./card.ts", "a", &json!({}))),
    ];
    assert_eq!(
        error(render(&realm(&files), &[])).1,
        "`a` of `./card.ts` is no class: its type is number"
    );
}

#[test]
fn nothing_to_show_is_an_empty_rendering() {
    for nothing in ["null", "undefined", "false", "''"] {
        let source = format!("export class Card {{ static isolated = () => {nothing}; }}");
        assert_eq!(isolated(&source, &json!({})).unwrap(), "", "{nothing}");
    }
}
