use std::sync::LazyLock;

use ::url::Url;
use serde_json::{Value, json};

use super::path::{is_path, lawful, unescaped};
use crate::http::atomic::{Refused, read};
use crate::lifecycle::{Change, Condition};
use crate::realm::RealmUrl;

/// The realm that is written to.
const REALM: &str = "http://h.example/r/";

/// Names that no file at a realm's root may have (the contract's section 2).
const RESERVED: [&str; 12] = [
    "_atomic",
    "_info",
    "_mtimes",
    "_readiness-check",
    "_indexing-errors",
    "_dependencies",
    "_types",
    "_permissions",
    "_search",
    "_reindex",
    "_invalidate",
    "_events",
];

/// A body of `_atomic`. Each operation that is no good is named, and no other; else each becomes the change that it means,
/// of a file of this realm that may be written.
pub fn atomic(data: &[u8]) -> bool {
    static URL: LazyLock<RealmUrl> =
        LazyLock::new(|| RealmUrl::parse(REALM).expect("a realm's URL"));
    let Ok(document) = serde_json::from_slice::<Value>(data) else {
        return false;
    };
    let asked = document
        .get("atomic:operations")
        .and_then(Value::as_array)
        .filter(|asked| asked.len() <= 10_000);
    let changes = match read(&URL, &document) {
        Ok(changes) => changes,
        Err(Refused::List) => {
            assert!(asked.is_none());
            return false;
        }
        Err(Refused::Operations(refused)) => {
            let asked = asked.expect("a list").iter().enumerate();
            let bad = asked.filter(|(_, operation)| meaning(operation).is_none());
            let bad: Vec<_> = bad.map(|(index, _)| index).collect();
            let named: Vec<_> = refused.iter().map(|(index, _)| *index).collect();
            assert!(!bad.is_empty() && bad == named, "{bad:?}, not {refused:?}");
            assert!(refused.iter().all(|(_, detail)| !detail.is_empty()));
            return false;
        }
    };
    let asked = asked.expect("a list");
    assert_eq!(changes.len(), asked.len());
    for (operation, change) in asked.iter().zip(&changes) {
        let Some(path) = meaning(operation) else {
            panic!("{operation} is no operation, and not {change:?}");
        };
        assert_eq!(change.path.as_str(), path);
        lawful(&change.path);
        let href = operation["href"].as_str().expect("a text");
        assert!(
            is_at(href, &URL.join(&change.path)),
            "{href:?} is not {path:?}"
        );
        says(change, operation);
    }
    !changes.is_empty()
}

/// The path of an operation that is good.
fn meaning(operation: &Value) -> Option<String> {
    let href = operation.get("href")?.as_str()?;
    let mut relative = href;
    if href.contains("://") {
        relative = href.strip_prefix(REALM)?;
    } else {
        while let Some(rest) = relative.strip_prefix("./") {
            relative = rest;
        }
    }
    // A file's URL has neither a query nor a fragment.
    if relative.contains(['?', '#']) {
        return None;
    }
    let path = unescaped(relative)?;
    if !is_path(&path) || RESERVED.contains(&path.as_str()) {
        return None;
    }
    let data = operation.get("data");
    let kind = data.and_then(|data| data.get("type")?.as_str());
    let good = match (operation.get("op")?.as_str()?, kind) {
        ("remove", _) | ("add" | "update", Some("card")) => true,
        ("add" | "update", Some("source")) => content(operation).is_some(),
        _ => false,
    };
    good.then_some(path)
}

fn content(operation: &Value) -> Option<&str> {
    operation
        .get("data")?
        .get("attributes")?
        .get("content")?
        .as_str()
}

/// Whether a reference leads to `url`, in the eyes of what reads URLs for a living. It takes a colon for a scheme's, and
/// white space for nothing; a file may have both in its name.
fn is_at(href: &str, url: &str) -> bool {
    let is_plain = !href.contains(|c: char| c.is_ascii_whitespace() || c.is_ascii_control());
    if !is_plain || (href.contains(':') && !href.contains("://")) {
        return true;
    }
    let base = Url::parse(REALM).expect("a URL");
    let meant = base.join(href).expect("a reference");
    let (meant, url) = (meant.as_str(), url);
    unescaped(meant) == unescaped(url)
}

/// Whether a change does what the operation says.
fn says(change: &Change, operation: &Value) {
    let (op, bytes) = (&operation["op"], change.bytes.as_deref());
    let condition = if op == "add" {
        Condition::Absent
    } else {
        Condition::Exists
    };
    assert_eq!(change.condition, condition);
    assert_eq!(bytes.is_none(), op == "remove");
    let Some(bytes) = bytes else { return };
    if operation["data"]["type"] == "card" {
        let document: Value = serde_json::from_slice(bytes).expect("JSON");
        assert_eq!(document, json!({ "data": operation["data"] }));
    } else {
        assert_eq!(Some(bytes), content(operation).map(str::as_bytes));
    }
}
