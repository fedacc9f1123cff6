use std::time::{Duration, Instant};

use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use url::form_urlencoded;

use super::answer;
use super::error::Problem;
use super::read::{Ask, GENERATION, generation};
use crate::database::{IndexPhase, IndexState};
use crate::reading::Served;
use crate::realm::Generation;

/// Which gate a realm that is not ready has not passed; the name and the values are the reference system's.
const NOT_READY: HeaderName = HeaderName::from_static("x-boxel-not-ready");
/// How long the gates are waited for in all: below what the proxies on the way wait for an answer. Who wants to wait longer
/// asks again.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the index is asked how far it is, at first and at most, when nothing is heard of it.
const PAUSES: [Duration; 2] = [Duration::from_millis(25), Duration::from_millis(250)];

/// `_readiness-check`: whether this replica serves all that the realm has, the realm's own newest commit included, and the
/// index has all of that. With `?awaitPrerenderHtml=true` it says which of them is missing: the index or the pages.
pub(super) async fn check(ask: &Ask<'_>) -> Result<Response, Problem> {
    generation(ask.headers)?;
    let until = Instant::now() + PATIENCE;
    let missing = match tokio::time::timeout(PATIENCE, startup(ask)).await {
        Ok(Some(generation)) => match indexed(ask, until).await {
            None => Ok(generation),
            Some(gate) => Err(gate),
        },
        _ => Err("startup"),
    };
    let mut response = match missing {
        Ok(generation) => {
            let mut response = answer::empty(StatusCode::OK);
            response.headers_mut().insert(GENERATION, generation.into());
            response
        }
        Err(gate) => {
            let mut response = answer::empty(StatusCode::SERVICE_UNAVAILABLE);
            let headers = response.headers_mut();
            headers.insert(NOT_READY, HeaderValue::from_static(gate));
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

/// The gates `index` and `prerender-html`: the first that is not passed by the end of the wait. The database tells, so
/// every replica says the same.
async fn indexed(ask: &Ask<'_>, until: Instant) -> Option<&'static str> {
    let reader = &ask.app.0.reader;
    let mut pairs = form_urlencoded::parse(ask.query.as_bytes());
    let awaits_pages = pairs.any(|pair| pair.0 == "awaitPrerenderHtml" && pair.1 == "true");
    let [mut pause, longest] = PAUSES;
    loop {
        let gate = match reader.index_state(ask.realm).await {
            Ok(state) => gate(&state, awaits_pages)?,
            Err(_) => "startup",
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Some(gate);
        }
        reader.index_news(&ask.realm.url, pause.min(left)).await;
        pause = (pause * 2).min(longest);
    }
}

fn gate(state: &IndexState, awaits_pages: bool) -> Option<&'static str> {
    match state.phase() {
        IndexPhase::Done => None,
        _ if mutant!("ready-before-the-index") => None,
        IndexPhase::Render if awaits_pages => Some("prerender-html"),
        _ => Some("index"),
    }
}
