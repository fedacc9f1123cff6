//! `.js`: what browsers read is left alone, the rest is transpiled.

use realm_guest_sdk::Failure;

use crate::{code, errors, transpile, words};

#[test]
fn plain_javascript_is_declined() {
    for text in [
        "",
        "export const a = 1;\nawait a;\nimport.meta.url;",
        "with (a) { b = 010; }\n<!-- a classic script",
        "var await = 1; let a; let a;",
        "#!/usr/bin/env node\n(function () { return this })()",
        "class A { static { this.#x; } static #x; }\n// @decorator, using x = y",
        "\u{feff}export default `${1n}`;",
    ] {
        assert_eq!(transpile("a.js", text), Err(Failure::Declined), "{text}");
    }
    assert_eq!(transpile("a.mjs", "export {};"), Err(Failure::Declined));
}

#[test]
fn jsx_and_types_are_transpiled() {
    assert!(code("a.js", "export const a = <p/>;").contains("_jsx(\"p\""));
    assert_eq!(
        words(&code("a.mjs", "export const a: number = 1;")),
        "export const a = 1;"
    );
    assert_eq!(
        words(&code("a.js", "export const a = <any>1;")),
        "export const a = 1;"
    );
}

#[test]
fn unused_imports_of_javascript_stay() {
    assert_eq!(
        transpile("a.js", "import { a } from './a'; <p/>;")
            .unwrap()
            .imports,
        ["./a", "realm/jsx-runtime"]
    );
}

#[test]
fn using_is_lowered_for_older_targets() {
    let text = "using a = b();\nexport {};";
    assert!(code("a.js", text).contains("finally"));
    assert_eq!(
        crate::transpile_with("a.js", text, r#"{"target": "esnext"}"#),
        Err(Failure::Declined)
    );
}

#[test]
fn what_is_no_language_is_an_error_in_its_place() {
    let errors = errors("a.js", "export const a = 1;\nexport const = 2;");
    let span = errors[0].span.as_ref().unwrap();
    assert_eq!(
        (span.path.as_str(), span.start.line, span.start.column),
        ("a.js", 2, 14)
    );
}
