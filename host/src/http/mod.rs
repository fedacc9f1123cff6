//! Routes to handlers: which realm a request means, negotiation, conditions, errors, and the two sockets. Holds no logic
//! of its own: reading reads, lifecycle changes, and what they say is put into HTTP's words here.

mod admin;
mod answer;
mod atomic;
mod conditional;
mod error;
mod negotiate;
mod read;
mod serve;
mod server;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use hyper::header::{HOST, ORIGIN};
use hyper::{HeaderMap, Method, StatusCode};

use self::error::{Problem, respond};
use crate::lifecycle::Lifecycle;
use crate::reading::Reader;
use crate::realm::RealmUrl;
use crate::registry::{Mounted, Registry};

pub use self::admin::Metrics;
pub use self::serve::{Stop, serve};
pub use self::server::{Check, Health};

/// What handlers answer with.
#[derive(Clone, Debug)]
pub struct App(Arc<Inner>);

/// What an app is made of.
#[derive(Debug)]
pub struct Inner {
    /// Which realms there are.
    pub registry: Arc<Registry>,
    /// Answers reads.
    pub reader: Reader,
    /// Changes realms.
    pub lifecycle: Arc<Lifecycle>,
    /// How this host is.
    pub health: Health,
    /// Where realms without a host of their own live.
    pub origin: String,
    /// Largest file.
    pub max_file_bytes: usize,
    /// Largest other body.
    pub max_body_bytes: usize,
}

impl App {
    /// An app.
    #[must_use]
    pub fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// The public socket's routes.
    pub fn public(&self) -> Router {
        Router::new()
            .route("/_health", get(server::health))
            .route("/_ready", get(server::ready))
            .route("/_create-realm", post(server::create_realm))
            .fallback(realm)
            .with_state(self.clone())
    }

    /// The admin socket's routes.
    pub fn admin(&self, metrics: admin::Metrics) -> Router {
        admin::routes(metrics).with_state(self.clone())
    }

    /// The realm that a request means, and what follows its URL.
    fn find<'a>(&self, host: Option<&str>, path: &'a str) -> Option<(Arc<Mounted>, &'a str)> {
        let registry = &self.0.registry;
        self.origins(host).find_map(|origin| {
            let url = format!("{origin}{path}");
            let (realm, rest) = registry.find(&url)?;
            Some((realm, &path[path.len() - rest.len()..]))
        })
    }

    /// The URL of a realm that the request names without its last `/`.
    fn lacks_slash(&self, host: Option<&str>, path: &str) -> Option<RealmUrl> {
        self.origins(host).find_map(|origin| {
            let url = RealmUrl::parse(&format!("{origin}{path}/")).ok()?;
            self.0.registry.get(&url).map(|realm| realm.url.clone())
        })
    }

    /// The origins that a request may mean, in order: its host's, by either scheme, then this host's own.
    fn origins(&self, host: Option<&str>) -> impl Iterator<Item = String> {
        let host = host.map(str::to_ascii_lowercase);
        let by = |scheme: &str, port: &str| {
            let host = host.as_deref()?;
            Some(format!(
                "{scheme}://{}",
                host.strip_suffix(port).unwrap_or(host)
            ))
        };
        [
            by("http", ":80"),
            by("https", ":443"),
            Some(self.0.origin.clone()),
        ]
        .into_iter()
        .flatten()
    }

    /// A page of another origin may read what it is shown, but must not write with its visitor's rights: `own` is the
    /// origin that it writes to.
    fn refuse_foreign(&self, headers: &HeaderMap, own: &str) -> Result<(), Problem> {
        let Some(origin) = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()) else {
            return Ok(());
        };
        // The name that a page was loaded by proves nothing (anyone may point a name of theirs at this host), but for
        // names that nobody else can have.
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let loopback = matches!(name, "localhost" | "127.0.0.1" | "[::1]")
            && origin == format!("http://{host}");
        if origin == own || origin == self.0.origin || loopback {
            return Ok(());
        }
        Err(Problem::new(
            StatusCode::FORBIDDEN,
            "foreign-origin",
            "a page of another origin may not write here",
        ))
    }
}

/// Names at a realm's root that are no files.
const RESERVED: [&str; 12] = [
    "_atomic",
    "_dependencies",
    "_events",
    "_indexing-errors",
    "_info",
    "_invalidate",
    "_mtimes",
    "_permissions",
    "_readiness-check",
    "_reindex",
    "_search",
    "_types",
];

/// Every request that is not the server's own.
async fn realm(State(app): State<App>, request: Request) -> Response {
    let head = request.method() == Method::HEAD;
    let answer = dispatch(&app, request).await;
    let mut response = answer.unwrap_or_else(|problem| respond(&problem));
    if head {
        *response.body_mut() = Body::empty();
    }
    response
}

async fn dispatch(app: &App, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let host = parts
        .uri
        .authority()
        .map(|authority| authority.as_str())
        .or_else(|| parts.headers.get(HOST)?.to_str().ok());
    let path = parts.uri.path();
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    if reads
        && !path.ends_with('/')
        && let Some(url) = app.lacks_slash(host, path)
    {
        let query = parts
            .uri
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        return Ok(answer::redirect(&format!("{}{query}", url.path())));
    }
    let (realm, rest) = app.find(host, path).ok_or_else(Problem::no_realm)?;
    if !reads {
        app.refuse_foreign(&parts.headers, realm.url.origin())?;
    }
    let reserved = RESERVED.contains(&rest);
    match (&parts.method, rest) {
        (&Method::POST, "_atomic") => atomic::atomic(app, &realm, body).await,
        (&Method::POST, "_invalidate") => write::invalidate(app, &realm, body).await,
        _ if reserved => Err(Problem::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "this host has no such endpoint",
        )),
        (&Method::GET | &Method::HEAD, _) => read::read(app, &realm, rest, &parts.headers).await,
        (&Method::PUT | &Method::POST, _) => {
            write::put(app, &realm, rest, &parts.method, &parts.headers, body).await
        }
        (&Method::DELETE, _) => write::delete(app, &realm, rest, &parts.headers).await,
        _ => Err(Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "a realm takes GET, HEAD, PUT, POST and DELETE",
        )
        .with_header("allow", "GET, HEAD, PUT, POST, DELETE")),
    }
}
