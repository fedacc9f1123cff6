//! What modules define.

use serde_json::{Value, json};

use crate::{definitions, error, realm};

#[test]
fn every_export_that_cards_can_adopt_from_is_a_definition() {
    let realm = realm(&[
        ("lib/base.ts", "export class Base { static fields = { name: 'string' }; static head = ''; }"),
        (
            "lib/card.ts",
            "import { Base } from './base.ts'; export { Base };
             export class Person extends Base { static isolated = () => { throw new Error('not run'); }; static fields = async () => ({ ...Base.fields, age: 'number' }); }
             export default class { static schema = ['a']; }
             export const object = { atom: 'x' };
             export const helper = () => 1, number = 1, nothing = null;
             export class Other { static name2 = 1; }",
        ),
    ]);
    let found = definitions(&realm, "http://realm.test/demo/lib/card.ts").unwrap();
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Base", "Person", "default", "object"]);
    assert_eq!(
        found[1].1,
        json!({
            "name": "Person",
            "ancestors": ["http://realm.test/demo/lib/base.ts/Base"],
            "formats": ["isolated", "head"],
            "fields": { "name": "string", "age": "number" },
        })
    );
    assert_eq!(found[2].1["fields"], json!(["a"]));
    assert_eq!(
        found[3].1,
        json!({ "name": "object", "ancestors": [], "formats": ["atom"], "fields": Value::Null })
    );
}

#[test]
fn a_module_without_cards_defines_nothing() {
    let realm = realm(&[
        ("lib/util.ts", "export const a = 1; export function f() {}"),
        ("data.json", "{\"isolated\":1}"),
    ]);
    assert_eq!(
        definitions(&realm, "http://realm.test/demo/lib/util.ts").unwrap(),
        []
    );
}

#[test]
fn fields_that_json_cannot_say_are_an_error() {
    for fields in ["() => () => 1", "{ a: 1n }", "Symbol()"] {
        let realm = realm(&[(
            "a.ts",
            &format!("export class A {{ static fields = {fields}; }}"),
        )]);
        let (at, message) = error(definitions(&realm, "http://realm.test/demo/a.ts"));
        assert!(at.starts_with("card-"), "{fields}: {at} {message}");
    }
}
