//! The plugin, as a host calls it: a file in, a module or a failure out. One file per part of the language.

mod classes;
mod corpus;
mod decorators;
mod diagnostics;
mod imports;
mod javascript;
mod jsx;
mod maps;
mod options;
mod targets;
mod types;

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Diagnostic, Failure, Output, Transpiler};
use realm_plugin_typescript::TypeScript;

/// Transpiles `text` at `path`.
fn transpile_with(path: &str, text: impl AsRef<[u8]>, options: &str) -> Result<Output, Failure> {
    let realm = MemoryFiles::new().with(path, text);
    let mut request = realm.request(path);
    request.options = options.into();
    let output = TypeScript::transpile(request, &realm);
    assert_eq!(realm.reads(), [], "the plugin reads nothing but its input");
    output
}

fn transpile(path: &str, text: impl AsRef<[u8]>) -> Result<Output, Failure> {
    transpile_with(path, text, "{}")
}

/// The code that `text` becomes, which must have no errors.
#[track_caller]
fn code_with(path: &str, text: &str, options: &str) -> String {
    match transpile_with(path, text, options) {
        Ok(output) => String::from_utf8(output.contents).expect("code is UTF-8"),
        Err(failure) => panic!("{failure:?} of {text}"),
    }
}

#[track_caller]
fn code(path: &str, text: &str) -> String {
    code_with(path, text, "{}")
}

/// The code, with each run of white space as one space.
#[track_caller]
fn ts(text: &str) -> String {
    words(&code("a.ts", text))
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is wrong with `text`.
#[track_caller]
fn errors_with(path: &str, text: impl AsRef<[u8]>, options: &str) -> Vec<Diagnostic> {
    match transpile_with(path, text, options) {
        Err(Failure::Invalid(diagnostics)) => diagnostics,
        other => panic!("not invalid: {other:?}"),
    }
}

#[track_caller]
fn errors(path: &str, text: impl AsRef<[u8]>) -> Vec<Diagnostic> {
    errors_with(path, text, "{}")
}
