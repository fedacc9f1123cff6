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
use crate::realm::LocalPath;
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
    let Some(operations) = document
        .get("atomic:operations")
        .and_then(Value::as_array)
        .filter(|all| all.len() <= MOST)
    else {
        let detail = format!("the body has no list `atomic:operations` of at most {MOST} entries");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-operations",
            detail,
        ));
    };
    let (mut changes, mut errors) = (Vec::with_capacity(operations.len()), Vec::new());
    for (index, operation) in operations.iter().enumerate() {
        match change(realm, operation) {
            Ok(change) => changes.push(change),
            Err(detail) => {
                let pointer = Map::from_iter([(
                    "source".to_owned(),
                    json!({ "pointer": format!("/atomic:operations/{index}") }),
                )]);
                errors.push(entry(
                    StatusCode::BAD_REQUEST,
                    "bad-operation",
                    &detail,
                    pointer,
                ));
            }
        }
    }
    if !errors.is_empty() {
        return Err(Problem::many(StatusCode::BAD_REQUEST, errors));
    }
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

fn change(realm: &Mounted, operation: &Value) -> Result<Change, String> {
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
fn path(realm: &Mounted, href: &str) -> Result<LocalPath, String> {
    let relative = if href.contains("://") {
        href.strip_prefix(realm.url.as_str())
    } else {
        Some(href.trim_start_matches("./"))
    };
    let local = relative.and_then(|relative| writable(relative).ok());
    local.ok_or_else(|| format!("its `href` `{href}` is not a file of this realm"))
}
