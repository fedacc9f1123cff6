use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::App;
use super::answer;
use super::error::{JSON_API, Problem, entry};
use super::read::GENERATION;
use super::write::{read_json, writable};
use crate::lifecycle::{Change, Condition, WriteSet};
use crate::realm::{LocalPath, RealmUrl};
use crate::registry::Mounted;

/// The most operations of one request.
const MOST: usize = 10_000;

/// POST of `_atomic`: several files in one commit, all or nothing.
pub(super) async fn atomic(
    app: &App,
    realm: &Arc<Mounted>,
    body: Incoming,
) -> Result<Response, Problem> {
    let document: Value = read_json(app, body).await?;
    let changes = read(&realm.url, &document)?;
    let results: Vec<_> = changes
        .iter()
        .map(|change| json!({ "data": { "id": realm.url.join(&change.path) } }))
        .collect();
    let set = WriteSet {
        changes,
        agreed: Vec::new(),
    };
    let written = app.0.lifecycle.write(Arc::clone(realm), set).await?;
    let mut response = answer::json(
        StatusCode::CREATED,
        JSON_API,
        &json!({ "atomic:results": results }),
    );
    response
        .headers_mut()
        .insert(GENERATION, written.generation.into());
    Ok(response)
}

/// Why a body is no list of operations that can be done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It has no list, or one that is too long.
    List,
    /// What is wrong with each operation that is refused, by its place in the list.
    Operations(Vec<(usize, String)>),
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let status = StatusCode::BAD_REQUEST;
        let operations = match refused {
            Refused::List => {
                let detail =
                    format!("the body has no list `atomic:operations` of at most {MOST} entries");
                return Self::new(status, "bad-operations", detail);
            }
            Refused::Operations(operations) => operations,
        };
        let errors = operations.iter().map(|(index, detail)| {
            let pointer = json!({ "pointer": format!("/atomic:operations/{index}") });
            let more = Map::from_iter([("source".to_owned(), pointer)]);
            entry(status, "bad-operation", detail, more)
        });
        Self::many(status, errors.collect())
    }
}

/// The changes that a body asks for: all of them, or what is wrong with each that is refused.
pub(crate) fn read(realm: &RealmUrl, document: &Value) -> Result<Vec<Change>, Refused> {
    let operations = document
        .get("atomic:operations")
        .and_then(Value::as_array)
        .filter(|all| all.len() <= MOST)
        .ok_or(Refused::List)?;
    let (mut changes, mut refused) = (Vec::with_capacity(operations.len()), Vec::new());
    for (index, operation) in operations.iter().enumerate() {
        match change(realm, operation) {
            Ok(change) => changes.push(change),
            Err(detail) => refused.push((index, detail)),
        }
    }
    if refused.is_empty() {
        Ok(changes)
    } else {
        Err(Refused::Operations(refused))
    }
}

fn change(realm: &RealmUrl, operation: &Value) -> Result<Change, String> {
    let text = |name: &str| {
        operation
            .get(name)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("it has no `{name}`"))
    };
    let path = path(realm, text("href")?)?;
    let condition = match text("op")? {
        "add" => Condition::Absent,
        "update" => Condition::Exists,
        "remove" => {
            return Ok(Change {
                path,
                bytes: None,
                condition: Condition::Exists,
            });
        }
        other => {
            return Err(format!(
                "`op` is `{other}`; it may be `add`, `update` or `remove`"
            ));
        }
    };
    let data = operation.get("data").ok_or("it has no `data`")?;
    let bytes = match data.get("type").and_then(Value::as_str) {
        Some("source") => {
            let content = data.pointer("/attributes/content").and_then(Value::as_str);
            Bytes::from(
                content
                    .ok_or("its `data.attributes.content` is not a text")?
                    .to_owned(),
            )
        }
        Some("card") => Bytes::from(format!("{:#}\n", json!({ "data": data }))),
        _ => return Err("its `data.type` is neither `source` nor `card`".to_owned()),
    };
    Ok(Change {
        path,
        bytes: Some(bytes),
        condition,
    })
}

/// The file that a relative or absolute `href` means.
fn path(realm: &RealmUrl, href: &str) -> Result<LocalPath, String> {
    let relative = if href.contains("://") {
        href.strip_prefix(realm.as_str())
    } else {
        Some(href.trim_start_matches("./"))
    };
    // What the URL of a file may have after it, and its name only in other letters.
    if relative.is_some_and(|relative| relative.contains(['?', '#'])) {
        return Err(format!(
            "its `href` `{href}` has a query or a fragment; write a `?` of a name as `%3F`, a `#` as `%23`"
        ));
    }
    let local = relative.and_then(|relative| writable(relative).ok());
    local.ok_or_else(|| format!("its `href` `{href}` is not a file of this realm"))
}
