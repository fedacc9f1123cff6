use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::App;
use super::answer;
use super::error::{JSON_API, Problem};
use super::read::GENERATION;
use super::write::read_json;
use crate::realm::RealmUrl;
use crate::registry::as_json;

/// `/_health`: alive, with versions.
pub(super) async fn health() -> Response {
    let body = json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION"), "plugin-contract": crate::plugins::WIT_VERSION, "wasmtime": "48" });
    answer::json(StatusCode::OK, "application/json", &body)
}

/// `/_ready`: able to serve, or why not.
pub(super) fn ready(app: &App) -> Response {
    let checks = app.0.replicas.checks();
    let ready = checks.iter().all(|check| check.good || !check.required);
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut response = answer::json(
        status,
        "application/json",
        &json!({ "ready": ready, "checks": as_json(&checks) }),
    );
    if !ready {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[derive(Debug, Deserialize)]
struct CreateRealm {
    data: CreateData,
}

#[derive(Debug, Deserialize)]
struct CreateData {
    attributes: CreateAttributes,
}

#[derive(Debug, Deserialize)]
struct CreateAttributes {
    url: String,
    name: Option<String>,
}

/// `POST /_create-realm`.
pub(super) async fn create_realm(
    app: &App,
    request: Request<Incoming>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let headers = &parts.headers;
    app.refuse_foreign(headers, &app.0.origin)?;
    let asked: CreateRealm = read_json(app, body).await?;
    let url = RealmUrl::parse(&asked.data.attributes.url)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-url", error))?;
    let realm = app
        .0
        .lifecycle
        .create(url, asked.data.attributes.name)
        .await?;
    let body = json!({ "data": { "type": "realm", "id": realm.url.as_str(), "attributes": { "url": realm.url.as_str() } } });
    let mut response = answer::json(StatusCode::ACCEPTED, JSON_API, &body);
    response
        .headers_mut()
        .insert(LOCATION, answer::header(realm.url.as_str()));
    response
        .headers_mut()
        .insert(GENERATION, realm.tracker.applied().into());
    Ok(response)
}
