//! Plugins, for operators.

use axum::extract::{Path, RawQuery, Request, State};
use axum::response::Response;
use hyper::StatusCode;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::error::{Problem, respond};
use super::write::read_body;
use super::{App, answer};
use crate::catalog::{CatalogError, Entry, Package, TrustError};
use crate::plugins::InstallError;

/// All plugins, with those that are picked.
pub(super) async fn list(State(app): State<App>) -> Response {
    let data: Vec<_> = app.0.catalog.list().iter().map(Entry::to_json).collect();
    ok(&json!({ "data": data, "meta": { "picks": app.0.catalog.picks() } }))
}

/// One of them.
pub(super) async fn inspect(State(app): State<App>, Path(plugin): Path<String>) -> Response {
    answered(app.0.catalog.find(&plugin))
}

/// Installs the body, whose digest the URL names. `?source=` says where it came from, `signature=` is the text of its
/// `.minisig` file, and `pinned=true` says that somebody has asked for this digest.
pub(super) async fn install(
    State(app): State<App>,
    Path(digest): Path<String>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let most = app.0.max_component_bytes;
    let body = read_body(&app, request.into_body(), most, "plugin-component-bytes").await;
    let body = match body {
        Ok(body) => body,
        Err(problem) => return respond(&problem),
    };
    let query = query.unwrap_or_default();
    let given = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        let found = pairs.find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.into_owned())
    };
    let package = Package {
        source: given("source").unwrap_or_else(|| digest.clone()),
        component: body.to_vec(),
        pinned: given("pinned").is_some_and(|pinned| pinned == "true"),
        signature: given("signature"),
        pin: Some(digest),
    };
    // Whoever leaves midway has asked for it all the same.
    let catalog = app.0.catalog.clone();
    let installed = tokio::spawn(async move { catalog.install(package).await }).await;
    match installed {
        Ok(installed) => answered(installed),
        Err(error) => respond(&Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "broken",
            error,
        )),
    }
}

/// `{"data":{"attributes":{"enabled"}}}`, or `{"data":{"attributes":{"limits":{…}}}}`: `null` has a limit be the host's again.
pub(super) async fn change(
    State(app): State<App>,
    Path(plugin): Path<String>,
    body: Bytes,
) -> Response {
    let attributes = match attributes(&body) {
        Ok(attributes) => attributes,
        Err(problem) => return respond(&problem),
    };
    let catalog = &app.0.catalog;
    let mut named = attributes.iter();
    match (named.next(), named.next()) {
        (Some((name, Value::Bool(true))), None) if name == "enabled" => {
            answered(catalog.enable(&plugin).await)
        }
        (Some((name, Value::Bool(false))), None) if name == "enabled" => {
            answered(catalog.disable(&plugin).await)
        }
        (Some((name, Value::Object(limits))), None) if name == "limits" => match bounds(limits) {
            Ok(bounds) => answered(catalog.limit(&plugin, &bounds).await),
            Err(problem) => respond(&problem),
        },
        _ => respond(&malformed(
            "the attribute is `enabled`: true or false; or `limits`: an object, as in {\"memory\":\"64MiB\",\"reads\":null}",
        )),
    }
}

/// Limits by name; none: the host's.
fn bounds(limits: &Map<String, Value>) -> Result<Vec<(String, Option<String>)>, Problem> {
    let bound = |(key, value): (&String, &Value)| {
        let value = match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                let detail = format!("`{key}` is a text, a number, or null: the host's");
                return Err(malformed(&detail));
            }
        };
        Ok((key.clone(), value))
    };
    limits.iter().map(bound).collect()
}

/// Removes one.
pub(super) async fn remove(State(app): State<App>, Path(plugin): Path<String>) -> Response {
    match app.0.catalog.remove(&plugin).await {
        Ok(_) => answer::empty(StatusCode::NO_CONTENT),
        Err(error) => respond(&error.into()),
    }
}

/// Picks who is asked first: `{"data":{"attributes":{"extension","plugin"}}}`, no plugin: whoever came first.
pub(super) async fn pick(State(app): State<App>, body: Bytes) -> Response {
    let picked = attributes(&body).and_then(|attributes| {
        let text = |name: &str| {
            attributes
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let extension = text("extension");
        let extension = extension.ok_or_else(|| malformed("the attribute `extension` is missing"));
        Ok((extension?, text("plugin")))
    });
    let picked = match picked {
        Ok((extension, plugin)) => app.0.catalog.pick(&extension, plugin.as_deref()).await,
        Err(problem) => return respond(&problem),
    };
    match picked {
        Ok(picks) => ok(&json!({ "meta": { "picks": picks } })),
        Err(error) => respond(&error.into()),
    }
}

fn attributes(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let document: Value =
        serde_json::from_slice(body).map_err(|error| malformed(&error.to_string()))?;
    let attributes = document
        .pointer("/data/attributes")
        .and_then(Value::as_object);
    let none = || malformed("it has no `data.attributes`");
    attributes.cloned().ok_or_else(none)
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed", detail)
}

fn answered(found: Result<Entry, CatalogError>) -> Response {
    match found {
        Ok(entry) => ok(&json!({ "data": entry.to_json() })),
        Err(error) => respond(&error.into()),
    }
}

fn ok(body: &Value) -> Response {
    answer::json(StatusCode::OK, "application/json", body)
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        let (status, code) = match &error {
            CatalogError::Digest { .. } => (StatusCode::BAD_REQUEST, "digest"),
            CatalogError::Size { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            CatalogError::Trust(error) => (StatusCode::UNPROCESSABLE_ENTITY, distrust(error)),
            CatalogError::Install(error) => (StatusCode::UNPROCESSABLE_ENTITY, of(error)),
            CatalogError::Varies { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "not-deterministic"),
            CatalogError::Circle { .. } => (StatusCode::CONFLICT, "circle"),
            CatalogError::Unknown { .. } => (StatusCode::NOT_FOUND, "no-plugin"),
            CatalogError::Ambiguous { .. } => (StatusCode::CONFLICT, "ambiguous"),
            CatalogError::Own(_) => (StatusCode::CONFLICT, "part-of-the-host"),
            CatalogError::Takes { .. } => (StatusCode::CONFLICT, "not-taken"),
            CatalogError::Bound { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "limit"),
            CatalogError::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
            CatalogError::Database(error) => {
                return crate::reading::ReadError::from(error.clone()).into();
            }
        };
        Self::new(status, code, error)
    }
}

fn distrust(error: &TrustError) -> &'static str {
    match error {
        TrustError::Unsigned { .. } => "unsigned",
        TrustError::UnknownKey { .. } => "unknown-key",
        TrustError::Wrong { .. } | TrustError::Malformed { .. } => "signature",
    }
}

fn of(error: &InstallError) -> &'static str {
    match error {
        InstallError::Component { .. } => "no-component",
        InstallError::Compile { .. } => "compile",
        InstallError::Needs { .. } => "needs",
        InstallError::Version { .. } => "version",
        InstallError::Imports { .. } => "imports",
        InstallError::World { .. } => "world",
        InstallError::Description { .. } => "description",
        InstallError::Describe { .. } => "describe",
    }
}
