use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;

use super::error::respond;
use super::{App, answer, plugins, server};
use crate::telemetry::Metrics;

/// The routes; all but a test's gates are for operators.
pub(super) fn routes(app: &App, metrics: Metrics) -> Router<App> {
    let router = Router::new()
        .route("/_health", get(server::health))
        .route(
            "/_ready",
            get(|State(app): State<App>| async move { server::ready(&app) }),
        )
        .route("/_calls", get(calls))
        .route("/_plugins", get(plugins::list).put(plugins::pick))
        .route(
            "/_plugins/{plugin}",
            get(plugins::inspect)
                .put(plugins::install)
                .patch(plugins::change)
                .delete(plugins::remove),
        )
        .route("/_replicas", get(replicas))
        .route(
            "/_metrics",
            get(move |State(app): State<App>| async move { render(&app, &metrics) }),
        )
        .layer(middleware::from_fn_with_state(app.clone(), for_operators));
    #[cfg(feature = "under-test")]
    let router = router
        .route(
            "/_gates/{point}",
            get(gates::waiting).put(gates::close).delete(gates::open),
        )
        .route(
            "/_definitions",
            get(definitions::look).delete(definitions::clear),
        )
        .route("/_rendered", get(rendered::rendered))
        .route("/_made", get(made::made));
    router
}

async fn for_operators(State(app): State<App>, request: Request, next: Next) -> Response {
    match app.0.auth.operator(request.headers()) {
        Ok(_) => next.run(request).await,
        Err(error) => respond(&error.into()),
    }
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

/// The replicas of the cluster, as each has last said of itself; `complete` is false where the database could not be asked.
async fn replicas(State(app): State<App>) -> Response {
    let (all, error) = app.0.replicas.list().await;
    let body = json!({ "data": all, "complete": error.is_none(), "detail": error.map(|error| error.to_string()) });
    answer::json(StatusCode::OK, "application/json", &body)
}

fn render(app: &App, metrics: &Metrics) -> Response {
    let sizes = app.0.reader.cache_sizes().into_iter();
    for (cache, (bytes, entries)) in sizes.chain([("coded", app.0.codings.size())]) {
        metrics::gauge!("realm_cache_bytes", "cache" => cache).set(bytes as f64);
        metrics::gauge!("realm_cache_entries", "cache" => cache).set(entries as f64);
    }
    for check in app.0.replicas.checks() {
        metrics::gauge!("realm_check_good", "check" => check.name)
            .set(f64::from(u8::from(check.good)));
        metrics::gauge!("realm_check_age_seconds", "check" => check.name)
            .set(check.age.as_secs_f64());
        if check.name == "listener" {
            for state in ["live", "lost", "resync"] {
                let is_it = f64::from(u8::from(state == check.state));
                metrics::gauge!("realm_listener_state", "state" => state).set(is_it);
            }
        }
    }
    let plugins = app.0.reader.plugins();
    for plugin in plugins.all() {
        let (running, waiting) = plugin.admission.load();
        metrics::gauge!("realm_plugin_running", "plugin" => plugin.label()).set(running as f64);
        metrics::gauge!("realm_plugin_waiting", "plugin" => plugin.label()).set(waiting as f64);
        let open = plugin.breaker.open(std::time::Instant::now()).len();
        metrics::gauge!("realm_plugin_breakers_open", "plugin" => plugin.label()).set(open as f64);
    }
    let in_flight = app.0.definitions.in_flight();
    metrics::gauge!("realm_definitions_in_flight").set(in_flight as f64);
    let announcing = app.0.reader.hub().announcer.state();
    metrics::gauge!("realm_announcements_waiting").set(announcing.waiting as f64);
    metrics::gauge!("realm_realms_mounted").set(app.0.registry.mounted() as f64);
    let open = app.0.limits.event_streams - app.0.streams.available_permits();
    metrics::gauge!("realm_event_streams").set(open as f64);
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

/// The definition cache as the host's own parts see it. Only for tests: what others see of it is made of it.
#[cfg(feature = "under-test")]
mod definitions {
    use std::sync::Arc;

    use axum::extract::{RawQuery, State};
    use axum::response::Response;
    use hyper::StatusCode;
    use serde_json::{Value, json};

    use super::super::{App, answer};
    use super::respond;
    use crate::definitions::ModuleDefinitions;
    use crate::http::error::Problem;
    use crate::reading::Asked;
    use crate::realm::RealmUrl;

    fn pairs(query: Option<&str>) -> Vec<(String, String)> {
        let query = query.unwrap_or_default().as_bytes();
        url::form_urlencoded::parse(query).into_owned().collect()
    }

    fn shown(found: &ModuleDefinitions) -> Value {
        let outcome = match &found.outcome {
            Ok(all) => json!({ "definitions": all }),
            Err(failure) => json!({ "failed": failure.diagnostics }),
        };
        json!({ "url": found.url, "tag": found.tag, "outcome": outcome })
    }

    /// `?url=`: found or made. With `&cached`: what is stored of each `url`.
    pub(super) async fn look(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
        let pairs = pairs(query.as_deref());
        let named = pairs.iter().filter(|(name, _)| name == "url");
        let urls: Vec<&str> = named.map(|(_, url)| url.as_str()).collect();
        let definitions = &app.0.definitions;
        let found: Result<Vec<(&str, Arc<ModuleDefinitions>)>, _> =
            if pairs.iter().any(|(name, _)| name == "cached") {
                let found = definitions.cached_definitions_batch(&urls).await;
                found.map(|found| found.into_iter().collect())
            } else {
                let url = urls.first().copied().unwrap_or_default();
                let made = definitions.definitions(url, Asked::now()).await;
                made.map(|made| made.map(|made| (url, made)).into_iter().collect())
            };
        match found {
            Ok(found) => {
                let data: serde_json::Map<_, _> = found
                    .iter()
                    .map(|(url, found)| ((*url).to_owned(), shown(found)))
                    .collect();
                answer::json(StatusCode::OK, "application/json", &Value::Object(data))
            }
            Err(error) => respond(&Problem::from(error)),
        }
    }

    /// `?realm=`: those of a realm; else all.
    pub(super) async fn clear(State(app): State<App>, RawQuery(query): RawQuery) -> Response {
        let pairs = pairs(query.as_deref());
        let realm = pairs.iter().find(|(name, _)| name == "realm");
        let definitions = &app.0.definitions;
        let cleared = match realm {
            Some((_, url)) => {
                let realm = RealmUrl::parse(url)
                    .ok()
                    .and_then(|url| app.0.registry.get(&url));
                definitions
                    .clear_realm_definitions(&realm.expect("a realm"))
                    .await
            }
            None => definitions.clear_all_definitions().await,
        };
        match cleared {
            Ok(()) => answer::empty(StatusCode::NO_CONTENT),
            Err(error) => respond(&Problem::from(crate::reading::ReadError::from(error))),
        }
    }
}

/// A document as its prerenderer makes it now, past the index.
#[cfg(feature = "under-test")]
mod rendered {
    use axum::extract::{RawQuery, State};
    use axum::response::Response;
    use hyper::StatusCode;
    use serde_json::json;

    use super::{App, answer};
    use crate::reading::{Asked, DocumentOutcome};
    use crate::realm::LocalPath;

    /// The query is the document's URL.
    pub(super) async fn rendered(State(app): State<App>, RawQuery(url): RawQuery) -> Response {
        let url = url.unwrap_or_default();
        let found = app.0.registry.find(&url);
        let found = found.and_then(|(realm, path)| Some((realm, LocalPath::decode(path).ok()?)));
        let Some((realm, path)) = found else {
            return answer::empty(StatusCode::NOT_FOUND);
        };
        match app.0.reader.render(&realm, &path, Asked::now()).await {
            Ok(rendered) => {
                let urls: Vec<_> = rendered.reads.iter().map(|read| &read.url).collect();
                let outcome = match &rendered.outcome {
                    DocumentOutcome::Rendition(rendition) => {
                        let renderings = rendition.renderings.iter().map(|one| {
                            let contents = String::from_utf8_lossy(&one.contents);
                            json!([one.format, one.as_type, contents])
                        });
                        json!({
                            "renderings": renderings.collect::<Vec<_>>(), "title": rendition.title, "types": rendition.types,
                            "searchDocument": rendition.search_document, "diagnostics": rendition.diagnostics,
                        })
                    }
                    DocumentOutcome::Failed(failure) => json!({ "failed": failure.diagnostics }),
                    DocumentOutcome::Plain | DocumentOutcome::Definitions(_) => json!("plain"),
                };
                let data = json!({
                    "exists": rendered.file.is_some(), "outcome": outcome, "tag": rendered.tag, "called": rendered.called,
                    "reads": urls,
                });
                answer::json(StatusCode::OK, "application/json", &data)
            }
            Err(error) => {
                let data = json!({ "error": error.to_string() });
                answer::json(StatusCode::SERVICE_UNAVAILABLE, "application/json", &data)
            }
        }
    }
}

/// What a file's pipeline makes of it now, with what its plugins say.
#[cfg(feature = "under-test")]
mod made {
    use axum::extract::{RawQuery, State};
    use axum::response::Response;
    use hyper::StatusCode;
    use serde_json::json;

    use super::{App, answer};
    use crate::reading::{Asked, Made};
    use crate::realm::LocalPath;

    /// The query is the file's URL.
    pub(super) async fn made(State(app): State<App>, RawQuery(url): RawQuery) -> Response {
        let url = url.unwrap_or_default();
        let found = app.0.registry.find(&url);
        let found = found.and_then(|(realm, path)| Some((realm, LocalPath::decode(path).ok()?)));
        let Some((realm, path)) = found else {
            return answer::empty(StatusCode::NOT_FOUND);
        };
        let (status, data) = match app.0.reader.module(&realm, &path, Asked::now()).await {
            Ok(read) => {
                let data = match &*read.value.made {
                    Made::Output(output) => json!({
                        "contents": String::from_utf8_lossy(&output.contents), "mediaType": output.media_type,
                        "imports": output.imports, "diagnostics": output.diagnostics,
                    }),
                    Made::Failed(failure) => json!({ "diagnostics": failure.diagnostics }),
                    Made::AsIs => json!({}),
                };
                (StatusCode::OK, data)
            }
            Err(error) => {
                let data = json!({ "error": error.to_string() });
                (StatusCode::SERVICE_UNAVAILABLE, data)
            }
        };
        answer::json(status, "application/json", &data)
    }
}
