//! Card documents: which files are some, and what they say.

use realm_guest_sdk::{Diagnostic, Failure, File, LineIndex};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::Url;

/// A card as its document has it.
#[derive(Debug)]
pub(crate) struct Card {
    pub(crate) attributes: Map<String, Value>,
    /// As JSON:API has them, with every link absolute.
    pub(crate) relationships: Map<String, Value>,
    pub(crate) module: String,
    pub(crate) name: String,
}

#[derive(Deserialize)]
struct Document {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    attributes: Map<String, Value>,
    #[serde(default)]
    relationships: Map<String, Value>,
    meta: Meta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    adopts_from: AdoptsFrom,
}

#[derive(Deserialize)]
struct AdoptsFrom {
    module: String,
    name: String,
}

const FORM: &str = "a card is {\"data\":{\"type\":\"card\",\"attributes\":{…},\"meta\":{\"adoptsFrom\":{\"module\":\"./person\",\"name\":\"Person\"}}}}";

/// Reads a card; [`Failure::Declined`] for a file that is none.
pub(crate) fn parse(file: &File) -> Result<Card, Failure> {
    let Ok(text) = file.text() else {
        return Err(Failure::Declined);
    };
    match serde_json::from_str::<Value>(text) {
        Ok(value) if value["data"]["type"] == "card" => {}
        // One that was meant to be a card is told what is wrong with it; other JSON is none of ours, well-formed or not.
        Err(error) if text.contains("\"adoptsFrom\"") => {
            return Err(wrong(
                file,
                text,
                &error,
                "card-json",
                "the document is not JSON until this is mended",
            )
            .into());
        }
        _ => return Err(Failure::Declined),
    }
    let Document { data } = serde_json::from_str(text)
        .map_err(|error| wrong(file, text, &error, "card-document", FORM))?;
    let mut relationships = data.relationships;
    if let Ok(base) = Url::parse(&file.url) {
        relationships
            .values_mut()
            .for_each(|value| absolute(value, &base));
    }
    Ok(Card {
        attributes: data.attributes,
        relationships,
        module: data.meta.adopts_from.module,
        name: data.meta.adopts_from.name,
    })
}

/// Joins the members of every `links` to the document's URL.
fn absolute(value: &mut Value, base: &Url) {
    let children = match value {
        Value::Array(items) => {
            items.iter_mut().for_each(|item| absolute(item, base));
            return;
        }
        Value::Object(children) => children,
        _ => return,
    };
    for (key, value) in children {
        match value {
            Value::Object(links) if key == "links" => {
                for link in links.values_mut() {
                    if let Some(url) = link.as_str().and_then(|link| base.join(link).ok()) {
                        *link = url.to_string().into();
                    }
                }
            }
            _ => absolute(value, base),
        }
    }
}

fn wrong(file: &File, text: &str, error: &serde_json::Error, code: &str, help: &str) -> Diagnostic {
    // serde_json counts bytes, and from 1 unless it stands before the line's first.
    let line_start = text
        .split_inclusive('\n')
        .take(error.line().saturating_sub(1))
        .map(str::len)
        .sum::<usize>();
    let offset = (line_start + error.column().saturating_sub(1)).min(text.len());
    let said = error.to_string();
    let message = said
        .rsplit_once(" at line ")
        .map_or(said.as_str(), |(message, _)| message);
    // A byte-order mark is no column.
    Diagnostic::error(message)
        .code(code)
        .within(LineIndex::new(text).span(&file.path, offset..offset))
        .help(help)
}
