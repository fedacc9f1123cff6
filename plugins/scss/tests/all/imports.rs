//! `@use`, `@forward`, `@import`: how names become files, and that each is read once.

use realm_guest_sdk::testing::MemoryFiles;

use crate::{css, error, place, reads, transpile};

#[test]
fn a_style_sheet_alone_reads_nothing() {
    let realm = MemoryFiles::new().with("a.scss", "a { b: c }");
    assert_eq!(css(&realm, "a.scss"), "a { b: c; }");
    assert_eq!(realm.reads(), []);
}

#[test]
fn partials_are_used_from_the_importers_folder() {
    let realm = MemoryFiles::new()
        .with(
            "styles/page.scss",
            "@use 'theme';\n@use '../shared/sizes' as s;\na { color: theme.$main; width: s.$wide }",
        )
        .with("styles/_theme.scss", "$main: red;")
        .with(
            "shared/_sizes.scss",
            "@use './units';\n$wide: 2 * units.$one;",
        )
        .with("shared/units.scss", "$one: 1px;")
        .with("_theme.scss", "$main: wrong;");
    assert_eq!(
        css(&realm, "styles/page.scss"),
        "a { color: red; width: 2px; }"
    );
}

#[test]
fn folders_have_an_index() {
    let realm = MemoryFiles::new()
        .with(
            "a.scss",
            "@use 'theme';\n@use 'plain' as p;\na { b: theme.$x; c: p.$y }",
        )
        .with("theme/_index.scss", "@forward 'colours';")
        .with("theme/_colours.scss", "$x: red;")
        .with("plain/index.sass", "$y: 1");
    assert_eq!(css(&realm, "a.scss"), "a { b: red; c: 1; }");
}

#[test]
fn forwards_show_hide_and_prefix() {
    let realm = MemoryFiles::new()
        .with(
            "a.scss",
            "@use 'lib' with ($base: blue);\na { b: lib.$c-base; @include lib.m; }",
        )
        .with(
            "_lib.scss",
            "@forward 'colours' as c-*;\n@forward 'mixins' show m;",
        )
        .with("_colours.scss", "$base: red !default;")
        .with("_mixins.scss", "@mixin m { x: y }\n@mixin hidden { x: z }");
    // A configured variable is named as the forwarding module names it.
    let realm = realm.with(
        "a.scss",
        "@use 'lib' with ($c-base: blue);\na { b: lib.$c-base; @include lib.m; }",
    );
    assert_eq!(css(&realm, "a.scss"), "a { b: blue; x: y; }");
}

#[test]
fn imports_nest_and_repeat() {
    let realm = MemoryFiles::new()
        .with(
            "a.scss",
            "@import 'b', 'sub/c';\n.x { @import 'b'; }\n@import 'b';",
        )
        .with("_b.scss", "b { c: d }")
        .with("sub/_c.scss", "@import '../b';");
    assert_eq!(
        css(&realm, "a.scss"),
        "b { c: d; } b { c: d; } .x b { c: d; } b { c: d; }"
    );
}

#[test]
fn imports_that_css_has_stay() {
    let realm = MemoryFiles::new().with(
        "a.scss",
        "@import 'x.css', url(y), 'https://z/w';\n@import 'v' print;",
    );
    assert_eq!(
        css(&realm, "a.scss"),
        "@import 'x.css'; @import url(y); @import 'https://z/w'; @import 'v' print;"
    );
    assert_eq!(realm.reads(), []);
}

#[test]
fn css_files_can_be_used() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'reset';\n@use 'b.css' as b;")
        .with("reset.css", "a { b: c }")
        .with("b.css", "d { e: f }");
    assert_eq!(css(&realm, "a.scss"), "a { b: c; } d { e: f; }");
}

#[test]
fn a_module_that_two_use_is_loaded_once() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'b';\n@use 'sub/c';")
        .with("_b.scss", "@use 'sub/../d';")
        .with("sub/_c.scss", "@use '../d';")
        .with("_d.scss", "d { e: f }");
    assert_eq!(css(&realm, "a.scss"), "d { e: f; }");
}

#[test]
fn every_probe_is_recorded_and_none_twice() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'b';\n@use 'c';\n@import 'b';")
        .with("_b.scss", "$x: 1;")
        .with("_c.scss", "@use 'b';");
    let _ = transpile(&realm, "a.scss").unwrap();
    let reads = reads(&realm);
    // Absent names that would win over `_b.scss` if they were there.
    for probe in ["b.sass", "_b.sass", "b.scss", "_b.scss", "b.import.scss"] {
        assert_eq!(
            reads.iter().filter(|path| *path == probe).count(),
            1,
            "{probe} in {reads:?}"
        );
    }
    let mut unique = reads.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), reads.len(), "{reads:?}");
    assert!(
        !reads.contains(&"a.scss".to_owned()),
        "the input is not read"
    );
}

#[test]
fn what_is_absent_has_been_probed_to_the_last_index() {
    let realm = MemoryFiles::new().with("a.scss", "\n  @use 'gone';");
    let error = error(&realm, "a.scss");
    assert_eq!(
        (error.code.as_deref(), place(&error)),
        (Some("import"), ("a.scss", 2, 3))
    );
    let reads = reads(&realm);
    for probe in [
        "gone.scss",
        "_gone.scss",
        "gone.css",
        "gone/index.scss",
        "gone/_index.sass",
    ] {
        assert!(reads.contains(&probe.into()), "{probe} in {reads:?}");
    }
}

#[test]
fn what_the_realm_finds_by_its_extensions_is_no_style_sheet() {
    let realm = MemoryFiles::new()
        .with("a.scss", "@use 'b';")
        .with("b.scss.ts", "export {}")
        .with("_b.scss", "b { c: d }");
    assert_eq!(css(&realm, "a.scss"), "b { c: d; }");
}

#[test]
fn names_may_need_encoding() {
    let realm = MemoryFiles::new()
        .with("my styles/ü#1.scss", "@use 'a b?' as x;\na { b: x.$y }")
        .with("my styles/_a b?.scss", "$y: 1;");
    assert_eq!(css(&realm, "my styles/ü#1.scss"), "a { b: 1; }");
}

#[test]
fn partials_compile_when_asked_for() {
    let realm = MemoryFiles::new().with("_a.scss", "a { b: c }");
    assert_eq!(css(&realm, "_a.scss"), "a { b: c; }");
}

#[test]
fn absolute_paths_are_the_origins() {
    let realm = MemoryFiles::new()
        .with("x/a.scss", "@use '/demo/b';")
        .with("_b.scss", "b { c: d }");
    assert_eq!(css(&realm, "x/a.scss"), "b { c: d; }");
}
