//! Decorators: TypeScript's experimental ones, self-contained.

use crate::{code, code_with, errors, errors_with, transpile, words};

const DECORATED: &str =
    "@sealed\nexport class A {\n  @field x = 1;\n  @method() m(@param p: string) {}\n}\n";

#[test]
fn classes_members_and_parameters_are_decorated() {
    let code = words(&code("a.ts", DECORATED));
    for part in [
        "let A = class A { x = 1; m(p) {} };",
        r#"_decorate([field], A.prototype, "x", void 0);"#,
        r#"_decorate([method(), _decorateParam(0, param)], A.prototype, "m", null);"#,
        "A = _decorate([sealed], A);",
        "export { A };",
    ] {
        assert!(code.contains(part), "no {part} in {code}");
    }
}

#[test]
fn helpers_are_part_of_the_module() {
    let output = transpile("a.ts", DECORATED).unwrap();
    let code = String::from_utf8(output.contents).unwrap();
    assert_eq!(output.imports, Vec::<String>::new());
    assert_eq!(code.matches("function _decorate(").count(), 1);
    assert_eq!(code.matches("function _decorateParam(").count(), 1);
    assert!(
        !code.contains("usingCtx") && !code.contains('\0'),
        "only what is used"
    );
}

#[test]
fn helpers_take_no_name_of_the_source() {
    let code = code(
        "a.ts",
        "const _decorate = 1; @x class A {}\nexport { _decorate };",
    );
    assert!(code.contains("function _decorate2("), "{code}");
}

#[test]
fn metadata_is_emitted_where_asked() {
    let options = r#"{"emitDecoratorMetadata": true}"#;
    let code = code_with("a.ts", "class A { @field x: string }", options);
    assert!(
        code.contains(r#"_decorateMetadata("design:type", String)"#),
        "{code}"
    );
}

#[test]
fn decorators_in_javascript_are_transpiled_too() {
    assert!(code("a.js", "@x export class A {}").contains("_decorate([x], A)"));
}

#[test]
fn what_stays_decorated_is_an_error_in_its_place() {
    let errors = errors_with(
        "a.ts",
        "\n  @sealed class A {}",
        r#"{"experimentalDecorators": false}"#,
    );
    assert_eq!(errors[0].code.as_deref(), Some("decorators"));
    let start = errors[0].span.as_ref().unwrap().start;
    assert_eq!((start.line, start.column), (2, 3));
}

#[test]
fn class_expressions_have_no_experimental_decorators() {
    assert_eq!(
        errors("a.ts", "export const A = @x class {};")[0]
            .code
            .as_deref(),
        Some("TS1206")
    );
}
