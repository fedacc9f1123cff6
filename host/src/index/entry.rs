use serde_json::{Value, json};

use super::words;
use crate::plugins::{Diagnostic, Rendition};
use crate::reading::Failure;

/// What is shown of a document, as the database takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) title: Option<String>,
    pub(super) types: Vec<String>,
    pub(super) search_document: String,
    pub(super) words: String,
}

impl Card {
    /// Of a rendition. Its search document is a JSON object, or it was refused as an output.
    pub(super) fn of(rendition: &Rendition) -> Self {
        let document = serde_json::from_str(&rendition.search_document).unwrap_or(Value::Null);
        let document = match clean(document) {
            object @ Value::Object(_) => object,
            _ => json!({}),
        };
        let title = rendition.title.as_deref().map(clean_text);
        let isolated = rendition.renderings.iter();
        let isolated = isolated
            .filter(|one| one.format == "isolated")
            .find_map(|one| std::str::from_utf8(&one.contents).ok());
        Self {
            words: words(title.as_deref(), &document, isolated),
            title,
            types: rendition
                .types
                .iter()
                .map(|name| clean_text(name))
                .collect(),
            search_document: document.to_string(),
        }
    }

    /// Of a document that could never be rendered.
    pub(super) fn empty() -> Self {
        Self {
            title: None,
            types: Vec::new(),
            search_document: "{}".to_owned(),
            words: String::new(),
        }
    }

    /// Of a file that nobody has rendered.
    pub(super) fn of_file(name: &str, media_type: &str, size: u64) -> Self {
        let document = json!({ "name": name, "mediaType": media_type, "size": size });
        Self {
            title: None,
            types: Vec::new(),
            words: words(Some(name), &document, None),
            search_document: document.to_string(),
        }
    }
}

/// What is wrong with a document, as JSON.
pub(super) fn error_of(failure: &Failure) -> String {
    let diagnostics: Vec<&Diagnostic> = failure.diagnostics.iter().collect();
    clean(json!({ "plugin": failure.plugin, "diagnostics": diagnostics })).to_string()
}

/// A Postgres takes no text with a NUL in it.
pub(super) fn clean_text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(clean_text(&text)),
        Value::Array(items) => items.into_iter().map(clean).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (clean_text(&name), clean(value)))
            .collect(),
        other => other,
    }
}
