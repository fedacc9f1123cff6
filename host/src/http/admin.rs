use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::{App, answer, server};
use crate::telemetry::Metrics;

pub(super) fn routes(metrics: Metrics) -> Router<App> {
    let router = Router::new()
        .route("/_health", get(server::health))
        .route(
            "/_ready",
            get(|State(app): State<App>| async move { server::ready(&app) }),
        )
        .route("/_calls", get(calls))
        .route("/_plugins", get(plugins))
        .route(
            "/_metrics",
            get(move |State(app): State<App>| async move { render(&app, &metrics) }),
        );
    #[cfg(feature = "under-test")]
    let router = router.route(
        "/_gates/{point}",
        get(gates::waiting).put(gates::close).delete(gates::open),
    );
    router
}

/// Calls in flight.
async fn calls(State(app): State<App>) -> Response {
    let calls = app.0.reader.calls().list();
    let data: Vec<_> = calls
        .iter()
        .map(|call| {
            json!({
                "id": call.id, "plugin": call.plugin, "realm": call.realm.1, "path": call.path.as_str(),
                "age_ms": u64::try_from(call.since.elapsed().as_millis()).unwrap_or(u64::MAX), "state": call.state().as_str(),
                "reads": call.reads().iter().filter(|read| read.found.is_some()).count(),
            })
        })
        .collect();
    answer::json(StatusCode::OK, "application/json", &json!({ "data": data }))
}

/// Installed plugins.
async fn plugins(State(app): State<App>) -> Response {
    let plugins = app.0.reader.plugins().all();
    let data: Vec<_> = plugins
        .iter()
        .map(|plugin| {
            let takes: Vec<_> = plugin.rules.iter().map(|rule| json!({ "takes": rule.takes, "gives": rule.gives, "mediaType": rule.media_type })).collect();
            let (running, waiting) = plugin.admission.load();
            json!({
                "name": plugin.name, "version": plugin.version, "digest": plugin.digest, "summary": plugin.summary,
                "transpiles": takes, "running": running, "waiting": waiting,
            })
        })
        .collect();
    answer::json(StatusCode::OK, "application/json", &json!({ "data": data }))
}

fn render(app: &App, metrics: &Metrics) -> Response {
    let sizes = app.0.reader.cache_sizes().into_iter();
    for (cache, (bytes, entries)) in sizes.chain([("coded", app.0.codings.size())]) {
        metrics::gauge!("realm_cache_bytes", "cache" => cache).set(bytes as f64);
        metrics::gauge!("realm_cache_entries", "cache" => cache).set(entries as f64);
    }
    let mut response = Response::new(metrics().into());
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

#[cfg(feature = "under-test")]
mod gates {
    use axum::extract::{Path, RawQuery};
    use axum::response::Response;
    use hyper::StatusCode;
    use serde_json::json;

    use super::answer;

    pub(super) async fn close(Path(point): Path<String>, RawQuery(about): RawQuery) -> Response {
        crate::gates::close(&point, about.as_deref().unwrap_or_default());
        answer::empty(StatusCode::NO_CONTENT)
    }

    pub(super) async fn open(Path(point): Path<String>) -> Response {
        crate::gates::open(&point);
        answer::empty(StatusCode::NO_CONTENT)
    }

    pub(super) async fn waiting(Path(point): Path<String>) -> Response {
        answer::json(
            StatusCode::OK,
            "application/json",
            &json!({ "waiting": crate::gates::waiting(&point) }),
        )
    }
}
