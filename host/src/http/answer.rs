use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LOCATION, VARY};

use super::conditional::is_known;
use super::error::Problem;
use crate::reading::{Origin, Read, Served};
use crate::realm::RealmSettings;
use crate::registry::Mounted;

/// What all answers about a realm's content share.
pub(super) struct About<'a> {
    pub(super) realm: &'a Mounted,
    pub(super) settings: Option<&'a RealmSettings>,
    pub(super) generation: i64,
    pub(super) origin: Origin,
    pub(super) served: Served,
}

impl<'a> About<'a> {
    pub(super) fn of<T>(
        realm: &'a Mounted,
        read: &'a Read<T>,
        settings: Option<&'a RealmSettings>,
        served: Served,
    ) -> Self {
        Self {
            realm,
            settings,
            generation: read.generation,
            origin: read.origin,
            served,
        }
    }

    fn cache_status(&self) -> HeaderValue {
        match (self.served, self.origin) {
            (Served::Stale(age), _) => {
                header(&format!("realm; hit; ttl=-{}; detail=lease", age.as_secs()))
            }
            (Served::Fresh, Origin::Hit) => HeaderValue::from_static("realm; hit"),
            (Served::Fresh, Origin::Derivation) => {
                HeaderValue::from_static("realm; fwd=miss; stored; detail=derivation")
            }
            (Served::Fresh, Origin::Unstored) => HeaderValue::from_static("realm; fwd=miss"),
            (Served::Fresh, Origin::Miss) => HeaderValue::from_static("realm; fwd=miss; stored"),
        }
    }

    fn cache_control(&self) -> HeaderValue {
        let directives = self
            .settings
            .and_then(|settings| settings.cache_control.as_deref());
        match (self.realm.public, directives) {
            (true, None) => HeaderValue::from_static("public, max-age=0, must-revalidate"),
            (false, None) => HeaderValue::from_static("private, max-age=0, must-revalidate"),
            (true, Some(directives)) => header(&format!("public, {directives}")),
            (false, Some(directives)) => header(&format!("private, {directives}")),
        }
    }

    /// The headers of an answer about content.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        headers.insert("realm-generation", HeaderValue::from(self.generation));
        headers.insert("cache-status", self.cache_status());
        headers.insert(CACHE_CONTROL, self.cache_control());
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        headers.insert(
            "x-content-type-options",
            HeaderValue::from_static("nosniff"),
        );
    }

    /// An answer that a path has no content to show: true at a generation, and stale, as any other.
    pub(super) fn problem(&self, problem: Problem) -> Problem {
        let problem = problem.at_generation(self.generation);
        problem.with_header_value("cache-status", self.cache_status())
    }

    /// Bytes under a tag; 304 when the reader has them.
    pub(super) fn bytes(
        &self,
        request: &HeaderMap,
        tag: &str,
        media_type: &str,
        bytes: Bytes,
    ) -> Response {
        let known = is_known(request, tag);
        let length = bytes.len();
        let mut response = Response::new(if known {
            Body::empty()
        } else {
            Body::from(bytes)
        });
        let headers = response.headers_mut();
        self.headers(headers);
        headers.insert(ETAG, header(&format!("\"{tag}\"")));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        headers.insert(CONTENT_TYPE, content_type(media_type));
        headers.insert(hyper::header::CONTENT_LENGTH, HeaderValue::from(length));
        if let Some(policy) = policy(media_type) {
            headers.insert("content-security-policy", policy);
        }
        response
    }
}

fn content_type(media_type: &str) -> HeaderValue {
    match media_type {
        "text/javascript" => HeaderValue::from_static("text/javascript; charset=utf-8"),
        "text/css" => HeaderValue::from_static("text/css; charset=utf-8"),
        text if text.starts_with("text/") => header(&format!("{text}; charset=utf-8")),
        other => header(other),
    }
}

/// What a document of a realm may do: its own scripts and styles run, plugins and foreign frames do not.
fn policy(media_type: &str) -> Option<HeaderValue> {
    match media_type {
        "text/html" | "application/xhtml+xml" => Some(HeaderValue::from_static(
            "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src * data: blob:; font-src * data:; connect-src *; object-src 'none'; base-uri 'self'; frame-ancestors 'self'",
        )),
        "image/svg+xml" => Some(HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        )),
        _ => None,
    }
}

/// A header's value; what cannot stand in one is left out.
pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// 302 to `location`.
pub(super) fn redirect(location: &str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, header(location));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// An empty answer.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A JSON answer.
pub(super) fn json(
    status: StatusCode,
    media_type: &'static str,
    value: &serde_json::Value,
) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        "x-content-type-options",
        HeaderValue::from_static("nosniff"),
    );
    response
}
