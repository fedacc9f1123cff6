//! A transpiler that is what a slot in its component says, so that tests can make plugins of any name, version and rule, and
//! as many editions of each as they like, without a compiler. `realm_tests::Edition` writes the slot.

mod stage;

use std::hash::{BuildHasher, RandomState};
use std::hint::black_box;

use realm_guest_sdk::{
    Description, Failure, Files, Output, Request, Rule, Transpiler, export_transpiler,
};
use serde_json::Value;

/// `edition:` and JSON, filled up with blanks.
static SLOT: &[u8; 264] = b"edition:{}                                                                                                                                                                                                                                                              ";

/// The plugin.
#[derive(Debug)]
pub struct Edition;

fn slot() -> Value {
    serde_json::from_slice(&black_box(SLOT)[8..]).unwrap_or_default()
}

fn text(slot: &Value, key: &str) -> String {
    slot[key].as_str().unwrap_or_default().to_owned()
}

impl Transpiler for Edition {
    fn describe() -> Description {
        let slot = slot();
        match slot["describes"].as_str() {
            Some("hang") => loop {
                black_box(&slot);
            },
            Some("panic") => panic!("it does not know what it is"),
            _ => {}
        }
        let media_type = slot["media"].as_str().unwrap_or("text/javascript");
        let rule = |takes: String| Rule::new(takes, text(&slot, "gives"), media_type);
        let count = slot["rules"].as_str().and_then(|count| count.parse().ok());
        let further = (1..count.unwrap_or(1)).map(|number| rule(format!(".x{number}")));
        let description = Description::new(
            text(&slot, "name"),
            text(&slot, "version"),
            "What a test makes of it",
        )
        .transpiles(std::iter::once(rule(text(&slot, "takes"))).chain(further))
        .renders(slot["renders"].as_str());
        match slot["schema"].as_str() {
            None => description,
            Some("options") => description.options_schema(stage::SCHEMA),
            Some(schema) => description.options_schema(schema),
        }
    }

    /// The edition's text and the input; an input that begins with `hold` is never done with, if the edition holds. A stage of
    /// a pipeline: see [`stage`].
    fn transpile(request: Request, _: &dyn Files) -> Result<Output, Failure> {
        let slot = slot();
        if slot["does"] == "stage" {
            let options: Value = request.parse_options()?;
            let (path, input) = (&request.input.path, request.input.text()?);
            return stage::stage(&text(&slot, "name"), path, input, &text(&options, "mode"));
        }
        let input = request.input.text()?.trim_end();
        let mut text = text(&slot, "text");
        match slot["does"].as_str() {
            Some("hold") if input.starts_with("hold") => loop {
                black_box(&text);
            },
            Some("trap") if input.starts_with('a') => panic!("it does not like this"),
            Some("random") => text += &RandomState::new().hash_one(0).to_string(),
            _ => {}
        }
        Ok(Output::new(format!("{text}: {input}\n")))
    }
}

export_transpiler!(Edition);
