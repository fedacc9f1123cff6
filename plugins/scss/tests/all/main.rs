//! The plugin, as a host calls it: a realm in, a style sheet or a failure out.

mod errors;
mod imports;
mod output;

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Diagnostic, Failure, Output, Transpiler};
use realm_plugin_scss::Scss;

/// Compiles the file at `path` of a realm.
fn transpile(realm: &MemoryFiles, path: &str) -> Result<Output, Failure> {
    Scss::transpile(realm.request(path), realm)
}

/// The CSS that the file at `path` becomes, with each run of white space as one space.
#[track_caller]
fn css(realm: &MemoryFiles, path: &str) -> String {
    match transpile(realm, path) {
        Ok(output) => words(&String::from_utf8(output.contents).expect("CSS is UTF-8")),
        Err(failure) => panic!("{failure:?}"),
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is wrong with the file at `path`.
#[track_caller]
fn error(realm: &MemoryFiles, path: &str) -> Diagnostic {
    match transpile(realm, path) {
        Err(Failure::Invalid(mut diagnostics)) => diagnostics.remove(0),
        other => panic!("not invalid: {other:?}"),
    }
}

/// Where it is: path, line, column.
#[track_caller]
fn place(diagnostic: &Diagnostic) -> (&str, u32, u32) {
    let span = diagnostic.span.as_ref().expect("a place");
    (&span.path, span.start.line, span.start.column)
}

/// The paths that a realm was asked for.
fn reads(realm: &MemoryFiles) -> Vec<String> {
    realm.reads().into_iter().map(|read| read.path).collect()
}
