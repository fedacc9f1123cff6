//! Options, and the description that tells of them.

use realm_guest_sdk::Transpiler;
use realm_plugin_typescript::TypeScript;
use serde_json::Value;

use crate::{code_with, errors_with};

#[test]
fn options_that_are_wrong_are_refused() {
    for (options, named) in [
        (r#"{"targt": "es2022"}"#, "targt"),
        (r#"{"target": "es5"}"#, "es5"),
        (r#"{"jsx": "preserve"}"#, "preserve"),
        (r#"{"verbatimModuleSyntax": 1}"#, "boolean"),
        ("[1", "not valid"),
    ] {
        let errors = errors_with("a.ts", "", options);
        assert_eq!(errors[0].code.as_deref(), Some("options"));
        assert!(errors[0].message.contains(named), "{}", errors[0].message);
    }
}

#[test]
fn the_schema_allows_what_the_plugin_takes() {
    let description = TypeScript::describe();
    let schema: Value = serde_json::from_str(&description.options_schema.unwrap()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for (name, property) in schema["properties"].as_object().unwrap() {
        let values = match (&property["enum"], property["type"].as_str()) {
            (Value::Array(values), _) => values.clone(),
            (_, Some("boolean")) => vec![true.into(), false.into()],
            _ => vec![property["default"].clone()],
        };
        assert!(
            property["default"].is_null() || values.contains(&property["default"]),
            "{name}"
        );
        for value in values {
            let options = serde_json::json!({ name: value }).to_string();
            assert_eq!(
                code_with("a.ts", "export {};", &options),
                "export {};\n",
                "{options}"
            );
        }
    }
}

#[test]
fn it_describes_itself() {
    let description = TypeScript::describe();
    assert_eq!(description.name, "typescript");
    assert_eq!(description.version, env!("CARGO_PKG_VERSION"));
    let rules: Vec<_> = description
        .transpiles
        .iter()
        .map(|rule| (rule.takes.as_str(), rule.gives.as_str()))
        .collect();
    assert_eq!(
        rules,
        [
            (".ts", ".js"),
            (".tsx", ".js"),
            (".mts", ".js"),
            (".jsx", ".js"),
            (".js", ".js"),
            (".mjs", ".mjs")
        ]
    );
    assert!(
        description
            .transpiles
            .iter()
            .all(|rule| rule.media_type == "text/javascript")
    );
}
