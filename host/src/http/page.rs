use std::sync::Arc;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    ETAG, HeaderValue,
};
use url::form_urlencoded;

use super::answer::{About, Body, header};
use super::conditional::{Verdict, judge_weak};
use super::error::Problem;
use super::policy;
use super::read::{Ask, generation};
use super::shell::{Parts, Shell};
use crate::config::Coding;
use crate::database::{EntryRow, FileRow};
use crate::reading::{Documents, FORMATS, Origin, Page, Read, ReadError, Reader, Served};
use crate::realm::{BlobHash, Generation, LocalPath, RealmSettings};

/// What is shown to somebody who asks for HTML.
pub(super) enum Shown {
    /// A document's page.
    Page(Box<Response>),
    /// What would be served to anybody else.
    AsIs,
    /// What is served at this path; whether that is the one that the request names. No page was found where else there
    /// could be one.
    Instead(Documents, LocalPath, bool),
    /// What was to be shown is gone: something else is there by now.
    StartOver,
}

/// The files that a request may mean, in the order in which they are looked at.
struct Meant {
    files: Vec<FileRow>,
    settings: Arc<RealmSettings>,
    origin: Origin,
    /// Where no file has the name that the request has: those that were looked at.
    documents: Option<Documents>,
    /// The path that the request names; none: a folder's.
    path: Option<LocalPath>,
}

/// A path and the files that it may mean: the file of that name, or the realm's choice of an extension for it; else a
/// document of that name. A folder means its index.
async fn meant(ask: &Ask<'_>, rest: &str) -> Result<Meant, Problem> {
    let (reader, realm) = (&ask.app.0.reader, ask.realm);
    let is_folder = rest.is_empty() || rest.ends_with('/');
    let (base, path) = if is_folder {
        (LocalPath::decode(&format!("{rest}index"))?, None)
    } else {
        let path = LocalPath::decode(rest)?;
        let read = reader.source(realm, &path).await?;
        if let Some(file) = read.value.file {
            return Ok(Meant {
                files: vec![file],
                settings: read.value.settings,
                origin: read.origin,
                documents: None,
                path: Some(path),
            });
        }
        (path.clone(), Some(path))
    };
    let documents = reader
        .documents(realm, &Reader::document_names(base.as_str()))
        .await?;
    Ok(Meant {
        files: documents.files.clone(),
        settings: Arc::clone(&documents.settings),
        origin: documents.origin,
        documents: Some(documents),
        path,
    })
}

/// Whether what was looked at first is still so at the generation of what was found after.
pub(super) async fn still_hold(
    ask: &Ask<'_>,
    documents: &Documents,
    found: &Problem,
) -> Result<bool, Problem> {
    let tracker = &ask.realm.tracker;
    if found.generation().is_none_or(|at| at > tracker.applied()) {
        ask.app.0.reader.hub().catch_up(tracker).await?;
    }
    Ok(documents.still_hold())
}

/// The page of the document that a path means.
pub(super) async fn page(ask: &Ask<'_>, rest: &str) -> Result<Shown, Problem> {
    let mut meant = meant(ask, rest).await?;
    let wanted = generation(ask.headers)?;
    let mut failed = None;
    for file in &meant.files {
        let found = look(ask, &file.path, wanted).await?;
        let Some(entry) = &found.value.row.entry else {
            continue;
        };
        if let Some(isolated) = entry.rendering("isolated", "") {
            let document = Document {
                ask,
                meant: &meant,
                file,
                found: &found,
                entry,
            };
            return Ok(match document.page(isolated).await? {
                Some(response) => Shown::Page(Box::new(response)),
                None => Shown::StartOver,
            });
        }
        if let (None, Some(error)) = (&failed, &entry.error) {
            let problem = Problem::unrendered(&file.path, error);
            failed = Some(about(ask, &meant, &found).problem(problem));
        }
    }
    let Some(documents) = meant.documents.take() else {
        return failed.map_or(Ok(Shown::AsIs), Err);
    };
    // A page that its author has written stands in for one that could not be made.
    let is_page = |file: &&FileRow| file.media_type == "text/html";
    if let Some(file) = meant.files.iter().find(is_page) {
        return Ok(Shown::Instead(documents, file.path.clone(), false));
    }
    if let Some(problem) = failed {
        return Err(problem);
    }
    match (meant.files.first(), meant.path) {
        (Some(file), _) => Ok(Shown::Instead(documents, file.path.clone(), false)),
        (None, Some(path)) => Ok(Shown::Instead(documents, path, true)),
        (None, None) if rest.is_empty() => Ok(Shown::AsIs),
        (None, None) => Err(Problem::no_file(rest)),
    }
}

/// One rendering of the document that a path means: `?format=`, and `?as=` for which of its types.
pub(super) async fn rendering(ask: &Ask<'_>, rest: &str) -> Result<Response, Problem> {
    let asked = |wanted: &str| {
        let mut pairs = form_urlencoded::parse(ask.query.as_bytes());
        pairs
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let format = asked("format").unwrap_or_else(|| "isolated".to_owned());
    let as_type = asked("as").unwrap_or_default();
    if !FORMATS.contains(&&*format) {
        let known = FORMATS.join("`, `");
        let detail = format!("there is no format `{format}`; there are `{known}`");
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "unknown-format",
            detail,
        ));
    }
    let wanted = generation(ask.headers)?;
    for _ in 0..TRIES {
        let meant = meant(ask, rest).await?;
        let mut missing = Problem::no_file(rest);
        let mut gone = false;
        for file in &meant.files {
            let found = look(ask, &file.path, wanted).await?;
            let about = about(ask, &meant, &found);
            let entry = found.value.row.entry.as_ref();
            let blob = entry.and_then(|entry| entry.rendering(&format, &as_type));
            let (Some(entry), Some(blob)) = (entry, blob) else {
                missing = about.problem(lacking(file, entry, &format, &as_type));
                continue;
            };
            let document = Document {
                ask,
                meant: &meant,
                file,
                found: &found,
                entry,
            };
            match document.rendering(&format, blob).await? {
                Some(response) => return Ok(response),
                None => gone = true,
            }
            break;
        }
        if !gone {
            return Err(missing);
        }
    }
    Err(ReadError::Overtaken(TRIES).into())
}

/// How often a rendering is looked up anew because its bytes have been collected.
const TRIES: usize = 3;

/// Why a document has no such rendering.
fn lacking(file: &FileRow, entry: Option<&EntryRow>, format: &str, as_type: &str) -> Problem {
    let none = |detail: String| Problem::new(StatusCode::NOT_FOUND, "no-rendering", detail);
    let path = &file.path;
    let Some(entry) = entry else {
        return none(format!(
            "`{path}` has not been rendered yet, or nothing renders it"
        ));
    };
    match &entry.error {
        Some(error) if entry.renderings.is_empty() => Problem::unrendered(path, error),
        _ if as_type.is_empty() => none(format!("`{path}` has no rendering `{format}`")),
        _ => none(format!(
            "`{path}` has no rendering `{format}` as `{as_type}`"
        )),
    }
}

async fn look(
    ask: &Ask<'_>,
    path: &LocalPath,
    wanted: Option<Generation>,
) -> Result<Read<Page>, Problem> {
    let reader = &ask.app.0.reader;
    Ok(reader.page(ask.realm, path, ask.asked, wanted).await?)
}

fn about<'a>(ask: &'a Ask<'a>, meant: &'a Meant, found: &Read<Page>) -> About<'a> {
    let origin = match (meant.origin, found.origin) {
        (Origin::Hit, other) => other,
        (other, _) => other,
    };
    About {
        realm: ask.realm,
        public: ask.seen.access.public,
        settings: Some(&meant.settings),
        generation: found.generation,
        origin,
        served: match found.value.served {
            Served::Fresh => ask.seen.served,
            stale @ Served::Stale(_) => stale,
        },
    }
}

/// A document that has renderings.
struct Document<'a> {
    ask: &'a Ask<'a>,
    meant: &'a Meant,
    file: &'a FileRow,
    found: &'a Read<Page>,
    entry: &'a EntryRow,
}

impl Document<'_> {
    /// A rendering's bytes; none: they have been collected, and the index has others by now.
    async fn bytes(&self, blob: BlobHash) -> Result<Option<Bytes>, Problem> {
        let reader = &self.ask.app.0.reader;
        let bytes = reader.bytes(self.ask.realm, blob).await?;
        if bytes.is_none() {
            reader.index_updated(Some(self.ask.realm.url.as_str()));
        }
        Ok(bytes)
    }

    fn locate(&self, response: &mut Response) {
        if self.meant.path.as_ref() == Some(&self.file.path) {
            return;
        }
        let query = if self.ask.query.is_empty() { "" } else { "?" };
        let place = self.ask.realm.url.path();
        let path = self.file.path.encode();
        let location = header(&format!("{place}{path}{query}{}", self.ask.query));
        response.headers_mut().insert(CONTENT_LOCATION, location);
    }

    async fn rendering(&self, format: &str, blob: BlobHash) -> Result<Option<Response>, Problem> {
        let Some(bytes) = self.bytes(blob).await? else {
            return Ok(None);
        };
        let body = Body {
            tag: &format!("{}-{format}", blob.short()),
            media_type: if format == "markdown" {
                "text/markdown"
            } else {
                "text/html"
            },
            bytes,
            modified_at: None,
            prepared: None,
        };
        let about = about(self.ask, self.meant, self.found);
        let mut response = about.bytes(self.ask, body).await?;
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, policy::FRAGMENT);
        self.locate(&mut response);
        Ok(Some(response))
    }

    async fn page(&self, isolated: BlobHash) -> Result<Option<Response>, Problem> {
        let (ask, realm) = (self.ask, self.ask.realm);
        let about = about(ask, self.meant, self.found);
        let head = self.entry.rendering("head", "");
        let parts = Parts {
            realm: &realm.url,
            path: &self.file.path,
            settings: &self.meant.settings,
            entry: self.entry,
        };
        let tag = parts.tag([Some(isolated), head]);
        let mut response = Response::default();
        about.headers(response.headers_mut());
        self.locate(&mut response);
        // Of the nonce a tag says nothing: two answers differ in it, and mean the same.
        let weak = |tag: &str| header(&format!("W/\"{tag}\""));
        let gzip = format!("{tag}-{}", Coding::Gzip.as_str());
        let is_gzip = ask.app.0.codings.takes_gzip(ask.headers);
        let tag_sent = if is_gzip { &gzip } else { &tag };
        response.headers_mut().insert(ETAG, weak(tag_sent));
        match judge_weak(ask.headers, tag_sent) {
            // Without a policy: the nonce in the body that the reader has is of the policy that it came with.
            Verdict::NotModified => {
                *response.status_mut() = StatusCode::NOT_MODIFIED;
                return Ok(Some(response));
            }
            Verdict::Failed => {
                let detail = "what is there now is not what the request's condition says";
                let failed = StatusCode::PRECONDITION_FAILED;
                return Err(about.problem(Problem::new(failed, "precondition-failed", detail)));
            }
            Verdict::Send => {}
        }
        let Some(isolated) = self.bytes(isolated).await? else {
            return Ok(None);
        };
        let head = match head {
            Some(head) => match self.bytes(head).await? {
                Some(head) => head,
                None => return Ok(None),
            },
            None => Bytes::new(),
        };
        let html = [&head, &isolated].map(|bytes| String::from_utf8_lossy(bytes));
        let Shell { before, after } = parts.shell(&html[0], &html[1]);
        let nonce = nonce();
        let (before, after) = (format!("{before}{nonce}"), Bytes::from(after));
        let gzipped = if is_gzip {
            let codings = &ask.app.0.codings;
            codings.gzipped((realm.id, &tag), &before, &after).await
        } else {
            None
        };
        let headers = response.headers_mut();
        let body = match gzipped {
            Some(gzipped) => {
                let coding = HeaderValue::from_static(Coding::Gzip.as_str());
                headers.insert(CONTENT_ENCODING, coding);
                gzipped
            }
            None => [before.as_bytes(), &after].concat().into(),
        };
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        headers.insert(CONTENT_TYPE, html);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        let policy = policy::page(&nonce, &self.meant.settings);
        headers.insert(CONTENT_SECURITY_POLICY, policy);
        if ask.is_get {
            *response.body_mut() = body.into();
        }
        Ok(Some(response))
    }
}

/// What the host's own inline script is known by, for one answer.
fn nonce() -> String {
    if mutant!("nonce-used-again") {
        return STANDARD_NO_PAD.encode([0; 16]);
    }
    STANDARD_NO_PAD.encode(rand::random::<[u8; 16]>())
}
