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

/// What `text` imports but for the runtime, as `transpileModule` keeps it.
#[track_caller]
fn kept(text: &str) -> String {
    let code = code("a.tsx", text);
    let imports = code
        .lines()
        .filter(|line| line.contains("import ") && !line.contains("/jsx-runtime"))
        .map(|line| &line[line.find("import ").unwrap_or_default()..]);
    words(&imports.collect::<Vec<_>>().join(" "))
}

#[test]
fn what_jsx_would_call_stays_imported() {
    for import in [
        "import * as React from \"react\";",
        "import React from \"react\";",
        "import { React } from \"react\";",
        "import { createElement as React } from \"react\";",
    ] {
        for jsx in ["<p/>", "<></>", "<P<React.X>/>"] {
            let text = format!("{import} export const a: React.A = {jsx};");
            assert_eq!(kept(&text), import, "{text}");
        }
    }
    // Of an import only that name.
    assert_eq!(
        kept("import React, { type FC, useState } from 'react'; export const a: FC = () => <p/>;"),
        "import React from \"react\";"
    );
}

#[test]
fn what_jsx_would_not_call_does_not() {
    for text in [
        "import * as React from 'react'; export const a: React.A = 1;",
        "import type * as React from 'react'; export const a = <p/>;",
        "import { type React } from 'react'; export const a = <p/>;",
        "import Preact from 'react'; export const a: Preact.A = <p/>;",
    ] {
        assert_eq!(kept(text), "", "{text}");
    }
}

#[test]
fn a_pragma_says_what_jsx_would_call() {
    let imports =
        "import React, { Frag, x } from 'react'; import { h } from 'h'; export const a = ";
    for (pragma, jsx, expected) in [
        ("@jsx h", "<p/>", "import { h } from \"h\";"),
        ("@jsx h.x", "<p/>", "import { h } from \"h\";"),
        ("@jsx h", "<></>", "import React from \"react\";"),
        (
            "@jsx h",
            "<><p/></>",
            "import React from \"react\"; import { h } from \"h\";",
        ),
        ("@jsxFrag Frag", "<></>", "import { Frag } from \"react\";"),
        ("@jsxFrag Frag", "<p/>", "import React from \"react\";"),
        ("@jsxFrag null", "<></>", ""),
        (
            "@jsxImportSource solid",
            "<p/>",
            "import React from \"react\";",
        ),
        (
            "@jsxRuntime automatic",
            "<p/>",
            "import React from \"react\";",
        ),
    ] {
        let text = format!("/** {pragma} */ {imports}{jsx};");
        assert_eq!(kept(&text), expected, "{text}");
    }
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
