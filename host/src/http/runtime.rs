use axum::response::Response;
use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderValue, VARY,
};
use hyper::{HeaderMap, StatusCode};

use super::App;
use super::answer::header;
use super::conditional::{Verdict, judge};
use super::error::Problem;
use crate::realm::RealmId;
use crate::runtime::{JSX_RUNTIME, JSX_RUNTIME_PATH, version};

/// No realm's: under this number what is the host's own is kept in the codings that clients ask for.
const OWN: RealmId = RealmId(0);
const MEDIA_TYPE: &str = "text/javascript";

/// Whether a path is that of something that the host itself gives to modules.
pub(super) fn is_at(path: &str) -> bool {
    path == JSX_RUNTIME_PATH
}

/// GET and HEAD of the JSX runtime.
pub(super) async fn jsx(app: &App, asked: &HeaderMap) -> Result<Response, Problem> {
    let codings = &app.0.codings;
    let (mut bytes, mut tag) = (
        Bytes::from_static(JSX_RUNTIME.as_bytes()),
        version().to_owned(),
    );
    let mut response = Response::default();
    let headers = response.headers_mut();
    if let Some(coding) = codings.chosen(asked, MEDIA_TYPE, bytes.len())
        && let Some((coded, _)) = codings.coded(OWN, &tag, &bytes, coding).await
    {
        bytes = coded;
        tag = format!("{tag}-{}", coding.as_str());
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.as_str()));
    }
    headers.insert(ETAG, header(&format!("\"{tag}\"")));
    headers.insert(VARY, HeaderValue::from_static("Accept-Encoding"));
    let an_hour = HeaderValue::from_static("public, max-age=3600");
    headers.insert(CACHE_CONTROL, an_hour);
    match judge(asked, &tag, || None) {
        Verdict::Send => {}
        Verdict::NotModified => {
            headers.remove(CONTENT_ENCODING);
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok(response);
        }
        Verdict::Failed => {
            let detail = "what is there now is not what the request's condition says";
            let failed = StatusCode::PRECONDITION_FAILED;
            return Err(Problem::new(failed, "precondition-failed", detail));
        }
    }
    let text = HeaderValue::from_static("text/javascript; charset=utf-8");
    headers.insert(CONTENT_TYPE, text);
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    *response.body_mut() = bytes.into();
    Ok(response)
}
