use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::response::Response;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, EXPECT, IF_MATCH, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, LOCATION,
};
use hyper::{HeaderMap, Method, StatusCode};
use serde::Deserialize;

use super::App;
use super::answer::{empty, header};
use super::coding::uncoded;
use super::conditional::{date, tags};
use super::error::Problem;
use super::read::GENERATION;
use super::route::is_reserved;
use crate::lifecycle::{Change, Condition, Effect, WriteError, WriteSet, Written};
use crate::realm::LocalPath;
use crate::registry::Mounted;

/// PUT of a file, and POST for clients of the reference system.
pub(super) async fn put(
    app: &App,
    realm: &Arc<Mounted>,
    rest: &str,
    method: &Method,
    headers: &HeaderMap,
    body: Incoming,
) -> Result<Response, Problem> {
    if *method == Method::POST {
        let kind = headers
            .get(CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        let taken = ["application/vnd.card+source", "application/octet-stream"];
        if !taken.iter().any(|taken| kind.eq_ignore_ascii_case(taken)) {
            let detail = "POST takes `application/vnd.card+source` or `application/octet-stream`; PUT takes any";
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                detail,
            ));
        }
    }
    whole(headers)?;
    let path = writable(rest)?;
    // Who waits for leave to send need not send in vain.
    let size = body.size_hint().lower();
    if headers.contains_key(EXPECT) && size > app.0.max_file_bytes as u64 {
        return Err(too_large(app.0.max_file_bytes, "max-file-bytes"));
    }
    let condition = condition(headers);
    let bytes = read_body(app, body, app.0.max_file_bytes, "max-file-bytes").await?;
    let conditional = condition != Condition::Any;
    let change = Change {
        path: path.clone(),
        bytes: Some(bytes),
        condition,
    };
    let written = write(app, realm, change, conditional).await?;
    let (status, hash) = match &written.effects[0] {
        Effect::Created(hash) if *method == Method::PUT => (StatusCode::CREATED, Some(hash)),
        Effect::Created(hash) | Effect::Replaced(hash) | Effect::Unchanged(hash) => {
            (StatusCode::NO_CONTENT, Some(hash))
        }
        Effect::Removed => (StatusCode::NO_CONTENT, None),
    };
    let mut response = written_at(status, &written);
    if let Some(hash) = hash {
        response
            .headers_mut()
            .insert(ETAG, header(&format!("\"{}\"", hash.short())));
    }
    if status == StatusCode::CREATED {
        response
            .headers_mut()
            .insert(LOCATION, header(&realm.url.join(&path)));
    }
    Ok(response)
}

/// Refuses a body that is not all of the file's own bytes: a part of it, or in a coding, which would be stored as it is.
fn whole(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(CONTENT_RANGE) {
        let detail = "a part of a file cannot be written (Content-Range); send all of it";
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "partial-write",
            detail,
        ));
    }
    let coding = headers.get(CONTENT_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let detail = "a file is stored as it is sent; send it without Content-Encoding";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Err(Problem::new(status, "content-encoding", detail)
            .with_header("accept-encoding", "identity"));
    }
    Ok(())
}

/// DELETE of a file.
pub(super) async fn delete(
    app: &App,
    realm: &Arc<Mounted>,
    rest: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let condition = condition(headers);
    let conditional = condition != Condition::Any;
    let change = Change {
        path: writable(rest)?,
        bytes: None,
        condition,
    };
    let written = write(app, realm, change, conditional).await?;
    Ok(written_at(StatusCode::NO_CONTENT, &written))
}

async fn write(
    app: &App,
    realm: &Arc<Mounted>,
    change: Change,
    conditional: bool,
) -> Result<Written, Problem> {
    let set = WriteSet {
        changes: vec![change],
        agreed: Vec::new(),
    };
    app.0
        .lifecycle
        .write(Arc::clone(realm), set)
        .await
        .map_err(|error| match error {
            // A condition of the request, not a conflict of two of its parts.
            WriteError::Exists(path) if conditional => WriteError::Precondition(path).into(),
            error => error.into(),
        })
}

/// What a write's conditions ask for.
pub(crate) fn condition(headers: &HeaderMap) -> Condition {
    // A source is named by its tag in whatever coding it was read.
    let sources = |name| {
        let tags: Vec<String> = tags(headers, name)?;
        Some(tags.iter().map(|tag| uncoded(tag).to_owned()).collect())
    };
    if let Some(tags) = sources(&IF_MATCH) {
        return Condition::Tagged(tags);
    }
    let others: Option<Vec<String>> = sources(&IF_NONE_MATCH);
    let second = || {
        let date = date(headers, &IF_UNMODIFIED_SINCE)?;
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        i64::try_from(since.as_secs()).ok()
    };
    match others {
        Some(tags) if tags.iter().any(|tag| tag == "*") => Condition::Absent,
        Some(tags) => Condition::Untagged(tags),
        None => second().map_or(Condition::Any, Condition::Unmodified),
    }
}

/// The path of a file that may be written.
pub(super) fn writable(rest: &str) -> Result<LocalPath, Problem> {
    let path = LocalPath::decode(rest)?;
    if is_reserved(path.as_str()) {
        let detail = format!("`{path}` is an endpoint of the realm, and no file can have its name");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "reserved", detail));
    }
    Ok(path)
}

/// The answer of a write: it names the generation that has it.
pub(super) fn written_at(status: StatusCode, written: &Written) -> Response {
    let mut response = empty(status);
    response
        .headers_mut()
        .insert(GENERATION, written.generation.into());
    response
}

/// How much of a body that is too large is read on and forgotten, so that its sender comes to read why.
const FORGOTTEN: usize = 16 << 20;

fn too_large(max: usize, setting: &str) -> Problem {
    let detail = format!("the body has more than {max} bytes (`{setting}`)");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
}

/// A body of at most `max` bytes; `setting` is what raises the bound.
pub(super) async fn read_body<B>(
    app: &App,
    body: B,
    max: usize,
    setting: &str,
) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let limit = app.0.limits.body_timeout;
    let collected = tokio::time::timeout(limit, collect(body, max, setting)).await;
    collected.unwrap_or_else(|_| {
        let detail = format!("the body did not come within {limit:?} (`body-timeout`)");
        let status = StatusCode::REQUEST_TIMEOUT;
        Err(Problem::new(status, "slow-body", detail).with_header("connection", "close"))
    })
}

async fn collect<B>(mut body: B, max: usize, setting: &str) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            let detail = format!("the body could not be read: {error}");
            Problem::new(StatusCode::BAD_REQUEST, "bad-body", detail)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        read += data.len();
        if read > max.saturating_add(FORGOTTEN) {
            return Err(too_large(max, setting).with_header("connection", "close"));
        }
        if read > max {
            (first, rest) = (Bytes::new(), BytesMut::new());
        } else if first.is_empty() {
            // Most bodies are one piece, which is not copied.
            first = data;
        } else {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&data);
        }
    }
    if read > max {
        return Err(too_large(max, setting));
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

/// A JSON body.
pub(super) async fn read_json<T: for<'de> Deserialize<'de>>(
    app: &App,
    body: Incoming,
) -> Result<T, Problem> {
    let bytes = read_body(app, body, app.0.max_body_bytes, "max-body-bytes").await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "bad-json",
            format!("the body does not fit: {error}"),
        )
    })
}

/// POST of `_reindex`: every file is looked at again; answered once the wish is committed.
pub(super) async fn reindex(app: &App, realm: &Arc<Mounted>) -> Result<Response, Problem> {
    app.0.lifecycle.reindex(realm).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

#[derive(Debug, Deserialize)]
struct Invalidate {
    #[serde(default)]
    data: InvalidateData,
}

#[derive(Debug, Default, Deserialize)]
struct InvalidateData {
    #[serde(default)]
    attributes: InvalidateAttributes,
}

#[derive(Debug, Default, Deserialize)]
struct InvalidateAttributes {
    urls: Option<Vec<String>>,
}

/// POST of `_invalidate`: some files by URL, or the whole realm.
pub(super) async fn invalidate(
    app: &App,
    realm: &Arc<Mounted>,
    body: Incoming,
) -> Result<Response, Problem> {
    let bytes = read_body(app, body, app.0.max_body_bytes, "max-body-bytes").await?;
    let asked: Invalidate = if bytes.is_empty() {
        Invalidate {
            data: InvalidateData::default(),
        }
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-json", error))?
    };
    let paths = asked.data.attributes.urls.map(|urls| {
        let outside = |url: &String| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "outside",
                format!("`{url}` is not the URL of a file of this realm"),
            )
        };
        urls.iter()
            .map(|url| realm.url.local(url).ok_or_else(|| outside(url)))
            .collect::<Result<Vec<_>, _>>()
    });
    let paths = paths.transpose()?;
    app.0.lifecycle.invalidate(&realm.url, paths.as_deref());
    Ok(empty(StatusCode::NO_CONTENT))
}
