use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderName};
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::answer::{About, Body};
use super::error::{JSON_API, Problem};
use super::read::{Ask, generation, http_date};
use super::write::read_body;
use crate::database::Hit;
use crate::reading::Origin;
use crate::realm::query::{Query, Scope};
use crate::realm::{BlobHash, DEFAULT_EXTENSIONS, LocalPath, RealmUrl, SETTINGS_FILE};

/// By which clients that have no method QUERY ask with a POST.
const OVERRIDE: HeaderName = HeaderName::from_static("x-http-method-override");

/// Whether a request is a question with a body.
pub(super) fn is_asked(method: &Method, headers: &HeaderMap) -> bool {
    let means_query = |value: &[u8]| value.eq_ignore_ascii_case(b"QUERY");
    let overridden = || {
        let value = headers.get(OVERRIDE);
        value.is_some_and(|value| means_query(value.as_bytes().trim_ascii()))
    };
    method.as_str() == "QUERY" || *method == Method::POST && overridden()
}

/// What one is told who asks in any other way.
pub(super) fn wrong_method() -> Problem {
    let detail = "a search takes QUERY, or POST with `X-HTTP-Method-Override: QUERY`";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        .with_header(ALLOW.as_str(), "QUERY, POST")
}

/// QUERY of `_search`: the entries of the realm's index that fit, a page of them.
pub(super) async fn search(ask: &Ask<'_>, body: Incoming) -> Result<Response, Problem> {
    is_json(ask.headers)?;
    let limits = &ask.app.0.search;
    let body = read_body(ask.app, body, limits.body_bytes, "search-body-bytes").await?;
    let document: Value = serde_json::from_slice(&body).map_err(|error| {
        let detail = format!("the body is no JSON: {error}");
        Problem::new(StatusCode::BAD_REQUEST, "bad-json", detail)
    })?;
    let (reader, realm) = (&ask.app.0.reader, ask.realm);
    let settings = reader
        .source(realm, &LocalPath::new(SETTINGS_FILE)?)
        .await?;
    let settings = &settings.value.settings;
    // The module may lie in a realm with others.
    let mut extensions = settings.extensions.clone();
    let default = DEFAULT_EXTENSIONS.map(str::to_owned);
    extensions.extend(
        default
            .into_iter()
            .filter(|one| !settings.extensions.contains(one)),
    );
    let scope = Scope {
        realm: &realm.url,
        extensions: &extensions,
        limits: limits.query,
    };
    let query = Query::parse(&document, &scope)?;
    if let Some(wanted) = generation(ask.headers)? {
        reader.wait_for_index(realm, wanted).await?;
    }
    let hits = reader.search(realm, &query, limits.answer_bytes).await?;
    let hits = hits.ok_or_else(|| too_large(limits.answer_bytes))?;
    let entries: Vec<_> = hits
        .entries
        .iter()
        .map(|hit| entry(&realm.url, hit))
        .collect();
    let answer = json!({ "data": entries, "meta": { "page": { "total": hits.total } } });
    let answer = answer.to_string();
    let about = About {
        realm,
        public: ask.seen.access.public,
        settings: Some(settings),
        generation: hits.state.reached(),
        origin: Origin::Unstored,
        served: ask.seen.served,
    };
    let body = Body {
        tag: &BlobHash::of(answer.as_bytes()).short(),
        media_type: JSON_API,
        bytes: answer.into(),
        modified_at: None,
        prepared: None,
    };
    about.bytes(ask, body).await
}

/// A query is JSON, of whatever kind, unless its sender says that it is something else.
fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(kind) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let kind = kind.to_str().unwrap_or_default().split(';').next();
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind.starts_with("application/") && kind.ends_with("+json") {
        return Ok(());
    }
    let detail = "a query is JSON; send it as `application/json`";
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Problem::new(status, "media-type", detail))
}

fn too_large(most: usize) -> Problem {
    let detail = format!(
        "page.size: the page has more than {most} bytes (`search-answer-bytes`); ask for a smaller one"
    );
    Problem::new(StatusCode::BAD_REQUEST, "page-too-large", detail)
}

fn entry(realm: &RealmUrl, hit: &Hit) -> Value {
    json!({
        "type": hit.kind, "id": realm.join(&hit.path), "attributes": hit.search_document,
        "meta": { "title": hit.title, "types": hit.types, "lastModified": http_date(hit.modified_at) },
    })
}
