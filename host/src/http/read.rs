use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::response::Response;
use hyper::header::{CONTENT_LOCATION, LAST_MODIFIED};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;

use super::App;
use super::answer::{About, header, json, redirect};
use super::error::{JSON_API, Problem};
use super::negotiate::{Wanted, wanted};
use crate::database::FileRow;
use crate::reading::{Asked, Made, Module, Read, Reply, Served};
use crate::realm::{LocalPath, media_type};
use crate::registry::Mounted;

/// The header that names a generation, of answers and of requests.
const GENERATION: &str = "realm-generation";

/// GET and HEAD of a realm's path.
pub(super) async fn read(
    app: &App,
    realm: &Arc<Mounted>,
    rest: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::now();
    let reader = &app.0.reader;
    if let Some(wanted) = headers.get(GENERATION) {
        let generation = wanted.to_str().ok().and_then(|text| text.parse().ok());
        let generation = generation.ok_or_else(|| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-generation",
                "Realm-Generation is not a whole number",
            )
        })?;
        reader.wait_for(realm, generation).await?;
    }
    let wanted = wanted(headers);
    if rest.is_empty() || rest.ends_with('/') {
        if wanted == Wanted::Listing {
            return listing(app, realm, rest).await;
        }
        if !rest.is_empty() {
            return Err(Problem::no_file(rest));
        }
    }
    // A realm's own URL shows its page.
    let path = if rest.is_empty() {
        LocalPath::new("index.html")?
    } else {
        LocalPath::decode(rest)?
    };
    let served = reader.ensure_fresh(realm, asked).await?;
    let get = Get {
        app,
        realm,
        headers,
        path,
        served,
        asked,
    };
    match wanted {
        Wanted::Source => get.source().await,
        _ => get.module().await,
    }
}

/// One GET of a file.
struct Get<'a> {
    app: &'a App,
    realm: &'a Arc<Mounted>,
    headers: &'a HeaderMap,
    path: LocalPath,
    served: Served,
    asked: Asked,
}

impl Get<'_> {
    async fn source(&self) -> Result<Response, Problem> {
        let read = self.app.0.reader.source(self.realm, &self.path).await?;
        let Some(file) = &read.value.file else {
            return self.absent(&read);
        };
        if file.path != self.path {
            let mut response =
                redirect(&format!("{}{}", self.realm.url.path(), file.path.encode()));
            self.about(&read).headers(response.headers_mut());
            return Ok(response);
        }
        self.stored(&read, file).await
    }

    async fn module(&self) -> Result<Response, Problem> {
        let reply = self
            .app
            .0
            .reader
            .reply(self.realm, &self.path, self.asked)
            .await?;
        let piece = match &reply.value {
            Reply::Module(_) => None,
            Reply::Piece(_, piece) => Some(piece.clone()),
        };
        let read = reply.map(Reply::into_module);
        if let Some(piece) = piece {
            return Ok(self.about(&read).bytes(
                self.headers,
                &piece.tag,
                &piece.media_type,
                piece.bytes,
            ));
        }
        let Some(file) = &read.value.file else {
            return self.absent(&read);
        };
        let mut response = match &*read.value.made {
            Made::AsIs => self.stored(&read, file).await?,
            Made::Failed(failure) => {
                return Err(self.about(&read).problem(Problem::failed(failure)));
            }
            Made::Output(output) => {
                let contents = output.contents.clone();
                let mut response = self.about(&read).bytes(
                    self.headers,
                    &output.tag,
                    &output.media_type,
                    contents,
                );
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
        if file.path != self.path || self.path.as_str() == "index.html" {
            let location = format!("{}{}", self.realm.url.path(), file.path.encode());
            response
                .headers_mut()
                .insert(CONTENT_LOCATION, header(&location));
        }
        Ok(response)
    }

    /// A file as it is stored.
    async fn stored(&self, read: &Read<Module>, file: &FileRow) -> Result<Response, Problem> {
        let (bytes, _) = self.app.0.reader.bytes(self.realm.id, file.blob).await?;
        let mut response = self.about(read).bytes(
            self.headers,
            &file.blob.short(),
            media_type(file.path.as_str()),
            bytes,
        );
        if let Some(date) = http_date(file.modified_at) {
            response.headers_mut().insert(LAST_MODIFIED, header(&date));
        }
        Ok(response)
    }

    fn absent(&self, read: &Read<Module>) -> Result<Response, Problem> {
        let problem = Problem::no_file(self.path.as_str());
        Err(self.about(read).problem(problem))
    }

    fn about<'b>(&'b self, read: &'b Read<Module>) -> About<'b> {
        About::of(self.realm, read, Some(&read.value.settings), self.served)
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
fn http_date(millis: i64) -> Option<String> {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).ok()?);
    Some(httpdate::fmt_http_date(time))
}
