use axum::response::Response;
use hyper::StatusCode;
use serde_json::{Map, json};

use super::answer::json;
use super::error::{JSON_API, Problem};
use super::read::{Ask, GENERATION};
use crate::database::RealmKind;
use crate::reading::Asked;
use crate::realm::{LocalPath, SETTINGS_FILE};

/// `_info`: what a realm is called, and who may see it.
pub(super) async fn info(ask: &Ask<'_>) -> Result<Response, Problem> {
    ask.fresh(Asked::now()).await?;
    let realm = ask.realm;
    let read = ask
        .app
        .0
        .reader
        .source(realm, &LocalPath::new(SETTINGS_FILE)?)
        .await?;
    let by_url = || realm.url.path().trim_matches('/').rsplit('/').next();
    let name = read.value.settings.name.as_deref().or_else(by_url);
    let visibility = if realm.public { "public" } else { "private" };
    let data = json!({ "data": { "type": "realm-info", "id": realm.url.as_str(), "attributes": {
        "name": name, "kind": realm.kind.as_str(), "visibility": visibility,
        "publishable": realm.kind == RealmKind::Source, "lastPublishedAt": null,
    } } });
    let mut response = json(StatusCode::OK, JSON_API, &data);
    let headers = response.headers_mut();
    headers.insert(GENERATION, read.generation.into());
    Ok(response)
}

/// `_mtimes`: when each file last changed, in seconds since 1970, by its URL. An error is an error, never an empty list:
/// whoever reads it would take every file for deleted.
pub(super) async fn mtimes(ask: &Ask<'_>) -> Result<Response, Problem> {
    ask.fresh(Asked::now()).await?;
    let looked = ask.app.0.reader.list(ask.realm, "").await?;
    let times: Map<_, _> = looked
        .files
        .iter()
        .map(|file| {
            (
                ask.realm.url.join(&file.path),
                json!(file.modified_at / 1000),
            )
        })
        .collect();
    let data = json!({ "data": { "type": "mtimes", "id": ask.realm.url.as_str(), "attributes": { "mtimes": times } } });
    let mut response = json(StatusCode::OK, JSON_API, &data);
    let headers = response.headers_mut();
    headers.insert(GENERATION, looked.generation.into());
    Ok(response)
}
