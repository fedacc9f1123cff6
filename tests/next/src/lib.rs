//! A transpiler of `realm:plugin@0.2.0`, which there is in tests only (`tests/wit/0.2.0`): it is made from the WIT alone.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    reason = "generated from the WIT"
)]
mod bindings {
    wit_bindgen::generate!({ path: "../wit/0.2.0", world: "transpiler-plugin" });

    use super::Next;
    export!(Next with_types_in self);
}

use bindings::exports::realm::plugin::about::{Description, Guest as About, Rule};
use bindings::exports::realm::plugin::transpiler::{Guest as Transpiler, Output};
use bindings::realm::plugin::files;
use bindings::realm::plugin::types::{Failure, File, Note};

/// The plugin.
#[derive(Debug)]
pub struct Next;

impl About for Next {
    fn describe() -> Description {
        Description {
            name: "next".to_owned(),
            version: "1.0.0".to_owned(),
            rules: vec![Rule {
                takes: ".next".to_owned(),
                gives: ".js".to_owned(),
                media_type: "text/javascript".to_owned(),
            }],
        }
    }
}

impl Transpiler for Next {
    /// What it was handed, and what the file that its first line names has.
    fn transpile(input: File, options: Vec<(String, String)>) -> Result<Output, Failure> {
        let line = input.text.lines().next().unwrap_or_default();
        let read = match line {
            "decline" => return Err(Failure::Declined),
            "" => {
                let text = "it is empty".to_owned();
                return Err(Failure::Notes(vec![Note { line: 1, text }]));
            }
            line => files::read(line, &input.url),
        };
        let read = match read {
            Ok(file) => format!("{} has {}", file.name, file.text.trim_end()),
            Err(why) => why,
        };
        let text = format!("{} in {}: {read}; {options:?}\n", input.name, input.folder);
        let notes = Vec::new();
        Ok(Output { text, notes })
    }
}
