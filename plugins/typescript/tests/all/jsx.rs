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

/// What `text` imports but for the runtime.
#[track_caller]
fn kept_with(text: &str, options: &str) -> String {
    let code = code_with("a.tsx", text, options);
    let imports = code
        .lines()
        .filter(|line| line.contains("import ") && !line.contains("/jsx-runtime"))
        .map(|line| &line[line.find("import ").unwrap_or_default()..]);
    words(&imports.collect::<Vec<_>>().join(" "))
}

#[track_caller]
fn kept(text: &str) -> String {
    kept_with(text, "{}")
}

const CLASSIC: &str = r#"{"jsx": "classic"}"#;

/// Each form in which `React` is imported.
const REACT: [&str; 4] = [
    "import * as React from \"react\";",
    "import React from \"react\";",
    "import { React } from \"react\";",
    "import { createElement as React } from \"react\";",
];

#[test]
fn react_is_not_imported_for_nothing() {
    for import in REACT {
        for jsx in ["<p/>", "<></>", "<><p/></>", "<P<React.X>/>", "1"] {
            let text = format!("{import} export const a: React.A = {jsx};");
            assert_eq!(kept(&text), "", "{text}");
        }
        let text = format!("{import} export const a = <p/>;");
        assert_eq!(kept(&text), "", "{text}");
    }
    assert_eq!(
        kept(
            "import React, { type FC, useState } from 'react'; export const a: FC = () => <p a={useState()}/>;"
        ),
        "import { useState } from \"react\";"
    );
    let output = transpile(
        "a.tsx",
        "import React from 'react'; export const a = <><p/></>;",
    );
    assert_eq!(output.unwrap().imports, ["realm/jsx-runtime"]);
}

#[test]
fn react_is_imported_where_it_is_used() {
    for import in REACT {
        for jsx in [
            "<React.P/>",
            "<p a={React.b}/>",
            "<p>{React}</p>",
            "React && <p/>",
        ] {
            let text = format!("{import} export const a: React.A = {jsx};");
            assert_eq!(kept(&text), import, "{text}");
        }
        let text = format!("{import} export {{ React }}; export const a = <p/>;");
        assert_eq!(kept(&text), import, "{text}");
        let text = format!("{import} export const a = <p/>;");
        let verbatim = r#"{"verbatimModuleSyntax": true}"#;
        assert_eq!(kept_with(&text, verbatim), import, "{text}");
    }
    // There are no types in JavaScript, and nothing is left out.
    let output = transpile("a.jsx", "import React from 'react'; export default <p/>;");
    assert_eq!(output.unwrap().imports, ["react", "realm/jsx-runtime"]);
}

#[test]
fn classic_jsx_calls_react() {
    for import in REACT {
        for jsx in ["<p/>", "<></>", "<P<React.X>/>"] {
            let text = format!("{import} export const a: React.A = {jsx};");
            assert_eq!(kept_with(&text, CLASSIC), import, "{text}");
            for pragma in ["/** @jsxRuntime classic */", "// @jsxRuntime classic\n"] {
                let text = format!("{pragma} {text}");
                assert_eq!(kept(&text), import, "{text}");
            }
        }
    }
    for text in [
        "import * as React from 'react'; export const a: React.A = 1;",
        "import type * as React from 'react'; export const a = <p/>;",
        "import { type React } from 'react'; export const a = <p/>;",
        "import Preact from 'react'; export const a: Preact.A = <p/>;",
    ] {
        assert_eq!(kept_with(text, CLASSIC), "", "{text}");
    }
}

#[test]
fn a_pragma_says_what_classic_jsx_calls() {
    let imports =
        "import React, { Frag, x } from 'react'; import { h } from 'h'; export const a = ";
    for (pragma, jsx, expected) in [
        ("@jsx h", "<p/>", "import { h } from \"h\";"),
        ("@jsx h.x", "<p/>", "import { h } from \"h\";"),
        (
            "@jsx h",
            "<></>",
            "import React from \"react\"; import { h } from \"h\";",
        ),
        (
            "@jsxFrag Frag",
            "<></>",
            "import React, { Frag } from \"react\";",
        ),
        ("@jsxFrag Frag", "<p/>", "import React from \"react\";"),
        ("@jsxFrag null", "<></>", "import React from \"react\";"),
        (
            "@jsxImportSource solid",
            "<p/>",
            "import React from \"react\";",
        ),
    ] {
        let text = format!("/** {pragma} */ {imports}{jsx};");
        assert_eq!(kept_with(&text, CLASSIC), expected, "{text}");
        // With the automatic runtime it calls none of them.
        assert_eq!(kept(&text), "", "{text}");
        let text = format!("/** {pragma} @jsxRuntime classic */ {imports}{jsx};");
        assert_eq!(kept(&text), expected, "{text}");
    }
}

#[test]
fn a_pragma_says_which_runtime() {
    const SOURCE: &str = "import React from 'react'; export const a = <p/>;";
    let calls_react = |pragmas: &str, options| {
        let code = code_with("a.tsx", &format!("{pragmas}{SOURCE}"), options);
        let called = code.contains("React.createElement(\"p\"");
        assert_eq!(
            called,
            code.contains("import React from \"react\""),
            "{code}"
        );
        assert_ne!(
            called,
            code.contains("from \"realm/jsx-runtime\""),
            "{code}"
        );
        called
    };
    for pragmas in [
        "/** @jsxRuntime classic */",
        "/**@jsxRuntime classic*/",
        "/*\n * An x.\n * @jsxRuntime classic\n */\n",
        "/* @jsxRuntime automatic */ 'use client'; // @jsxRuntime classic\n",
        "/* @jsxRuntime classic @jsxRuntime other */",
    ] {
        assert!(calls_react(pragmas, "{}"), "{pragmas}");
        assert!(calls_react(pragmas, CLASSIC), "{pragmas}");
    }
    for pragmas in ["/** @jsxRuntime automatic */", "// @jsxRuntime automatic\n"] {
        assert!(!calls_react(pragmas, "{}"), "{pragmas}");
        assert!(!calls_react(pragmas, CLASSIC), "{pragmas}");
    }
    for no_pragma in [
        "",
        "/** @jsxRuntime */",
        "/* `@jsxRuntime classic` */",
        "/* @jsxRuntime\nclassic */",
        "const b = '@jsxRuntime classic'; /* @jsxRuntime classic */ ",
    ] {
        assert!(!calls_react(no_pragma, "{}"), "{no_pragma}");
        assert!(calls_react(no_pragma, CLASSIC), "{no_pragma}");
    }
}

#[test]
fn pragmas_stay_comments() {
    let code = code("a.tsx", "/** @jsx h */\nexport const a = <p/>; // b\n");
    assert!(code.contains("/** @jsx h */"), "{code}");
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
