use axum::response::Response;
use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, json};
use std::collections::BTreeMap;

use super::answer;
use super::error::{JSON_API, Problem};
use super::read::{Ask, GENERATION};
use super::write::read_json;
use crate::lifecycle::{Grant, LifecycleError};
use crate::realm::Rights;

#[derive(Debug, Deserialize)]
struct Document {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
struct Attributes {
    /// By user; none, or an empty list: all are taken.
    permissions: BTreeMap<String, Option<Vec<String>>>,
}

/// GET and PATCH of `_permissions`: what users may do, by name. A PATCH says it anew for those that it names.
pub(super) async fn permissions(
    ask: &Ask<'_>,
    method: &Method,
    body: Incoming,
) -> Result<Response, Problem> {
    let app = ask.app;
    let (generation, users) = if *method == Method::PATCH {
        let asked: Document = read_json(app, body).await?;
        let grants = asked.data.attributes.permissions.into_iter();
        let grants: Result<Vec<_>, LifecycleError> = grants
            .map(|(user, names)| {
                let rights = Rights::of(names.iter().flatten().map(String::as_str))?;
                Ok(Grant { user, rights })
            })
            .collect();
        let actor = ask.visitor.actor();
        let lifecycle = &app.0.lifecycle;
        lifecycle
            .share(ask.realm.url.clone(), grants?, actor)
            .await?
    } else {
        ask.reached().await?;
        app.0.reader.permissions(ask.realm).await?
    };
    let users: Map<_, _> = users
        .into_iter()
        .map(|(user, rights)| (user, json!(rights.names())))
        .collect();
    let data = json!({ "data": {
        "type": "permissions", "id": ask.realm.url.as_str(), "attributes": { "permissions": users },
    } });
    let mut response = answer::json(StatusCode::OK, JSON_API, &data);
    let headers = response.headers_mut();
    headers.insert(GENERATION, generation.into());
    Ok(response)
}
