//! Older targets: syntax is lowered, and what it needs comes along.

use crate::{code_with, transpile_with};

fn lowered(target: &str, text: &str) -> String {
    code_with("a.ts", text, &format!(r#"{{"target": "{target}"}}"#))
}

#[test]
fn the_default_leaves_es2022_alone() {
    let text = "export class A {\n\t#a = 1;\n\tstatic {\n\t\tawait?.b ?? c;\n\t}\n}\n";
    let text = text.replace("await?.b", "a?.b");
    assert_eq!(crate::code("a.ts", &text), text);
}

#[test]
fn each_target_lowers_what_came_after_it() {
    for (target, text, gone, kept) in [
        ("es2021", "class A { static { a() } }", "static {", "a()"),
        ("es2020", "a ||= b", "||=", "a ||"),
        ("es2019", "a?.b ?? c", "?.", "void 0"),
        ("es2018", "try {} catch {}", "catch {", "catch"),
        ("es2017", "x = { ...a }", "...", "_objectSpread("),
        (
            "es2016",
            "async function f() { await a }",
            "await",
            "function* ",
        ),
        ("es2015", "a ** b", "**", "Math.pow"),
    ] {
        let lowered = lowered(target, text);
        assert!(
            !lowered.split("\nfunction ").next().unwrap().contains(gone),
            "{target}: {lowered}"
        );
        assert!(lowered.contains(kept), "{target}: {lowered}");
    }
}

#[test]
fn helpers_of_lowered_syntax_are_defined_and_not_imported() {
    let text = "class A { #p = 1; static #s() {} get p() { return this.#p } set p(v) { this.#p = v; A.#s(); }\n\
        has(x) { return #p in x } }\n\
        async function* g({ a, ...rest }) { for await (const x of y) yield* z; await w; ({ ...rest }); }\n\
        class B extends A { async m() { super.m(); super.x = 1 } }\n\
        async function u() { await using r = s; }";
    for target in ["es2015", "es2018", "es2021"] {
        let output = transpile_with("a.ts", text, &format!(r#"{{"target": "{target}"}}"#)).unwrap();
        assert_eq!(output.imports, Vec::<String>::new(), "{target}");
        let code = String::from_utf8(output.contents).unwrap();
        for call in code
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| word.starts_with('_'))
        {
            let is_helper = call.starts_with("_classPrivate")
                || call.starts_with("_async")
                || call.starts_with("_object");
            assert!(
                !is_helper || code.contains(&format!("function {call}(")),
                "{target}: no {call}"
            );
        }
    }
}

#[test]
fn what_a_target_cannot_express_is_a_warning() {
    let output = transpile_with("a.ts", "export const a = 1n;", r#"{"target": "es2019"}"#).unwrap();
    assert_eq!(output.diagnostics.len(), 1);
    assert_eq!(
        output.diagnostics[0].severity,
        realm_guest_sdk::Severity::Warning
    );
}
