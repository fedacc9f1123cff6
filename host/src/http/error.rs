use axum::response::Response;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::auth::AuthError;
use crate::database::DatabaseError;
use crate::lifecycle::{LifecycleError, WriteError};
use crate::plugins::{CallError, CircuitOpen, Diagnostic, Kind};
use crate::reading::{Failure, ReadError};
use crate::realm::query::QueryError;
use crate::realm::{Generation, LocalPath, PathError};

/// The media type of every error document.
pub(super) const JSON_API: &str = "application/vnd.api+json";

/// A request that cannot be answered as it stands: a JSON:API error document.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    errors: Vec<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &str, detail: impl std::fmt::Display) -> Self {
        Self {
            status,
            errors: vec![entry(status, code, &detail.to_string(), Map::new())],
            headers: Vec::new(),
        }
    }

    pub(super) fn many(status: StatusCode, errors: Vec<Value>) -> Self {
        Self {
            status,
            errors,
            headers: Vec::new(),
        }
    }

    /// Several reasons why nothing was written; of their statuses the lowest is the answer's.
    fn several(errors: &[WriteError]) -> Self {
        let each: Vec<Self> = errors.iter().map(|error| error.clone().into()).collect();
        let status = each.iter().map(|problem| problem.status).min();
        let errors = each.into_iter().flat_map(|problem| problem.errors);
        Self::many(status.unwrap_or(StatusCode::CONFLICT), errors.collect())
    }

    pub(super) fn no_realm() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-realm",
            "no realm of this host has this URL; `realm list` shows those that it has",
        )
    }

    /// Whether it says that there is nothing.
    pub(super) fn is_absence(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }

    pub(super) fn no_file(path: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is no file `{path}` in this realm"),
        )
    }

    pub(super) fn with_header(self, name: &'static str, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => self.with_header_value(name, value),
            Err(_) => self,
        }
    }

    pub(super) fn with_header_value(mut self, name: &'static str, value: HeaderValue) -> Self {
        self.headers.push((HeaderName::from_static(name), value));
        self
    }

    pub(super) fn at_generation(self, generation: Generation) -> Self {
        self.with_header("realm-generation", &generation.to_string())
    }

    /// The generation that it is true of.
    pub(super) fn generation(&self) -> Option<Generation> {
        let mut named = self.headers.iter();
        let (_, value) = named.find(|(name, _)| name.as_str() == "realm-generation")?;
        value.to_str().ok()?.parse().ok()
    }

    fn retry(mut self) -> Self {
        self.headers
            .push((RETRY_AFTER, HeaderValue::from_static("1")));
        self
    }

    /// What a plugin says is wrong with a file: one error per diagnostic.
    pub(super) fn failed(failure: &Failure) -> Self {
        let status = StatusCode::NOT_ACCEPTABLE;
        let errors = failure
            .diagnostics
            .iter()
            .map(|diagnostic| from_diagnostic(status, diagnostic, failure.plugin.as_deref()));
        Self::many(status, errors.collect())
    }

    /// What the index says is wrong with a file that it has no rendering of: one error per diagnostic.
    pub(super) fn unrendered(path: &LocalPath, error: &str) -> Self {
        let status = StatusCode::NOT_ACCEPTABLE;
        Self::many(status, of_index(status, path.as_str(), error))
    }

    /// A plugin that is not called for a while.
    fn open(open: &CircuitOpen) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let name = open.plugin.split('@').next().unwrap_or_default();
        let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let meta = json!({
            "plugin": open.plugin, "digest": open.digest, "realm": open.realm, "kind": open.kind.as_str(), "failures": open.failures,
            "since": open.opened_at, "sinceMs": ms(open.since), "retryInMs": ms(open.again), "error": open.why,
            "help": format!("mend what it fails on, or the plugin: a call that ends well has it called as ever, and so does `realm plugin enable {name}`"),
        });
        let more = Map::from_iter([("meta".to_owned(), meta)]);
        let error = entry(status, "plugin-open", &open.to_string(), more);
        let again = HeaderValue::from(seconds(open.again));
        Self::many(status, vec![error]).with_header_value("retry-after", again)
    }

    /// A call that came to no outcome.
    fn call(error: &CallError) -> Self {
        let status = match error.kind {
            Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let frames: Vec<_> = error
            .frames
            .iter()
            .map(|frame| frame.function.clone())
            .collect();
        let mut meta = json!({
            "plugin": error.plugin, "digest": error.digest, "call": error.call, "realm": error.realm,
            "kind": error.kind.as_str(), "frames": frames, "stderr": error.stderr,
        });
        if let Some(hint) = &error.hint {
            meta["help"] = json!(hint);
        }
        let more = Map::from_iter([
            ("source".to_owned(), json!({ "path": error.path })),
            ("meta".to_owned(), meta),
        ]);
        let code = format!("plugin-{}", error.kind.as_str());
        Self::many(status, vec![entry(status, &code, &error.to_string(), more)])
    }
}

/// Whole seconds until something is tried again, at least one.
fn seconds(again: std::time::Duration) -> u64 {
    again.as_secs() + u64::from(again.subsec_nanos() > 0 || again.is_zero())
}

/// One error of a document.
pub(super) fn entry(
    status: StatusCode,
    code: &str,
    detail: &str,
    more: Map<String, Value>,
) -> Value {
    let title = status.canonical_reason().unwrap_or("Error");
    let mut entry =
        json!({ "status": status.as_str(), "code": code, "title": title, "detail": detail });
    entry
        .as_object_mut()
        .expect("made as an object")
        .extend(more);
    entry
}

fn from_diagnostic(status: StatusCode, diagnostic: &Diagnostic, plugin: Option<&str>) -> Value {
    let mut source = Map::new();
    source.extend(
        diagnostic
            .path
            .as_ref()
            .map(|path| ("path".to_owned(), json!(path))),
    );
    if let Some(start) = diagnostic.start {
        source.insert("line".to_owned(), json!(start.line));
        source.insert("column".to_owned(), json!(start.column));
    }
    let mut meta = Map::from_iter([("severity".to_owned(), json!(diagnostic.severity))]);
    meta.extend(
        diagnostic
            .help
            .as_ref()
            .map(|help| ("help".to_owned(), json!(help))),
    );
    let plugin = diagnostic.plugin.as_deref().or(plugin);
    meta.extend(plugin.map(|plugin| ("plugin".to_owned(), json!(plugin))));
    let more = Map::from_iter([
        ("source".to_owned(), Value::Object(source)),
        ("meta".to_owned(), Value::Object(meta)),
    ]);
    entry(
        status,
        diagnostic.code.as_deref().unwrap_or("transpile"),
        &diagnostic.message,
        more,
    )
}

/// The errors of an index entry: diagnostics with the plugin's name, as a failed transpile has them, or errors as they are
/// shown to readers, or whatever else was put down.
pub(super) fn of_index(status: StatusCode, path: &str, error: &str) -> Vec<Value> {
    let read: Value = serde_json::from_str(error).unwrap_or_else(|_| json!({ "detail": error }));
    if let Some(errors) = read["errors"]
        .as_array()
        .filter(|errors| !errors.is_empty())
    {
        return errors.clone();
    }
    let plugin = read["plugin"].as_str();
    let diagnostics = Vec::<Diagnostic>::deserialize(&read["diagnostics"]).unwrap_or_default();
    if !diagnostics.is_empty() {
        let each = diagnostics.iter();
        let each = each.map(|diagnostic| from_diagnostic(status, diagnostic, plugin));
        return each.collect();
    }
    let mut texts = ["detail", "message"]
        .iter()
        .filter_map(|key| read[key].as_str());
    let detail = texts.next().map_or_else(|| read.to_string(), str::to_owned);
    let code = read["code"].as_str().unwrap_or("render");
    let mut more = Map::from_iter([("source".to_owned(), json!({ "path": path }))]);
    more.extend(plugin.map(|plugin| ("meta".to_owned(), json!({ "plugin": plugin }))));
    vec![entry(status, code, &detail, more)]
}

/// A problem as a response.
pub(super) fn respond(problem: &Problem) -> Response {
    if problem.status.is_server_error()
        && let Some(code) = problem
            .errors
            .first()
            .and_then(|error| error["code"].as_str())
    {
        metrics::counter!("realm_errors_total", "code" => code.to_owned()).increment(1);
    }
    let body = json!({ "errors": problem.errors }).to_string();
    let mut response = Response::new(body.into());
    *response.status_mut() = problem.status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON_API));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in &problem.headers {
        headers.insert(name, value.clone());
    }
    response
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let status = match error {
            AuthError::NotOperator => StatusCode::FORBIDDEN,
            _ => StatusCode::UNAUTHORIZED,
        };
        Self::new(status, error.code(), error).with_header("www-authenticate", error.challenge())
    }
}

impl From<PathError> for Problem {
    fn from(error: PathError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-path", error)
    }
}

impl From<DatabaseError> for Problem {
    fn from(error: DatabaseError) -> Self {
        match &error {
            DatabaseError::Refused(_) => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "database", error)
            }
            DatabaseError::Locked(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "locked", error).retry()
            }
            DatabaseError::TooSlow(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-slow", error).retry()
            }
            DatabaseError::OutcomeUnknown(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "outcome-unknown", error).retry()
            }
            DatabaseError::Unavailable(_) | DatabaseError::Vanished(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "database-unavailable",
                error,
            )
            .retry(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let busy = |code: &str| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, &error).retry();
        match &error {
            ReadError::NoRealm => Self::no_realm(),
            ReadError::Database(error) => error.clone().into(),
            ReadError::Call(error) => Self::call(error),
            ReadError::TooStale(_) => busy("too-stale"),
            ReadError::Overtaken(_) => busy("overtaken"),
            ReadError::NotYet { .. } => busy("generation-not-reached"),
            ReadError::NotIndexed { .. } => busy("generation-not-reached"),
            ReadError::Queue(_) => busy("plugin-busy"),
            ReadError::NoSlot(_) => busy("plugin-busy"),
            ReadError::Open(open) => Self::open(open),
            ReadError::Stopping => busy("stopping"),
            ReadError::Removed => busy("plugin-removed"),
            ReadError::Broken => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let status = StatusCode::BAD_REQUEST;
        let place = json!({ "pointer": error.place });
        let more = Map::from_iter([("source".to_owned(), place)]);
        let error = entry(status, "bad-query", &error.to_string(), more);
        Self::many(status, vec![error])
    }
}

impl From<WriteError> for Problem {
    fn from(error: WriteError) -> Self {
        match &error {
            WriteError::NoRealm => Self::no_realm(),
            WriteError::IsPublished => Self::new(StatusCode::FORBIDDEN, "published", error),
            WriteError::Archived => Self::new(StatusCode::FORBIDDEN, "archived", error),
            WriteError::Several(errors) => Self::several(errors),
            WriteError::NotFound(path) => Self::no_file(path.as_str()),
            WriteError::Exists(_) => Self::new(StatusCode::CONFLICT, "exists", error),
            WriteError::Precondition(_) => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "precondition-failed",
                error,
            ),
            WriteError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", error)
            }
            WriteError::Twice(_) => Self::new(StatusCode::BAD_REQUEST, "twice", error),
            WriteError::Busy(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", error).retry()
            }
            WriteError::Database(error) => error.clone().into(),
        }
    }
}

impl From<LifecycleError> for Problem {
    fn from(error: LifecycleError) -> Self {
        let of = |status, code| Self::new(status, code, &error);
        match &error {
            LifecycleError::Exists(_) => of(StatusCode::CONFLICT, "exists"),
            LifecycleError::NoRealm(_) => of(StatusCode::NOT_FOUND, "no-realm"),
            LifecycleError::NotPublished(_) => {
                of(StatusCode::UNPROCESSABLE_ENTITY, "not-published")
            }
            LifecycleError::IsPublished(_) => of(StatusCode::UNPROCESSABLE_ENTITY, "published"),
            LifecycleError::IsFolder(_) => of(StatusCode::UNPROCESSABLE_ENTITY, "folder"),
            LifecycleError::Archived(_) => of(StatusCode::FORBIDDEN, "archived"),
            LifecycleError::NotOwner => of(StatusCode::FORBIDDEN, "forbidden"),
            LifecycleError::OwnerChange(_) => of(StatusCode::BAD_REQUEST, "owner"),
            LifecycleError::EveryoneOwns => of(StatusCode::BAD_REQUEST, "owner"),
            LifecycleError::BadUser(_) => of(StatusCode::BAD_REQUEST, "bad-user"),
            LifecycleError::Right(_) => of(StatusCode::BAD_REQUEST, "bad-right"),
            LifecycleError::Busy(_) => of(StatusCode::SERVICE_UNAVAILABLE, "busy").retry(),
            LifecycleError::Database(error) => error.clone().into(),
        }
    }
}
