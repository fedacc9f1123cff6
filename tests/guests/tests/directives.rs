//! The directives that end by themselves, on the native target.

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Failure, Output, ReadError, Transpiler};
use realm_test_guests::Misbehave;

fn realm(directive: &str) -> MemoryFiles {
    MemoryFiles::new()
        .with("a.misbehave", directive)
        .with("b.txt", "say \"b\"")
        .with_error("big.txt", ReadError::TooLarge)
}

fn transpile(directive: &str) -> Result<Output, Failure> {
    let realm = realm(directive);
    Misbehave::transpile(realm.request("a.misbehave"), &realm)
}

fn code(directive: &str) -> String {
    String::from_utf8(transpile(directive).expect(directive).contents).expect("UTF-8")
}

#[test]
fn echo_ignores_the_lines_below() {
    assert_eq!(
        code("echo a \"b\"\nspin"),
        "export default \"a \\\"b\\\"\";\n"
    );
}

#[test]
fn huge_is_as_huge_as_asked() {
    assert_eq!(transpile("huge 12345").unwrap().contents.len(), 12_345);
}

#[test]
fn read_gives_contents_and_errors_in_order() {
    assert_eq!(
        code("read ./b.txt ./c.txt ./big.txt bare"),
        concat!(
            r#"export default [{"specifier":"./b.txt","url":"http://realm.test/demo/b.txt","path":"b.txt","#,
            r#""contents":"say \"b\""},{"specifier":"./c.txt","error":"not-found"},"#,
            r#"{"specifier":"./big.txt","error":"too-large"},{"specifier":"bare","error":"outside"}];"#,
            "\n"
        )
    );
}

#[test]
fn spin_if_does_not_spin_without_the_text() {
    assert_eq!(
        code("spin-if ./b.txt no such text"),
        "export default \"say \\\"b\\\"\";\n"
    );
    let Err(Failure::Unreadable(failure)) = transpile("spin-if ./c.txt x") else {
        panic!("no failure")
    };
    assert_eq!(
        (failure.specifier.as_str(), failure.error),
        ("./c.txt", ReadError::NotFound)
    );
}

#[test]
fn reads_makes_different_reads() {
    let realm = realm("reads 50");
    let output = Misbehave::transpile(realm.request("a.misbehave"), &realm).unwrap();
    assert_eq!(output.contents, b"export default 50;\n");
    let paths: std::collections::BTreeSet<_> =
        realm.reads().into_iter().map(|read| read.path).collect();
    assert_eq!(paths.len(), 50);
}

#[test]
fn state_is_kept_within_an_instance() {
    let first: u32 = code("state")
        .trim_start_matches("export default ")
        .trim_end_matches(";\n")
        .parse()
        .unwrap();
    assert_eq!(code("state"), format!("export default {};\n", first + 1));
}

#[test]
fn asset_declined_invalid() {
    assert_eq!(transpile("asset").unwrap().assets[0].suffix, ".css");
    assert_eq!(transpile("declined"), Err(Failure::Declined));
    let Err(Failure::Invalid(diagnostics)) = transpile("invalid") else {
        panic!("no failure")
    };
    let span = diagnostics[0].span.as_ref().unwrap();
    assert_eq!(
        (span.path.as_str(), span.start.line, span.start.column),
        ("a.misbehave", 1, 1)
    );
}

#[test]
fn what_is_unknown_is_told_what_is_known() {
    let Err(Failure::Invalid(diagnostics)) = transpile("dance") else {
        panic!("no failure")
    };
    assert!(diagnostics[0].message.contains("dance"));
    assert!(diagnostics[0].help.as_ref().unwrap().contains("spin-if"));
}

#[test]
#[should_panic(expected = "on purpose")]
fn panic_panics() {
    let _ = transpile("panic on purpose");
}
