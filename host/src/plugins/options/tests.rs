use serde_json::{Value, json};

use super::OptionsSchema;

fn schema() -> OptionsSchema {
    let schema = json!({
        "type": "object",
        "properties": {
            "target": { "enum": ["es2020", "es2022"] },
            "deep": { "$ref": "#/$defs/deep" },
            "list": { "items": { "type": "integer", "maximum": 3 } },
            "name": { "type": "string", "pattern": "^[a-z]+$" },
        },
        "required": ["target"],
        "additionalProperties": false,
        "$defs": { "deep": { "properties": { "on": { "type": "boolean" } } } },
    });
    OptionsSchema::read(&schema.to_string()).unwrap()
}

fn one(options: Value) -> (String, bool, String, String) {
    let problems = schema().problems(&options.to_string());
    let [problem] = problems.as_slice() else {
        panic!("{problems:?}")
    };
    let problem = problem.clone();
    (
        problem.pointer.join("/"),
        problem.key,
        problem.message,
        problem.help,
    )
}

#[test]
fn what_fits_fits() {
    let options =
        json!({ "target": "es2020", "deep": { "on": true }, "list": [1, 3], "name": "a" });
    assert_eq!(schema().problems(&options.to_string()), []);
}

#[test]
fn what_does_not_fit_is_told_with_what_would() {
    let (at, key, message, help) = one(json!({ "target": "es1995" }));
    assert_eq!((at.as_str(), key), ("target", false));
    assert!(message.starts_with("`target`: "), "{message}");
    assert_eq!(help, r#"it is one of "es2020", "es2022""#);
    let (at, key, message, help) = one(json!({ "target": "es2020", "tarket": 1 }));
    assert_eq!((at.as_str(), key), ("tarket", true));
    assert_eq!(message, "there is no option `tarket`");
    assert!(help.contains("`target`, `deep`"), "{help}");
    let (at, _, message, _) = one(json!({ "target": "es2020", "deep": { "on": 1 } }));
    assert_eq!(at, "deep/on");
    assert!(message.contains("boolean"), "{message}");
    let (at, _, _, help) = one(json!({ "target": "es2020", "list": [1, 9] }));
    assert_eq!(at, "list/1");
    assert!(help.contains("\"maximum\":3"), "{help}");
    let (at, _, message, _) = one(json!({}));
    assert_eq!(at, "");
    assert!(
        message.contains("\"target\" is a required property"),
        "{message}"
    );
    let (_, _, message, _) = one(json!({ "target": "es2020", "name": "a".repeat(20_000) }));
    assert!(message.contains("at most 16384"), "{message}");
    let many: Vec<_> = (0..1000).map(|_| json!("x")).collect();
    let problems = schema().problems(&json!({ "list": many }).to_string());
    assert_eq!(problems.len(), 10);
}

#[test]
fn a_hostile_schema_is_refused() {
    let refused = |schema: Value| OptionsSchema::read(&schema.to_string()).unwrap_err();
    let text = OptionsSchema::read("nope").unwrap_err();
    assert!(text.contains("not JSON"), "{text}");
    let text = refused(json!({ "type": "objekt" }));
    assert!(text.contains("at `/type`"), "{text}");
    let text = refused(json!({ "description": "x".repeat(70_000) }));
    assert!(text.contains("at most 65536"), "{text}");
    let text = refused(json!({ "$ref": "https://example.com/schema.json" }));
    assert!(text.contains("nothing else is looked at"), "{text}");
    let text = refused(json!({ "properties": { "a": { "$ref": "#" } } }));
    assert!(text.contains("refers to itself"), "{text}");
    // Each doubles the one before: few bytes, and no end.
    let twice = |number: usize| json!([{ "$ref": format!("#/$defs/{number}") }, { "$ref": format!("#/$defs/{number}") }]);
    let mut defs = serde_json::Map::new();
    defs.insert("0".to_owned(), json!({ "type": "object" }));
    for number in 1..20 {
        let both = json!({ "allOf": twice(number - 1) });
        defs.insert(number.to_string(), both);
    }
    let text = refused(json!({ "$ref": "#/$defs/19", "$defs": defs }));
    assert!(text.contains("more than 4000 parts"), "{text}");
    let mut chain = serde_json::Map::new();
    for number in 0..100 {
        let next = json!({ "$ref": format!("#/$defs/{}", (number + 1) % 101) });
        chain.insert(number.to_string(), next);
    }
    chain.insert("100".to_owned(), json!(true));
    let text = refused(json!({ "$ref": "#/$defs/0", "$defs": chain }));
    assert!(text.contains("more than 64 deep"), "{text}");
    let mut deep = json!(true);
    for _ in 0..80 {
        deep = json!({ "not": deep });
    }
    assert!(refused(deep).contains("64 deep"));
    let many: Vec<_> = (0..40)
        .map(|n| json!({ "pattern": format!("a{n}") }))
        .collect();
    assert!(refused(json!({ "anyOf": many })).contains("regular expressions"));
    // What takes for ever to match, or to compile.
    let text = refused(json!({ "properties": { "a": { "pattern": "(a{1000}){1000}" } } }));
    assert!(text.contains("2020-12"), "{text}");
    let text = refused(json!({ "properties": { "a": { "pattern": "(?=a)(a+)+\\1$" } } }));
    assert!(text.contains("2020-12"), "{text}");
}
