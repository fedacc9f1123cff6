use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::response::Response;
use hyper::header::{CONTENT_LOCATION, HeaderName};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;

use super::App;
use super::answer::{About, Body, header, json, redirect};
use super::authorize::{Seen, Visitor};
use super::error::{JSON_API, Problem};
use super::negotiate::{Wanted, wanted};
use super::page::{self, Shown};
use crate::database::FileRow;
use crate::reading::{Asked, Made, Module, Read, ReadError, Reply};
use crate::realm::{Generation, LocalPath};
use crate::registry::Mounted;

/// The header that names a generation, of answers and of requests.
pub(super) const GENERATION: HeaderName = HeaderName::from_static("realm-generation");

/// A GET or HEAD of something in a realm.
pub(super) struct Ask<'a> {
    pub(super) app: &'a App,
    pub(super) realm: &'a Arc<Mounted>,
    pub(super) headers: &'a HeaderMap,
    /// What comes after the `?`; empty without.
    pub(super) query: &'a str,
    pub(super) is_get: bool,
    pub(super) visitor: &'a Visitor,
    /// How the request was judged.
    pub(super) seen: Seen,
    /// When it came.
    pub(super) asked: Asked,
}

impl Ask<'_> {
    /// Waits for the generation that the request names.
    pub(super) async fn reached(&self) -> Result<(), Problem> {
        if let Some(generation) = generation(self.headers)? {
            let reader = &self.app.0.reader;
            reader.wait_for(self.realm, generation).await?;
        }
        Ok(())
    }
}

/// The generation that a request names.
pub(super) fn generation(headers: &HeaderMap) -> Result<Option<Generation>, Problem> {
    let Some(wanted) = headers.get(GENERATION) else {
        return Ok(None);
    };
    let generation = wanted.to_str().ok().and_then(|text| text.parse().ok());
    generation.map(Some).ok_or_else(|| {
        let detail = "Realm-Generation is not a whole number";
        Problem::new(StatusCode::BAD_REQUEST, "bad-generation", detail)
    })
}

/// GET and HEAD of a realm's path.
pub(super) async fn read(ask: &Ask<'_>, rest: &str) -> Result<Response, Problem> {
    ask.reached().await?;
    let wanted = wanted(ask.headers);
    if rest.is_empty() || rest.ends_with('/') {
        if wanted == Wanted::Listing {
            return listing(ask.app, ask.realm, rest).await;
        }
        let of_documents = matches!(wanted, Wanted::Page | Wanted::Rendering);
        if !rest.is_empty() && !of_documents {
            return Err(Problem::no_file(rest));
        }
    }
    if wanted == Wanted::Rendering {
        return Box::pin(page::rendering(ask, rest)).await;
    }
    let tries = if mutant!("collected-bytes-fail-the-read") {
        1
    } else {
        TRIES
    };
    for _ in 0..tries {
        let shown = match wanted {
            Wanted::Page => Box::pin(page::page(ask, rest)).await?,
            _ => Shown::AsIs,
        };
        let (documents, path, asked) = match shown {
            Shown::Page(response) => return Ok(*response),
            Shown::StartOver => continue,
            Shown::Instead(documents, path, asked) => (Some(documents), path, asked),
            // A realm's own URL shows its page.
            Shown::AsIs if rest.is_empty() => (None, LocalPath::new("index.html")?, false),
            Shown::AsIs => (None, LocalPath::decode(rest)?, true),
        };
        let get = Get { ask, path, asked };
        let response = match wanted {
            Wanted::Source => get.source().await,
            _ => get.module().await,
        };
        match response {
            Ok(Some(response)) => return Ok(response),
            Ok(None) => {}
            // That there is nothing was seen in two looks, which must be of one generation.
            Err(problem) if problem.is_absence() => match documents {
                Some(documents) if !page::still_hold(ask, &documents, &problem).await? => {}
                _ => return Err(problem),
            },
            Err(problem) => return Err(problem),
        }
    }
    Err(ReadError::Overtaken(TRIES).into())
}

/// How often a read starts over from its path because the bytes that it meant have been collected.
const TRIES: usize = 3;

/// One GET or HEAD of a file.
struct Get<'a> {
    ask: &'a Ask<'a>,
    path: LocalPath,
    /// Whether the request names the path, rather than what is shown in its place.
    asked: bool,
}

impl Get<'_> {
    /// The file itself; none: its bytes have been collected.
    async fn source(&self) -> Result<Option<Response>, Problem> {
        let read = self
            .ask
            .app
            .0
            .reader
            .source(self.ask.realm, &self.path)
            .await?;
        let Some(file) = &read.value.file else {
            return self.absent(&read);
        };
        if file.path != self.path {
            let mut response = redirect(&format!(
                "{}{}",
                self.ask.realm.url.path(),
                file.path.encode()
            ));
            self.about(&read).headers(response.headers_mut());
            return Ok(Some(response));
        }
        self.stored(&read, file).await
    }

    /// What the file is served as; none: its bytes have been collected.
    async fn module(&self) -> Result<Option<Response>, Problem> {
        let reply = self
            .ask
            .app
            .0
            .reader
            .reply(self.ask.realm, &self.path, self.ask.asked)
            .await?;
        let piece = match &reply.value {
            Reply::Module(_) => None,
            Reply::Piece(_, piece) => Some(piece.clone()),
        };
        let read = reply.map(Reply::into_module);
        if let Some(piece) = piece {
            let body = Body {
                tag: &piece.tag,
                media_type: &piece.media_type,
                bytes: piece.bytes.clone(),
                modified_at: None,
                prepared: None,
            };
            return Ok(Some(self.about(&read).bytes(self.ask, body).await?));
        }
        let Some(file) = &read.value.file else {
            return self.absent(&read);
        };
        let mut response = match &*read.value.made {
            Made::AsIs => match self.stored(&read, file).await? {
                Some(response) => response,
                None => return Ok(None),
            },
            Made::Failed(failure) => {
                return Err(self.about(&read).problem(Problem::failed(failure)));
            }
            Made::Output(output) => {
                let body = Body {
                    tag: &output.tag,
                    media_type: &output.media_type,
                    bytes: output.contents.clone(),
                    modified_at: None,
                    prepared: Some(&output.prepared),
                };
                let mut response = self.about(&read).bytes(self.ask, body).await?;
                if output.source_map.is_some() {
                    // Relative to the request's own URL, which has the file's name in it or an alias beside it.
                    let name = file.path.encode();
                    let name = name.rsplit('/').next().unwrap_or(&name);
                    response
                        .headers_mut()
                        .insert("sourcemap", header(&format!("{name}.map")));
                }
                response
            }
        };
        if file.path != self.path || !self.asked {
            let location = format!("{}{}", self.ask.realm.url.path(), file.path.encode());
            response
                .headers_mut()
                .insert(CONTENT_LOCATION, header(&location));
        }
        Ok(Some(response))
    }

    /// A file as it is stored; none: its bytes have been collected.
    async fn stored(
        &self,
        read: &Read<Module>,
        file: &FileRow,
    ) -> Result<Option<Response>, Problem> {
        let reader = &self.ask.app.0.reader;
        let Some(bytes) = reader.bytes(self.ask.realm, file.blob).await? else {
            return Ok(None);
        };
        let body = Body {
            tag: &file.blob.short(),
            media_type: file.media_type,
            bytes,
            modified_at: Some(file.modified_at),
            prepared: Some(&read.value.prepared),
        };
        Ok(Some(self.about(read).bytes(self.ask, body).await?))
    }

    fn absent<T>(&self, read: &Read<Module>) -> Result<T, Problem> {
        let problem = Problem::no_file(self.path.as_str());
        Err(self.about(read).problem(problem))
    }

    fn about<'b>(&'b self, read: &'b Read<Module>) -> About<'b> {
        About::of(self.ask, read, Some(&read.value.settings))
    }
}

/// A folder's files and folders.
async fn listing(app: &App, realm: &Mounted, rest: &str) -> Result<Response, Problem> {
    let folder = if rest.is_empty() {
        String::new()
    } else {
        LocalPath::decode(&rest[..rest.len() - 1])?.to_string()
    };
    let looked = app.0.reader.list(realm, &folder).await?;
    if looked.files.is_empty() && !folder.is_empty() {
        return Err(Problem::no_file(rest).at_generation(looked.generation));
    }
    let skip = if folder.is_empty() {
        0
    } else {
        folder.len() + 1
    };
    let mut folders = BTreeSet::new();
    let mut data = Vec::new();
    for file in &looked.files {
        let below = &file.path.as_str()[skip..];
        if let Some((name, _)) = below.split_once('/') {
            folders.insert(name.to_owned());
            continue;
        }
        data.push(json!({
            "type": "file",
            "id": realm.url.join(&file.path),
            "attributes": {
                "path": file.path.as_str(), "size": file.size, "etag": format!("\"{}\"", file.blob.short()),
                "lastModified": http_date(file.modified_at),
            },
        }));
    }
    for name in folders {
        let path = format!(
            "{}{name}",
            &if folder.is_empty() {
                String::new()
            } else {
                format!("{folder}/")
            }
        );
        let local = LocalPath::new(&path)?;
        data.push(json!({ "type": "folder", "id": format!("{}/", realm.url.join(&local)), "attributes": { "path": format!("{path}/") } }));
    }
    let mut response = json(StatusCode::OK, JSON_API, &json!({ "data": data }));
    response
        .headers_mut()
        .insert(GENERATION, looked.generation.into());
    Ok(response)
}

/// Milliseconds since 1970 as RFC 9110 writes a date.
pub(super) fn http_date(millis: i64) -> Option<String> {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).ok()?);
    Some(httpdate::fmt_http_date(time))
}
