use axum::response::Response;
use hyper::StatusCode;
use serde_json::{Map, json};

use super::answer::json;
use super::error::{JSON_API, Problem};
use super::read::{Ask, GENERATION};
use crate::database::RealmKind;
use crate::realm::{LocalPath, SETTINGS_FILE};

/// `_info`: what a realm is called, and who may see it.
pub(super) async fn info(ask: &Ask<'_>) -> Result<Response, Problem> {
    ask.reached().await?;
    let realm = ask.realm;
    let read = ask
        .app
        .0
        .reader
        .source(realm, &LocalPath::new(SETTINGS_FILE)?)
        .await?;
    let by_url = || realm.url.path().trim_matches('/').rsplit('/').next();
    let name = read.value.settings.name.as_deref().or_else(by_url);
    let reader = &ask.app.0.reader;
    // What is published changes with the realms that it is published at, so it is asked for each time.
    let published = match realm.kind {
        RealmKind::Published => {
            let publication = reader.publication(realm).await?;
            publication.map(|of| json!(of.published_at.to_string()))
        }
        RealmKind::Source | RealmKind::Bootstrap => {
            let all = reader.publications(realm).await?;
            let each = all
                .iter()
                .map(|of| (of.url.clone(), json!(of.published_at.to_string())));
            let each: Map<_, _> = each.collect();
            (!each.is_empty()).then_some(json!(each))
        }
    };
    let (_, users) = reader.permissions(realm).await?;
    let visibility = match users.len() {
        _ if ask.seen.access.public => "public",
        0 | 1 => "private",
        _ => "shared",
    };
    let attributes = json!({
        "name": name, "kind": realm.kind.as_str(), "visibility": visibility,
        "publishable": realm.kind != RealmKind::Published, "lastPublishedAt": published,
    });
    let data = json!({ "data": { "type": "realm-info", "id": realm.url.as_str(), "attributes": attributes } });
    let mut response = json(StatusCode::OK, JSON_API, &data);
    let headers = response.headers_mut();
    headers.insert(GENERATION, read.generation.into());
    Ok(response)
}

/// `_mtimes`: when each file last changed, in seconds since 1970, by its URL. An error is an error, never an empty list:
/// whoever reads it would take every file for deleted.
pub(super) async fn mtimes(ask: &Ask<'_>) -> Result<Response, Problem> {
    ask.reached().await?;
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
