use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};
use serde_json::json;

use super::App;
use super::answer;
use crate::registry::as_json;

/// `/_health`: alive, with versions.
pub(super) async fn health() -> Response {
    let body = json!({ "status": "alive", "version": env!("CARGO_PKG_VERSION"), "plugin-contract": crate::plugins::Contract::spoken(), "wasmtime": "48" });
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
