use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue, USER_AGENT, X_CONTENT_TYPE_OPTIONS};
use hyper::{Method, Request};
use parking_lot::RwLock;
use tracing::Instrument;
use tracing::instrument::Instrumented;

use crate::telemetry;

/// Names a request, in answers, logs and traces.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest name that a client or proxy may give.
const LONGEST_ID: usize = 64;

/// Names requests, counts and times them, and logs them where that is asked for.
#[derive(Debug)]
pub(super) struct Observer {
    access_log: bool,
    /// Tells this process's requests from another's.
    prefix: u64,
    next: AtomicU64,
    meters: Meters,
}

/// A request that is being answered.
pub(super) struct Seen {
    since: Instant,
    id: HeaderValue,
    method: Method,
    span: tracing::Span,
    logged: Option<Logged>,
}

/// What the access log says of a request, which is gone when it is answered.
struct Logged {
    uri: String,
    host: String,
    agent: String,
}

impl Seen {
    /// Traces what is done for the request.
    pub(super) fn in_span<F: Future>(&self, work: F) -> Instrumented<F> {
        work.instrument(self.span.clone())
    }
}

impl Observer {
    pub(super) fn new(access_log: bool) -> Self {
        Self {
            access_log,
            prefix: rand::random::<u32>().into(),
            next: AtomicU64::new(0),
            meters: Meters::new(),
        }
    }

    pub(super) fn begin(&self, request: &Request<Incoming>) -> Seen {
        let id = self.id(request);
        let header = |name| {
            let value = request.headers().get(name)?;
            Some(value.to_str().unwrap_or_default().to_owned())
        };
        let logged = self.access_log.then(|| Logged {
            uri: request.uri().to_string(),
            host: header(hyper::header::HOST).unwrap_or_default(),
            agent: header(USER_AGENT).unwrap_or_default(),
        });
        Seen {
            since: Instant::now(),
            span: telemetry::request_span(request, &id),
            id,
            method: request.method().clone(),
            logged,
        }
    }

    /// The name that came with the request, where it can be one; else one of our own.
    fn id(&self, request: &Request<Incoming>) -> HeaderValue {
        let given = request.headers().get(REQUEST_ID).filter(|id| {
            let graphic = id.as_bytes().iter().all(u8::is_ascii_graphic);
            !id.is_empty() && id.len() <= LONGEST_ID && graphic
        });
        if let Some(given) = given {
            return given.clone();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        telemetry::hex(self.prefix << 32 | number & 0xffff_ffff)
    }

    pub(super) fn end(&self, seen: Seen, response: &mut Response) {
        let status = response.status();
        let took = seen.since.elapsed();
        self.meters.count(&seen.method, status.as_u16(), took);
        telemetry::answered(&seen.span, response);
        if let Some(logged) = &seen.logged {
            let text = |name: &str| {
                let value = response.headers().get(name);
                value.and_then(|value| value.to_str().ok()).unwrap_or("-")
            };
            tracing::info!(
                target: telemetry::ACCESS,
                request = seen.id.to_str().unwrap_or_default(),
                method = seen.method.as_str(),
                host = logged.host,
                uri = logged.uri,
                status = status.as_u16(),
                micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
                bytes = text("content-length"),
                cache = text("cache-status"),
                generation = text("realm-generation"),
                agent = logged.agent,
                "request"
            );
        }
        let headers = response.headers_mut();
        headers.insert(REQUEST_ID, seen.id);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
}

/// Durations by method and status, under the name and the attributes of OpenTelemetry's conventions for HTTP. Handles are
/// made once: a look-up by labels for every request would cost more than the request.
#[derive(Debug)]
struct Meters {
    durations: RwLock<Vec<Meter>>,
}

/// The durations of one method's answers with one status.
type Meter = ((Method, u16), Arc<metrics::Histogram>);

impl Meters {
    fn new() -> Self {
        Self {
            durations: RwLock::default(),
        }
    }

    fn count(&self, method: &Method, status: u16, took: std::time::Duration) {
        let known = |all: &[Meter]| {
            let mut all = all.iter();
            all.find(|((of, at), _)| *at == status && of == method)
                .map(|(_, histogram)| Arc::clone(histogram))
        };
        let found = known(&self.durations.read());
        let histogram = found.unwrap_or_else(|| self.add(method, status));
        histogram.record(took.as_secs_f64());
    }

    fn add(&self, method: &Method, status: u16) -> Arc<metrics::Histogram> {
        // Methods that nobody has heard of are one, or a client could make as many series as it likes.
        let name = match *method {
            Method::GET | Method::HEAD | Method::PUT | Method::POST | Method::DELETE => {
                method.as_str()
            }
            Method::OPTIONS => "OPTIONS",
            _ => "_OTHER",
        };
        let histogram = Arc::new(metrics::histogram!(
            "http_server_request_duration_seconds",
            "http_request_method" => name.to_owned(),
            "http_response_status_code" => status.to_string(),
        ));
        let mut all = self.durations.write();
        if name != "_OTHER" {
            all.push(((method.clone(), status), Arc::clone(&histogram)));
        }
        histogram
    }
}
