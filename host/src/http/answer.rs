use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED,
    LOCATION, RANGE, VARY,
};

use super::authorize::Seen;
use super::conditional::{Verdict, judge};
use super::error::Problem;
use super::policy;
use super::range::{self, Wanted};
use super::read::{Ask, GENERATION};
use crate::config::Coding;
use crate::reading::{Origin, Prepared, Read, Served};
use crate::realm::RealmSettings;
use crate::registry::Mounted;

/// Answers about content, by where they came from. The handles are made once: this is counted with every answer.
static ANSWERS: LazyLock<[metrics::Counter; 4]> = LazyLock::new(|| {
    let from = |origin| metrics::counter!("realm_answers_total", "from" => origin);
    ["stale", "hit", "derivation", "miss"].map(from)
});

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// Bytes to be answered with.
pub(super) struct Body<'a> {
    /// What names them.
    pub(super) tag: &'a str,
    pub(super) media_type: &'a str,
    pub(super) bytes: Bytes,
    /// When they last changed, in milliseconds since 1970.
    pub(super) modified_at: Option<i64>,
    /// Where headers for them are kept.
    pub(super) prepared: Option<&'a Prepared>,
}

/// What all answers about a realm's content share.
pub(super) struct About<'a> {
    pub(super) realm: &'a Mounted,
    /// Whether everyone may read it.
    pub(super) public: bool,
    pub(super) settings: Option<&'a RealmSettings>,
    pub(super) generation: i64,
    pub(super) origin: Origin,
    pub(super) served: Served,
}

impl<'a> About<'a> {
    pub(super) fn of<T>(
        ask: &'a Ask<'a>,
        read: &'a Read<T>,
        settings: Option<&'a RealmSettings>,
    ) -> Self {
        let (realm, Seen { access, served }) = (ask.realm, ask.seen);
        Self {
            realm,
            public: access.public,
            settings,
            generation: read.generation,
            origin: read.origin,
            served,
        }
    }

    fn cache_status(&self) -> HeaderValue {
        ANSWERS[match (self.served, self.origin) {
            (Served::Stale(_), _) => 0,
            (_, Origin::Hit) => 1,
            (_, Origin::Derivation) => 2,
            (_, Origin::Miss | Origin::Unstored) => 3,
        }]
        .increment(1);
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
        match (self.public, directives) {
            (true, None) => HeaderValue::from_static("public, max-age=0, must-revalidate"),
            (false, None) => HeaderValue::from_static("private, max-age=0, must-revalidate"),
            (true, Some(directives)) => header(&format!("public, {directives}")),
            (false, Some(directives)) => header(&format!("private, {directives}")),
        }
    }

    /// The headers of an answer about content.
    pub(super) fn headers(&self, headers: &mut HeaderMap) {
        headers.insert(GENERATION, HeaderValue::from(self.generation));
        headers.insert(CACHE_STATUS, self.cache_status());
        headers.insert(CACHE_CONTROL, self.cache_control());
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    }

    /// An answer that a path has no content to show: true at a generation, and stale, as any other.
    pub(super) fn problem(&self, problem: Problem) -> Problem {
        let problem = problem.at_generation(self.generation);
        problem.with_header_value("cache-status", self.cache_status())
    }

    /// A body, as the request's conditions, codings and ranges ask for it.
    pub(super) async fn bytes(&self, ask: &Ask<'_>, body: Body<'_>) -> Result<Response, Problem> {
        let ranged = ask.is_get && ask.headers.contains_key(RANGE);
        let codings = &ask.app.0.codings;
        // A range is of the bytes as they are.
        let coding = codings
            .chosen(ask.headers, body.media_type, body.bytes.len())
            .filter(|_| !ranged);
        if let Some(coding) = coding {
            let coded = codings.coded(self.realm.id, body.tag, &body.bytes, coding);
            if let Some((bytes, prepared)) = coded.await {
                let tag = format!("{}-{}", body.tag, coding.as_str());
                let body = Body {
                    tag: &tag,
                    bytes,
                    prepared: Some(&prepared),
                    ..body
                };
                return self.send(ask, body, Some(coding), false);
            }
        }
        self.send(ask, body, None, ranged)
    }

    fn send(
        &self,
        ask: &Ask<'_>,
        body: Body<'_>,
        coding: Option<Coding>,
        ranged: bool,
    ) -> Result<Response, Problem> {
        let mut response = Response::default();
        *response.headers_mut() = self.head(&body, coding);
        let headers = response.headers_mut();
        headers.insert(GENERATION, HeaderValue::from(self.generation));
        headers.insert(CACHE_STATUS, self.cache_status());
        headers.insert(CACHE_CONTROL, self.cache_control());
        let modified = || body.modified_at.and_then(modified);
        match judge(ask.headers, body.tag, modified) {
            Verdict::NotModified => {
                // What describes the body goes with it (RFC 9110, section 15.4.5).
                for name in [
                    CONTENT_TYPE,
                    CONTENT_LENGTH,
                    CONTENT_ENCODING,
                    ACCEPT_RANGES,
                ] {
                    headers.remove(name);
                }
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(response);
            }
            Verdict::Failed => {
                let detail = "what is there now is not what the request's condition says";
                let failed = StatusCode::PRECONDITION_FAILED;
                return Err(self.problem(Problem::new(failed, "precondition-failed", detail)));
            }
            Verdict::Send => {}
        }
        let mut bytes = body.bytes;
        let length = bytes.len();
        let wanted = if ranged {
            range::wanted(ask.headers, length as u64, body.tag, modified)
        } else {
            Wanted::All
        };
        match wanted {
            Wanted::All => {}
            Wanted::Part(first, last) => {
                // Both are below the length, which is a usize.
                bytes = bytes.slice(first as usize..=last as usize);
                let of = format!("bytes {first}-{last}/{length}");
                headers.insert(CONTENT_RANGE, header(&of));
                headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            }
            Wanted::Unsatisfiable => {
                let detail = format!("there are {length} bytes, and none of those asked for");
                let status = StatusCode::RANGE_NOT_SATISFIABLE;
                let problem = Problem::new(status, "range", detail);
                let of = format!("bytes */{length}");
                return Err(self.problem(problem.with_header("content-range", &of)));
            }
        }
        if ask.is_get {
            *response.body_mut() = bytes.into();
        }
        Ok(response)
    }

    /// The headers that are the same each time the body is sent: made once, and kept beside it.
    fn head(&self, body: &Body<'_>, coding: Option<Coding>) -> HeaderMap {
        if let Some(known) = body.prepared.and_then(|prepared| prepared.get()) {
            return known.clone();
        }
        let modified = body.modified_at.and_then(modified);
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        headers.insert(ETAG, header(&format!("\"{}\"", body.tag)));
        headers.insert(CONTENT_TYPE, content_type(body.media_type));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.bytes.len()));
        if let Some(modified) = modified {
            let date = httpdate::fmt_http_date(modified);
            headers.insert(LAST_MODIFIED, header(&date));
        }
        if let Some(policy) = policy::of(body.media_type) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
        }
        // A date that cannot be told yet can be soon.
        if let Some(prepared) = body.prepared
            && (modified.is_some() || body.modified_at.is_none())
        {
            let _ = prepared.set(headers.clone());
        }
        headers
    }
}

/// How far the clocks of replicas may be apart for `Last-Modified` to be believed; `realm doctor` warns of half of it.
const SKEW: Duration = Duration::from_secs(2);

/// The second for `Last-Modified`. It names a state for certain only once it is over, on every replica's clock: until then
/// there is none.
fn modified(millis: i64) -> Option<SystemTime> {
    let second = UNIX_EPOCH + Duration::from_secs(u64::try_from(millis / 1000).ok()?);
    let over = SystemTime::now().duration_since(second).ok()? >= Duration::from_secs(1) + SKEW;
    over.then_some(second)
}

fn content_type(media_type: &str) -> HeaderValue {
    match media_type {
        "text/javascript" => HeaderValue::from_static("text/javascript; charset=utf-8"),
        "text/css" => HeaderValue::from_static("text/css; charset=utf-8"),
        text if text.starts_with("text/") => header(&format!("{text}; charset=utf-8")),
        other => header(other),
    }
}

/// A header's value; what cannot stand in one is left out.
pub(super) fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// 302 to `location`.
pub(super) fn redirect(location: &str) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(LOCATION, header(location));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// An empty answer.
pub(super) fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// A JSON answer.
pub(super) fn json(
    status: StatusCode,
    media_type: &'static str,
    value: &serde_json::Value,
) -> Response {
    let mut response = Response::new(value.to_string().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
