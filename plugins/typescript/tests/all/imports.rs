//! Which imports stay, and which are listed.

use crate::{code_with, errors, transpile, ts, words};

#[track_caller]
fn imports(path: &str, text: &str) -> Vec<String> {
    transpile(path, text).expect(text).imports
}

#[test]
fn imports_of_types_go() {
    assert_eq!(
        ts(
            "import type { A } from './a';\nimport { B, type C } from './b';\nimport D, * as E from './d';\n\
            import { F } from './f';\nexport type { G } from './g';\nexport { type H, I } from './i';\n\
            let b: B; let f: F = new F(); export const e = E;"
        ),
        "import * as E from \"./d\"; import { F } from \"./f\"; export { I } from \"./i\"; let b; let f = new F(); export const e = E;"
    );
}

#[test]
fn unused_imports_go_and_bare_ones_stay() {
    assert_eq!(
        ts(
            "import { a } from './a';\nimport './b';\nimport {} from './c';\nimport d from './d';\nimport { type e } from './e'"
        ),
        "import \"./b\";"
    );
}

#[test]
fn what_is_exported_again_stays_since_it_may_be_a_value() {
    assert_eq!(
        ts("import { A } from './a';\nexport { A };"),
        "import { A } from \"./a\"; export { A };"
    );
    assert_eq!(
        ts("import A from './a';\nexport default A;"),
        "import A from \"./a\"; export default A;"
    );
    assert_eq!(
        ts("import { A } from './a';\nconst x = { A };\nlet y: typeof A;\nexport { x }"),
        "import { A } from \"./a\"; const x = { A }; let y; export { x };"
    );
}

#[test]
fn typeof_and_heritage_tell_types_from_values() {
    assert_eq!(
        ts("import { A } from './a';\nexport let y: typeof A;"),
        "export let y;"
    );
    assert_eq!(
        ts(
            "import { A } from './a';\nimport { B } from './b';\nexport class C extends A implements B {}"
        ),
        "import { A } from \"./a\"; export class C extends A {}"
    );
}

#[test]
fn verbatim_keeps_what_is_not_marked() {
    let text = "import { a, type b } from './a';\nimport type c from './c';\nimport { type d } from './d';\nexport {};";
    let code = words(&code_with(
        "a.ts",
        text,
        r#"{"verbatimModuleSyntax": true}"#,
    ));
    assert_eq!(
        code,
        "import { a } from \"./a\"; import \"./d\"; export {};"
    );
}

#[test]
fn imports_are_listed_once_in_order_as_written() {
    let text = "import b from './b.js?x';\nexport * from './a';\nimport './b.js?x';\nexport { c } from \"lit\";\n\
        import type { T } from './type';\nimport { unused } from './unused';\n\
        const d = () => import('./d');\nconst e = (x: string) => import(`./${x}`), f = import(('./f' as string) + '');\n\
        import('./a'); console.log(b, d, import.meta.url);";
    assert_eq!(imports("a.ts", text), ["./b.js?x", "./a", "lit", "./d"]);
}

#[test]
fn the_runtime_of_jsx_is_listed() {
    assert_eq!(
        imports("a.tsx", "import './x'; export const a = <p/>;"),
        ["./x", "realm/jsx-runtime"]
    );
}

#[test]
fn what_no_module_can_express_is_an_error() {
    let errors = errors("a.ts", "\nexport = 1;");
    assert_eq!(errors[0].code.as_deref(), Some("TS1203"));
    assert_eq!(errors[0].span.as_ref().unwrap().start.line, 2);
    assert_eq!(
        crate::errors("a.ts", "import a = require('a'); a();")[0]
            .code
            .as_deref(),
        Some("TS1202")
    );
}
