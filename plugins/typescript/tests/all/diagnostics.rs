//! Errors: where they are, and what they are called.

use realm_guest_sdk::{Position, Severity};

use crate::errors;

#[test]
fn syntax_errors_have_place_code_and_severity() {
    let errors = errors("src/a.ts", "const ok = 1;\n\n  const 𝒃 = [1, 2;\n");
    let error = &errors[0];
    assert_eq!(error.severity, Severity::Error);
    assert!(!error.message.is_empty());
    assert!(error.code.is_some());
    let span = error.span.as_ref().unwrap();
    assert_eq!(span.path, "src/a.ts");
    // The column counts UTF-16 units: 𝒃 is two of them.
    assert_eq!(
        span.start,
        Position {
            line: 3,
            column: 19
        }
    );
}

#[test]
fn codes_are_typescripts_where_it_has_one() {
    assert_eq!(
        errors("a.ts", "class A { public public x }")[0]
            .code
            .as_deref()
            .map(|code| &code[..2]),
        Some("TS")
    );
    assert_eq!(errors("a.ts", "if = ;")[0].code.as_deref(), Some("syntax"));
}

#[test]
fn text_that_is_not_utf8_is_an_error_in_its_place() {
    let errors = errors("a.ts", b"let a;\nlet \xc3\xa9 = '\xe9';");
    assert_eq!(errors[0].code.as_deref(), Some("encoding"));
    assert_eq!(
        errors[0].span.as_ref().unwrap().start,
        Position {
            line: 2,
            column: 10
        }
    );
}

#[test]
fn a_byte_order_mark_moves_nothing() {
    let errors = errors("a.ts", "\u{feff}let a = ;");
    assert_eq!(
        errors[0].span.as_ref().unwrap().start,
        Position { line: 1, column: 9 }
    );
}

#[test]
fn bad_input_never_panics() {
    let seeds = [
        "class A { #a; static b = super.x; @x y() { return this.#missing } }",
        "enum E { A = E.B, B = A.x, }",
        "namespace N { export namespace M {} export import a = N.M; }",
        "export default abstract class<T,> {}",
        "for await (using a of b) c: for (;;) continue c;",
        "<A.B {...c} d={<></>}>{...e}</A.B>",
        "let { a, ...b }: any = { ...c, async *d() { yield* e; await f?.[g]!.h } };",
        "`${`${/[/]/v}`}` ?? a ||= 1 ** -2;",
    ];
    for path in ["a.ts", "a.tsx", "a.js", "a.jsx"] {
        for seed in seeds {
            for target in ["es2015", "es2022"] {
                let options = format!(r#"{{"target": "{target}"}}"#);
                for (cut, _) in seed.char_indices() {
                    let _ = crate::transpile_with(path, &seed[..cut], &options);
                    let _ = crate::transpile_with(path, &seed[cut..], &options);
                    let _ = crate::transpile_with(
                        path,
                        format!("{};{}", &seed[cut..], &seed[..cut]),
                        &options,
                    );
                }
            }
        }
    }
}
