//! What is wrong, and where.

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Failure, Position, ReadError, ReadFailure};

use crate::{error, place, transpile};

#[test]
fn errors_have_place_and_code() {
    let realm = MemoryFiles::new().with("x/a.scss", "a {\n  /* 𝒃é */ b: $missing;\n}");
    let error = error(&realm, "x/a.scss");
    assert_eq!(error.message, "Undefined variable.");
    assert_eq!(error.code.as_deref(), Some("sass"));
    // The column counts UTF-16 units: 𝒃 is two of them.
    assert_eq!(place(&error), ("x/a.scss", 2, 16));
    assert_eq!(
        error.span.unwrap().end,
        Some(Position {
            line: 2,
            column: 24
        })
    );
}

#[test]
fn errors_of_partials_are_placed_there() {
    let realm = MemoryFiles::new().with("a.scss", "\n\n@use 'sub/b';").with(
        "sub/_b.scss",
        "$x: 1;\n@function f() { @return 1px + 1s; }\n$y: f();",
    );
    assert_eq!(place(&error(&realm, "a.scss")), ("sub/_b.scss", 2, 25));
    let realm = MemoryFiles::new()
        .with("a.scss", "@import 'b';")
        .with("_b.scss", "a { b: c;");
    assert_eq!(place(&error(&realm, "a.scss")).0, "_b.scss");
}

#[test]
fn imports_that_leave_the_realm_are_refused_unread() {
    for import in ["../b", "../../../../b", "/other/b", "x/../../b"] {
        let realm = MemoryFiles::new().with("a.scss", format!("a {{ b: c }}\n@import '{import}';"));
        let error = error(&realm, "a.scss");
        assert_eq!(error.code.as_deref(), Some("outside"), "{import}");
        assert_eq!(place(&error), ("a.scss", 2, 9), "{import}");
        assert_eq!(realm.reads(), [], "{import}");
    }
}

#[test]
fn reads_that_fail_otherwise_end_the_call() {
    for reason in [
        ReadError::TooLarge,
        ReadError::Forbidden,
        ReadError::Outside,
    ] {
        let realm = MemoryFiles::new()
            .with("a.scss", "@use 'b';")
            .with_error("_b.scss", reason)
            .with("b.css", "never reached");
        assert_eq!(
            transpile(&realm, "a.scss"),
            Err(Failure::Unreadable(ReadFailure {
                specifier: "_b.scss".into(),
                error: reason
            }))
        );
        let reads = crate::reads(&realm);
        assert_eq!(
            reads.iter().filter(|path| *path == "_b.scss").count(),
            1,
            "{reads:?}"
        );
    }
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_place() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'b';")
        .with("_b.scss", b"a {}\nb { c: '\xff' }");
    let error_in_partial = error(&realm, "a.scss");
    assert_eq!(error_in_partial.code.as_deref(), Some("encoding"));
    assert_eq!(place(&error_in_partial), ("_b.scss", 2, 9));
    let realm = MemoryFiles::new().with("a.scss", b"\xff");
    assert_eq!(place(&error(&realm, "a.scss")), ("a.scss", 1, 1));
}

#[test]
fn loops_end() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'b';")
        .with("_b.scss", "@use 'a';");
    assert!(error(&realm, "a.scss").message.contains("loop"));
    let realm = MemoryFiles::new()
        .with("a.scss", "@import 'b';")
        .with("_b.scss", "@import 'b';");
    assert!(
        error(&realm, "a.scss")
            .message
            .contains("already being loaded")
    );
}

#[test]
fn chance_is_no_input() {
    let realm = MemoryFiles::new().with("a.scss", "@use 'sass:math';\na { b: math.random(); }");
    assert_eq!(error(&realm, "a.scss").message, "Undefined function.");
}

#[test]
fn bad_input_never_panics() {
    let seeds = [
        "@use 'b' as *; @mixin m($a...) { @content($a) } a { &:hover > .b#{1 + 1} { @include m(1, $c: 2); } }",
        "@function f($x: 1) { @if $x == 1 { @return map-get((a: b), a) } @else { @each $k, $v in (c: d) { @debug $k } } }",
        "@media (min-width: calc(1px + #{$x})) { %p { @extend .a; } } @supports not (a: b) { @font-face { src: url(x) } }",
        "$m: (1 2, 3 4); a { width: -#{$m}; filter: alpha(opacity=1); @at-root b { c: d !important } } /* é",
    ];
    for seed in seeds {
        for (cut, _) in seed.char_indices() {
            for text in [&seed[..cut], &seed[cut..]] {
                for path in ["a.scss", "a.sass"] {
                    let realm = MemoryFiles::new()
                        .with(path, text)
                        .with("_b.scss", "$x: 1px;");
                    let _ = transpile(&realm, path);
                }
            }
        }
    }
}
