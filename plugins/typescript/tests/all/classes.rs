//! Classes: parameter properties, and what a field is.

use crate::{code_with, ts, words};

#[test]
fn parameter_properties_are_assigned() {
    assert_eq!(
        ts(
            "class A extends B { constructor(private x: number, readonly y = 1, z = 2) { super(); f(); } }"
        ),
        "class A extends B { x; y; constructor(x, y = 1, z = 2) { super(); this.x = x; this.y = y; f(); } }"
    );
}

#[test]
fn fields_are_defined_at_the_default_target() {
    assert_eq!(
        ts("class A { a; b = 1; static c: string; declare d: string; #e = 2 }"),
        "class A { a; b = 1; static c; #e = 2; }"
    );
}

#[test]
fn fields_are_assigned_where_asked_or_implied() {
    let text = "class A { a; b = 1; static c = 2 }";
    let assigned = "class A { constructor() { this.b = 1; } static { this.c = 2; } }";
    assert_eq!(
        words(&code_with(
            "a.ts",
            text,
            r#"{"useDefineForClassFields": false}"#
        )),
        assigned
    );
    let implied = words(&code_with("a.ts", text, r#"{"target": "es2021"}"#));
    assert!(
        implied.contains("this.b = 1") && !implied.contains("a;"),
        "{implied}"
    );
    let defined = words(&code_with(
        "a.ts",
        text,
        r#"{"target": "es2021", "useDefineForClassFields": true}"#,
    ));
    assert!(
        defined.contains("_defineProperty(this, \"a\", void 0)"),
        "{defined}"
    );
}
