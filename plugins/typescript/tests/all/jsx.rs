//! JSX.

use crate::{code, code_with, errors, transpile, words};

#[test]
fn the_automatic_runtime_comes_from_the_realm() {
    assert_eq!(
        words(&code(
            "a.tsx",
            "export const A = ({ x }: P) => <><p class=\"a\" {...x}>hi {x}</p><b/></>;"
        )),
        "import { jsxs as _jsxs, jsx as _jsx, Fragment as _Fragment } from \"realm/jsx-runtime\"; \
         export const A = ({ x }) => _jsxs(_Fragment, { children: [_jsxs(\"p\", { class: \"a\", ...x, children: [\"hi \", x] }), _jsx(\"b\", {})] });"
    );
}

#[test]
fn the_import_source_is_an_option_and_a_pragma() {
    let output =
        crate::transpile_with("a.jsx", "<p/>", r#"{"jsxImportSource": "preact"}"#).unwrap();
    assert_eq!(output.imports, ["preact/jsx-runtime"]);
    let output = transpile("a.jsx", "/** @jsxImportSource solid */ <p/>").unwrap();
    assert_eq!(output.imports, ["solid/jsx-runtime"]);
}

#[test]
fn react_is_not_imported_for_nothing() {
    assert_eq!(
        transpile(
            "a.tsx",
            "import React from 'react'; export const a = <><p/></>;"
        )
        .unwrap()
        .imports,
        ["realm/jsx-runtime"]
    );
    let pragma = "/** @jsxRuntime classic */ import React from 'react'; export const a = <p/>;";
    let code = code("a.tsx", pragma);
    assert!(
        code.contains("import React from \"react\"") && code.contains("React.createElement(\"p\""),
        "{code}"
    );
}

#[test]
fn the_classic_runtime_calls_the_factory() {
    let options = r#"{"jsx": "classic", "jsxFactory": "h", "jsxFragmentFactory": "Fragment"}"#;
    let code = words(&code_with(
        "a.tsx",
        "import { h, Fragment, x } from 'preact'; export const a = <><p/></>;",
        options,
    ));
    assert_eq!(
        code,
        "import { h, Fragment } from \"preact\"; export const a = h(Fragment, null, h(\"p\", null));"
    );
}

#[test]
fn names_with_a_namespace_are_names() {
    assert!(
        code("a.jsx", "<svg:a xlink:href=\"x\"/>").contains("\"svg:a\", { \"xlink:href\": \"x\" }")
    );
}

#[test]
fn typescript_without_jsx_has_none() {
    assert!(!errors("a.ts", "export const a = <p></p>;").is_empty());
    assert_eq!(
        words(&code("a.ts", "export const a = <any>b;")),
        "export const a = b;"
    );
}
