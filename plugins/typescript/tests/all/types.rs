//! What TypeScript adds to JavaScript: types go, enums and namespaces become code.

use crate::{code, errors, ts};

#[test]
fn types_are_stripped() {
    assert_eq!(
        ts(
            "interface A { a: string }\ntype B = A;\nexport const f = <T,>(x: T, y?: B): T => (x as any)! satisfies T;"
        ),
        "export const f = (x, y) => x;"
    );
    assert_eq!(
        ts(
            "declare const a: number;\ndeclare module 'x' {}\nexport abstract class C<T> { abstract m(): void; declare p: T }"
        ),
        "export class C {}"
    );
    assert_eq!(
        ts(
            "export function f(a: string): void;\nexport function f(a: number): void;\nexport function f(this: Window, a: any) {}"
        ),
        "export function f(a) {}"
    );
}

#[test]
fn enums_become_objects() {
    assert_eq!(
        ts("export enum E { A, B = 5, C, S = 's' }"),
        r#"export let E = /* @__PURE__ */ function(E) { E[E["A"] = 0] = "A"; E[E["B"] = 5] = "B"; E[E["C"] = 6] = "C"; E["S"] = "s"; return E; }({});"#
    );
    assert_eq!(ts("declare enum E { A }\nexport {}"), "export {};");
}

#[test]
fn const_enums_are_inlined_and_stay_where_others_may_import_them() {
    assert_eq!(
        ts("const enum E { A = 1, B = A << 2 }\nexport const x = E.B;"),
        "export const x = 4;"
    );
    let exported = ts("export const enum E { A = 1 }\nexport const x = E.A;");
    assert!(exported.starts_with("export let E ="), "{exported}");
    assert!(exported.ends_with("export const x = 1;"), "{exported}");
}

#[test]
fn namespaces_become_functions() {
    assert_eq!(
        ts(
            "export namespace N { export const a = 1; export function f() { return a; } const hidden = 2; }"
        ),
        "export let N; (function(_N) { const a = _N.a = 1; function f() { return a; } _N.f = f; const hidden = 2; })(N || (N = {}));"
    );
    let nested = ts("namespace A.B { export const c = 1 }\nconsole.log(A.B.c);");
    assert!(nested.contains("(B = _A.B || (_A.B = {}))"), "{nested}");
    assert_eq!(
        ts("namespace T { export type A = string }\nexport const a = 1;"),
        "export const a = 1;"
    );
    assert_eq!(
        ts("import x = Foo.Bar;\ndeclare namespace Foo { const Bar: number }\nexport const y = x;"),
        "var x = Foo.Bar; export const y = x;"
    );
}

#[test]
fn variables_that_a_namespace_exports_are_accessors() {
    let text = "export namespace N { export let a = 1, { b } = c; export var _a; export const d = () => a++; }";
    let code = ts(text);
    assert!(
        code.contains("let a = 1, { b } = c; Object.defineProperty(N, \"a\", {"),
        "{code}"
    );
    assert!(
        code.contains("get: () => b, set: (_b) => { b = _b; }"),
        "{code}"
    );
    assert!(code.contains("const d = _N.d = () => a++;"), "{code}");
    let nested = ts("namespace A.B { export let c = 1 }\nconsole.log(A);");
    assert!(
        nested.contains("Object.defineProperty(B, \"c\""),
        "{nested}"
    );
    assert_eq!(
        ts("declare namespace N { export let a: number }\nexport {}"),
        "export {};"
    );
}

#[test]
fn what_a_namespace_cannot_export_is_told_and_placed() {
    let errors = errors(
        "a.ts",
        "namespace N {\n  export let a = 1;\n  class N {}\n}",
    );
    assert_eq!(errors[0].code.as_deref(), Some("namespace-export"));
    assert_eq!(errors[0].span.as_ref().unwrap().start.line, 2);
}

#[test]
fn declaration_files_are_empty_modules() {
    for path in ["a.d.ts", "lib/a.d.mts", "style.d.css.ts"] {
        assert_eq!(
            code(
                path,
                "export declare const a: string; this is no declaration"
            ),
            "export {};\n",
            "{path}"
        );
    }
}

#[test]
fn white_space_is_nothing() {
    for text in ["", " \n\t", "\u{feff}\n"] {
        let output = crate::transpile("a.ts", text).unwrap();
        assert!(
            output.contents.is_empty() && output.source_map.is_none() && output.imports.is_empty()
        );
    }
}

#[test]
fn only_types_leave_a_module() {
    assert_eq!(ts("export interface A {}"), "export {};");
}

#[test]
fn newer_syntax_is_known() {
    let text = "export class A { accessor?: 1; override m<const T extends readonly unknown[]>(x: T) { return x } }\n\
        const a = <T,>(x: unknown): asserts x is T => {};\nlet b = a<string>;\n\
        type C = `a${string}`; export type { C };\nfor (const x of [] as const) { using: x; }\n\
        export * as ns from './x'; import json from './x.json' with { type: 'json' }; console.log(json, b);";
    let output = crate::transpile("a.mts", text).unwrap();
    assert_eq!(output.imports, ["./x", "./x.json"]);
}

#[test]
fn what_a_checker_would_find_is_a_warning() {
    let output = crate::transpile("a.ts", "let a = 1; let a = 2;").unwrap();
    assert_eq!(output.contents, b"let a = 1;\nlet a = 2;\n");
    assert_eq!(output.diagnostics.len(), 1);
    assert_eq!(
        output.diagnostics[0].severity,
        realm_guest_sdk::Severity::Warning
    );
    assert_eq!(output.diagnostics[0].code.as_deref(), Some("semantics"));
    let merged = "class A { x = 1 } interface A {} namespace A { export const y = 1 }\nfunction f(): void; function f() {}\n\
        enum E { a } enum E { b = 1 } type f = 1; interface I { x: 1 } interface I { y: 2 }\nexport { f, A, E };";
    assert_eq!(crate::transpile("a.ts", merged).unwrap().diagnostics, []);
}

#[test]
fn a_private_name_that_is_not_there_cannot_be_lowered() {
    let text = "class A {\n  m() { return this.#x; }\n}";
    assert!(code("a.ts", text).contains("this.#x"));
    let errors = crate::errors_with("a.ts", text, r#"{"target": "es2021"}"#);
    assert_eq!(errors[0].span.as_ref().unwrap().start.line, 2);
}
