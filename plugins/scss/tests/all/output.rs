//! The output: syntaxes, style, warnings, description.

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Failure, Output, Severity, Transpiler};
use realm_plugin_scss::Scss;

use crate::{css, place, transpile};

fn with_options(options: &str) -> Result<Output, Failure> {
    let realm = MemoryFiles::new().with("a.scss", "a { b { c: d } }\ne { f: g }");
    let mut request = realm.request("a.scss");
    request.options = options.into();
    Scss::transpile(request, &realm)
}

#[test]
fn both_syntaxes_are_read() {
    let realm = MemoryFiles::new()
        .with(
            "a.sass",
            "@use 'b'\n$x: 1px\na\n  b: $x\n  &:hover\n    c: b.$y\n",
        )
        .with("_b.scss", "$y: d;")
        .with("c.scss", "@use 'd';")
        .with("_d.sass", "d\n  e: f\n");
    assert_eq!(css(&realm, "a.sass"), "a { b: 1px; } a:hover { c: d; }");
    assert_eq!(css(&realm, "c.scss"), "d { e: f; }");
}

#[test]
fn the_style_is_an_option() {
    assert_eq!(
        with_options("{}").unwrap().contents,
        b"a b {\n  c: d;\n}\n\ne {\n  f: g;\n}\n"
    );
    assert_eq!(
        with_options(r#"{"style": "compressed"}"#).unwrap().contents,
        b"a b{c:d}e{f:g}"
    );
    for wrong in [r#"{"style": "nested"}"#, r#"{"stile": "compressed"}"#] {
        let Err(Failure::Invalid(diagnostics)) = with_options(wrong) else {
            panic!("accepted {wrong}")
        };
        assert_eq!(diagnostics[0].code.as_deref(), Some("options"));
    }
}

#[test]
fn warnings_come_with_the_output() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'b';")
        .with("_b.scss", "\n@warn 'old';\n@debug 1;\na { b: c }");
    let output = transpile(&realm, "a.scss").unwrap();
    assert_eq!(output.diagnostics.len(), 1);
    let warning = &output.diagnostics[0];
    assert_eq!(
        (warning.severity, warning.message.as_str()),
        (Severity::Warning, "old")
    );
    assert_eq!(place(warning), ("_b.scss", 2, 7));
}

#[test]
fn nothing_becomes_nothing() {
    for text in ["", "\u{feff}", " \n", "$x: 1;", "// only a comment"] {
        let realm = MemoryFiles::new().with("a.scss", text);
        let output = transpile(&realm, "a.scss").unwrap();
        assert_eq!(output, Output::new(""), "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let realm = MemoryFiles::new()
        .with("a.scss", "\u{feff}@use 'b';")
        .with("_b.scss", "\u{feff}b { c: d }");
    assert_eq!(css(&realm, "a.scss"), "b { c: d; }");
}

#[test]
fn text_beyond_ascii_names_its_encoding() {
    let realm = MemoryFiles::new().with("a.scss", "a { b: 'é' }");
    assert_eq!(css(&realm, "a.scss"), "@charset \"UTF-8\"; a { b: \"é\"; }");
}

#[test]
fn outputs_are_the_same_every_time() {
    let text = "%p { a: b } .x, .y { @extend %p; } @each $k, $v in (a: 1, b: 2) { .#{$k} { c: $v; @extend .x; } }";
    let realm = MemoryFiles::new().with("a.scss", text);
    let first = transpile(&realm, "a.scss").unwrap();
    for _ in 0..10 {
        assert_eq!(transpile(&realm, "a.scss").unwrap(), first);
    }
}

#[test]
fn it_describes_itself() {
    let description = Scss::describe();
    assert_eq!(
        (description.name.as_str(), description.version.as_str()),
        ("scss", env!("CARGO_PKG_VERSION"))
    );
    let rules: Vec<_> = description
        .transpiles
        .iter()
        .map(|rule| (&*rule.takes, &*rule.gives, &*rule.media_type))
        .collect();
    assert_eq!(
        rules,
        [(".scss", ".css", "text/css"), (".sass", ".css", "text/css")]
    );
    let schema: serde_json::Value =
        serde_json::from_str(&description.options_schema.unwrap()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for style in schema["properties"]["style"]["enum"].as_array().unwrap() {
        assert!(with_options(&serde_json::json!({ "style": style }).to_string()).is_ok());
    }
}
