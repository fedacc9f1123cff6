use axum::response::Response;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ALLOW,
    HOST, HeaderValue, ORIGIN, VARY,
};
use hyper::{HeaderMap, StatusCode};

use super::answer::{empty, header};
use super::error::Problem;
use crate::config::CorsOrigins;

/// What a file's path takes.
pub(super) const METHODS: &str = "GET, HEAD, PUT, POST, DELETE, OPTIONS";
/// What a realm's paths take: that of its search besides.
const ALL: &str = "GET, HEAD, QUERY, PUT, POST, DELETE, OPTIONS";

/// Headers that a page of an allowed origin may send and read beside the harmless ones.
const SENT: &str = "accept, authorization, content-type, if-match, if-none-match, if-range, last-event-id, range, realm-generation, x-http-method-override, x-request-id";
const SHOWN: &str = "accept-ranges, cache-status, content-encoding, content-length, content-location, content-range, etag, location, realm-generation, retry-after, sourcemap, x-request-id";

/// A page of another origin may read what it is shown, but must not write with its visitor's rights: `own` is the
/// origin that it writes to, `default` this host's.
pub(super) fn refuse_foreign(
    headers: &HeaderMap,
    own: &str,
    default: &str,
    cors: &CorsOrigins,
) -> Result<(), Problem> {
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
    let loopback =
        matches!(name, "localhost" | "127.0.0.1" | "[::1]") && origin == format!("http://{host}");
    let named = cors.named.iter().any(|named| named == origin);
    if origin == own || origin == default || loopback || named {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::FORBIDDEN,
        "foreign-origin",
        "a page of another origin may not write here; `cors-origins` names those that may",
    ))
}

/// Lets the page that asks read the answer, where its origin may.
pub(super) fn allow(cors: &CorsOrigins, request: &HeaderMap, response: &mut HeaderMap) {
    if !cors.is_set() {
        return;
    }
    // Whatever comes out, it depends on who asks.
    response.append(VARY, HeaderValue::from_static("Origin"));
    let Some(allowed) = allowed(cors, request) else {
        return;
    };
    response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    response.insert(
        ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(SHOWN),
    );
}

fn allowed(cors: &CorsOrigins, request: &HeaderMap) -> Option<HeaderValue> {
    let origin = request.get(ORIGIN)?;
    let text = origin.to_str().ok()?;
    if cors.named.iter().any(|named| named == text) {
        return Some(origin.clone());
    }
    cors.any.then(|| HeaderValue::from_static("*"))
}

/// OPTIONS: what there is to ask, and for a browser's preflight, what its page may.
pub(super) fn options(cors: &CorsOrigins, request: &HeaderMap) -> Response {
    let mut response = empty(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(ALL));
    if request.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
        && let Some(allowed) = allowed(cors, request)
    {
        let methods = if allowed == "*" {
            "GET, HEAD, QUERY, OPTIONS"
        } else {
            ALL
        };
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, header(methods));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HOST, HeaderValue, ORIGIN};

    use super::{allow, refuse_foreign};
    use crate::config::CorsOrigins;

    fn from(origin: &'static str, host: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
        headers.insert(HOST, HeaderValue::from_static(host));
        headers
    }

    #[test]
    fn only_pages_of_known_origins_write() {
        let cors = CorsOrigins {
            any: true,
            named: vec!["https://editor.example".to_owned()],
        };
        let may = |origin, host| {
            refuse_foreign(
                &from(origin, host),
                "http://own.example",
                "http://default.example",
                &cors,
            )
            .is_ok()
        };
        assert!(may("http://own.example", "own.example"));
        assert!(may("http://default.example", "own.example"));
        assert!(may("https://editor.example", "own.example"));
        assert!(may("http://localhost:4200", "localhost:4200"));
        assert!(
            !may("http://evil.example", "evil.example"),
            "a name that was pointed here"
        );
        assert!(!may("http://localhost:1", "localhost:4200"));
        assert!(!may("null", "own.example"));
        let none = HeaderMap::new();
        assert!(refuse_foreign(&none, "http://own.example", "x", &cors).is_ok());
    }

    #[test]
    fn nothing_is_said_of_origins_unless_a_setting_allows_some() {
        let mut headers = HeaderMap::new();
        allow(
            &CorsOrigins::default(),
            &from("http://a.example", "b"),
            &mut headers,
        );
        assert!(headers.is_empty());
        let named = CorsOrigins {
            any: false,
            named: vec!["http://a.example".to_owned()],
        };
        allow(&named, &from("http://a.example", "b"), &mut headers);
        assert_eq!(headers["access-control-allow-origin"], "http://a.example");
        let mut headers = HeaderMap::new();
        allow(&named, &from("http://c.example", "b"), &mut headers);
        assert!(!headers.contains_key("access-control-allow-origin"));
        assert_eq!(headers["vary"], "Origin");
    }
}
