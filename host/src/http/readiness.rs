use std::time::Duration;

use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};

use super::answer;
use super::error::Problem;
use super::read::{Ask, GENERATION, generation};
use crate::reading::Served;
use crate::realm::Generation;

/// Which gate a realm that is not ready has not passed; the name and the values are the reference system's.
const NOT_READY: HeaderName = HeaderName::from_static("x-boxel-not-ready");
/// How long the gates are waited for in all.
const PATIENCE: Duration = Duration::from_secs(10);

/// `_readiness-check`: whether this replica serves all that the realm has, the realm's own newest commit included.
pub(super) async fn check(ask: &Ask<'_>) -> Result<Response, Problem> {
    generation(ask.headers)?;
    let passed = tokio::time::timeout(PATIENCE, startup(ask)).await;
    let mut response = match passed {
        Ok(Some(generation)) => {
            let mut response = answer::empty(StatusCode::OK);
            response.headers_mut().insert(GENERATION, generation.into());
            response
        }
        _ => {
            let mut response = answer::empty(StatusCode::SERVICE_UNAVAILABLE);
            let headers = response.headers_mut();
            headers.insert(NOT_READY, HeaderValue::from_static("startup"));
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The gate `startup`: the generation that this replica has applied, which is all that the database had when it was asked;
/// none while that cannot be known.
async fn startup(ask: &Ask<'_>) -> Option<Generation> {
    ask.reached().await.ok()?;
    if ask.seen.served != Served::Fresh {
        return None;
    }
    let tracker = &ask.realm.tracker;
    ask.app.0.reader.hub().catch_up(tracker).await.ok()?;
    Some(tracker.applied())
}
