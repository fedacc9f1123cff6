mod plugins;
mod realms;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use bytes::Bytes;
use reqwest::header::LOCATION;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

pub(super) use self::realms::Listing;
use super::Context;
use super::token::Bearer;
use crate::config::Config;
use crate::host::{Address, Core, DataFolder};
use crate::lifecycle::{Actor, Change, Condition, WriteSet};
use crate::outbound;
use crate::realm::{BlobHash, LocalPath, RealmUrl};

/// What a command works on: a running host, or the database itself.
pub(super) enum Target {
    Http(Http),
    Direct(Box<Direct>),
}

pub(super) struct Http {
    client: Client,
    base: String,
    bearer: Bearer,
}

pub(super) struct Direct {
    core: Core,
    config: Config,
    _folder: DataFolder,
}

/// How often a listing starts over.
const TRIES: usize = 10;

/// A file's new bytes; none: it goes.
pub(super) type Edit = (LocalPath, Option<Bytes>);

impl Target {
    /// The host at `--host`, else the one that runs on the data folder, else the database itself.
    pub(super) async fn find(context: &Context) -> anyhow::Result<Self> {
        Self::at(context, |address| Some(address.url.clone())).await
    }

    /// The same, by the socket for operators: `--host` is that one's URL.
    pub(super) async fn for_operators(context: &Context) -> anyhow::Result<Self> {
        Self::at(context, |address| address.admin.clone()).await
    }

    async fn at(
        context: &Context,
        socket: impl Fn(&Address) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let config = context.settings.config()?;
        if let Some(host) = &context.host {
            let url = Url::parse(host).with_context(|| format!("`--host {host}`"))?;
            let client = outbound::client(&url).map_err(anyhow::Error::msg)?;
            return Ok(Self::Http(Http {
                client,
                base: host.trim_end_matches('/').to_owned(),
                bearer: Bearer::new(&config.auth)?,
            }));
        }
        if let Some(address) = DataFolder::running(&config.data_dir) {
            let client = outbound::direct().map_err(anyhow::Error::msg)?;
            let alive = client
                .get(format!("{}/_health", address.url))
                .send()
                .await
                .is_ok_and(|answer| answer.status().is_success());
            if alive {
                let none = "the host that runs here has no socket for operators: start it with `--admin-listen`";
                return Ok(Self::Http(Http {
                    client,
                    base: socket(&address).context(none)?,
                    bearer: Bearer::new(&config.auth)?,
                }));
            }
        }
        let folder = DataFolder::take(&config)?;
        Ok(Self::Direct(Box::new(Direct {
            core: Core::open(&config, true).await?,
            config,
            _folder: folder,
        })))
    }

    pub(super) async fn create(
        &self,
        url: &RealmUrl,
        name: Option<String>,
        owner: Option<String>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let mut attributes = json!({ "url": url.as_str(), "name": name });
                if let Some(owner) = owner {
                    attributes["owner"] = json!(owner);
                }
                let body = json!({ "data": { "attributes": attributes } });
                http.send(
                    http.client
                        .post(format!("{}/_create-realm", http.base))
                        .body(body.to_string()),
                )
                .await?;
            }
            Self::Direct(direct) => {
                let by = Actor::operator();
                let made = direct.core.lifecycle.create(url.clone(), name, owner, by);
                made.await?;
            }
        }
        Ok(())
    }

    /// The realm's files with their tags.
    pub(super) async fn files(&self, realm: &RealmUrl) -> anyhow::Result<Listing> {
        match self {
            Self::Http(http) => http.files(realm).await,
            Self::Direct(direct) => {
                let mounted = direct.mounted(realm)?;
                let listed = direct
                    .core
                    .database
                    .list(mounted.id, "")
                    .await?
                    .context("the realm is gone")?;
                Ok(listed
                    .files
                    .into_iter()
                    .map(|file| (file.path, file.blob.short()))
                    .collect())
            }
        }
    }

    /// Commits edits, all or nothing; `known` says what is there already.
    pub(super) async fn commit(
        &self,
        realm: &RealmUrl,
        edits: Vec<Edit>,
        known: &BTreeMap<LocalPath, String>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => http.commit(realm, edits, known).await,
            Self::Direct(direct) => {
                let changes = edits.into_iter().map(|(path, bytes)| Change {
                    path,
                    bytes,
                    condition: Condition::Any,
                });
                let set = WriteSet {
                    changes: changes.collect(),
                    agreed: Vec::new(),
                };
                direct
                    .core
                    .lifecycle
                    .write(direct.mounted(realm)?, set)
                    .await?;
                Ok(())
            }
        }
    }

    pub(super) async fn invalidate(
        &self,
        realm: &RealmUrl,
        paths: Option<Vec<LocalPath>>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let urls = paths.map(|paths| {
                    paths
                        .iter()
                        .map(|path| realm.join(path))
                        .collect::<Vec<_>>()
                });
                let body = json!({ "data": { "attributes": { "urls": urls } } });
                http.send(
                    http.realm(Method::POST, realm, "_invalidate")
                        .body(body.to_string()),
                )
                .await?;
            }
            Self::Direct(direct) => direct
                .core
                .lifecycle
                .invalidate(&direct.mounted(realm)?.url, paths.as_deref()),
        }
        Ok(())
    }

    /// Waits until what was done has been announced.
    pub(super) async fn finish(self) {
        if let Self::Direct(direct) = self {
            direct.core.lifecycle.finish().await;
        }
    }
}

impl Direct {
    fn mounted(&self, realm: &RealmUrl) -> anyhow::Result<Arc<crate::registry::Mounted>> {
        self.core.registry.get(realm).with_context(|| {
            format!("there is no realm at {realm}; `realm create {realm}` makes one")
        })
    }
}

impl Http {
    /// A request to a realm, whatever socket its host is reached at.
    fn realm(&self, method: Method, realm: &RealmUrl, rest: &str) -> RequestBuilder {
        let authority = realm
            .origin()
            .split_once("://")
            .map_or("", |(_, authority)| authority);
        self.client
            .request(method, format!("{}{}{rest}", self.base, realm.path()))
            .header("host", authority)
    }

    /// What the host answers, good or not, to whom the settings say that one is.
    async fn ask(&self, mut request: RequestBuilder) -> anyhow::Result<Response> {
        if let Some(token) = self.bearer.token()? {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| {
            let problem = outbound::problem(&error);
            anyhow!("asking the host at {}: {problem}", self.base)
        })
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        self.good(self.ask(request).await?).await
    }

    /// An answer that says that it was done, else why not.
    async fn good(&self, answer: Response) -> anyhow::Result<Response> {
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let location = answer.headers().get(LOCATION);
        let location = location.filter(|_| status.is_redirection());
        if let Some(to) = location.and_then(|to| to.to_str().ok()) {
            bail!(
                "the host at {} leads on to {to}, where no command follows: give its own URL with `--host`",
                self.base
            );
        }
        let body: Value =
            serde_json::from_str(&answer.text().await.unwrap_or_default()).unwrap_or_default();
        let details = body["errors"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|error| error["detail"].as_str());
        bail!("{status}: {}", details.collect::<Vec<_>>().join("; "))
    }

    /// All of one generation: a folder is asked for after the other, and all again where the realm has changed between.
    async fn files(&self, realm: &RealmUrl) -> anyhow::Result<Listing> {
        for _ in 0..TRIES {
            if let Some(files) = self.files_once(realm).await? {
                return Ok(files);
            }
        }
        bail!("{realm} changes faster than it can be listed")
    }

    async fn files_once(&self, realm: &RealmUrl) -> anyhow::Result<Option<Listing>> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![String::new()]);
        let mut generation = None;
        while let Some(folder) = folders.pop() {
            let request = self
                .realm(Method::GET, realm, &folder)
                .header("accept", "application/vnd.api+json");
            let answer = self.ask(request).await?;
            if answer.status() == StatusCode::NOT_FOUND && !folder.is_empty() {
                return Ok(None);
            }
            let answer = self.good(answer).await?;
            let of = answer.headers().get("realm-generation").cloned();
            if generation.get_or_insert_with(|| of.clone()) != &of {
                return Ok(None);
            }
            let listing: Value = serde_json::from_str(&answer.text().await?)?;
            for entry in listing["data"].as_array().into_iter().flatten() {
                let path = entry["attributes"]["path"].as_str().unwrap_or_default();
                if entry["type"] == "folder" {
                    folders.push(format!(
                        "{}/",
                        LocalPath::new(path.trim_end_matches('/'))?.encode()
                    ));
                } else {
                    let tag = entry["attributes"]["etag"]
                        .as_str()
                        .unwrap_or_default()
                        .trim_matches('"');
                    files.insert(LocalPath::new(path)?, tag.to_owned());
                }
            }
        }
        Ok(Some(files))
    }

    async fn commit(
        &self,
        realm: &RealmUrl,
        edits: Vec<Edit>,
        known: &BTreeMap<LocalPath, String>,
    ) -> anyhow::Result<()> {
        let mut operations = Vec::new();
        for (path, bytes) in edits {
            let href = path.encode();
            let Some(bytes) = bytes else {
                operations.push(json!({ "op": "remove", "href": href }));
                continue;
            };
            match std::str::from_utf8(&bytes) {
                Ok(content) => {
                    let op = if known.contains_key(&path) {
                        "update"
                    } else {
                        "add"
                    };
                    operations.push(json!({ "op": op, "href": href, "data": { "type": "source", "attributes": { "content": content } } }));
                }
                // Bytes that are no text have no place in JSON: they go one by one.
                Err(_) => {
                    self.send(self.realm(Method::PUT, realm, &href).body(bytes))
                        .await?;
                }
            }
        }
        if !operations.is_empty() {
            let body = json!({ "atomic:operations": operations });
            self.send(
                self.realm(Method::POST, realm, "_atomic")
                    .body(body.to_string()),
            )
            .await?;
        }
        Ok(())
    }
}

/// The tag that a host gives to bytes.
pub(super) fn tag(bytes: &[u8]) -> String {
    BlobHash::of(bytes).short()
}
