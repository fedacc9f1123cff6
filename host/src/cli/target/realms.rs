use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Direct, Http, Target};
use crate::lifecycle::{Actor, Grant};
use crate::realm::{BlobHash, LocalPath, RealmUrl, Rights};

/// How far a publish has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) phase: String,
    pub(crate) done: u64,
    pub(crate) total: u64,
}

/// A realm's files, all of one generation: each path with what names its bytes.
pub(crate) type Listing = BTreeMap<LocalPath, String>;

impl Target {
    /// Publishes `source` at `target`; when, in milliseconds since 1970.
    pub(crate) async fn publish(&self, source: &RealmUrl, target: &RealmUrl) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let body = json!({ "sourceRealmURL": source.as_str(), "publishedRealmURL": target.as_str() });
                http.post("/_publish-realm", &body).await
            }
            Self::Direct(direct) => {
                let (source, target) = (source.clone(), target.clone());
                let lifecycle = &direct.core.lifecycle;
                lifecycle.publish(source, target, Actor::operator()).await?;
                Ok(())
            }
        }
    }

    /// How far the publish of a realm has come, as its host says; without a host there is nobody to wait for.
    pub(crate) async fn publish_progress(&self, target: &RealmUrl) -> anyhow::Result<Progress> {
        let Self::Http(http) = self else {
            return Ok(Progress {
                phase: "done".to_owned(),
                ..Progress::default()
            });
        };
        let mut url = url::Url::parse(&format!("{}/_publish-progress", http.base))?;
        url.query_pairs_mut()
            .append_pair("published_realm_url", target.as_str());
        let answer = http.send(http.client.get(url)).await?.text().await?;
        let answer: Value = serde_json::from_str(&answer)?;
        Ok(Progress {
            phase: answer["phase"].as_str().unwrap_or_default().to_owned(),
            done: answer["filesCompleted"].as_u64().unwrap_or_default(),
            total: answer["totalFiles"].as_u64().unwrap_or_default(),
        })
    }

    /// Whether the host says that it serves all that the realm has, with its renderings.
    pub(crate) async fn is_ready(&self, realm: &RealmUrl) -> anyhow::Result<bool> {
        let Self::Http(http) = self else {
            return Ok(true);
        };
        let check = "_readiness-check?awaitPrerenderHtml=true";
        let answer = http.ask(http.realm(Method::GET, realm, check)).await?;
        match answer.status() {
            StatusCode::OK => Ok(true),
            StatusCode::SERVICE_UNAVAILABLE => Ok(false),
            status => bail!("{status}: asking whether {realm} is ready"),
        }
    }

    /// Takes a published realm away.
    pub(crate) async fn unpublish(&self, target: &RealmUrl) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let body = json!({ "publishedRealmURL": target.as_str() });
                http.post("/_unpublish-realm", &body).await
            }
            Self::Direct(direct) => {
                let lifecycle = &direct.core.lifecycle;
                lifecycle
                    .unpublish(target.clone(), Actor::operator())
                    .await?;
                Ok(())
            }
        }
    }

    /// Deletes a realm with all that is published from it.
    pub(crate) async fn delete(&self, realm: &RealmUrl) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let body = json!({ "data": { "type": "realm", "id": realm.as_str() } });
                let request = http.client.delete(format!("{}/_delete-realm", http.base));
                http.send(request.body(body.to_string())).await.map(drop)
            }
            Self::Direct(direct) => {
                let lifecycle = &direct.core.lifecycle;
                lifecycle.delete(realm.clone(), Actor::operator()).await?;
                Ok(())
            }
        }
    }

    /// Seals a realm, or opens it again.
    pub(crate) async fn archive(&self, realm: &RealmUrl, archived: bool) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let body = json!({ "data": { "type": "realm", "id": realm.as_str() } });
                let path = if archived {
                    "/_archive-realm"
                } else {
                    "/_unarchive-realm"
                };
                http.post(path, &body).await
            }
            Self::Direct(direct) => {
                let lifecycle = &direct.core.lifecycle;
                lifecycle
                    .archive(realm.clone(), archived, Actor::operator())
                    .await?;
                Ok(())
            }
        }
    }

    /// Gives a user exactly these rights.
    pub(crate) async fn share(
        &self,
        realm: &RealmUrl,
        user: &str,
        rights: Rights,
    ) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let body = json!({ "data": { "type": "permissions", "attributes": { "permissions": { user: rights.names() } } } });
                let request = http.realm(Method::PATCH, realm, "_permissions");
                http.send(request.body(body.to_string())).await.map(drop)
            }
            Self::Direct(direct) => {
                let user = user.to_owned();
                let grants = vec![Grant { user, rights }];
                let lifecycle = &direct.core.lifecycle;
                lifecycle
                    .share(realm.clone(), grants, Actor::operator())
                    .await?;
                Ok(())
            }
        }
    }

    /// What there is to know of a realm.
    pub(crate) async fn status(&self, realm: &RealmUrl) -> anyhow::Result<Value> {
        match self {
            Self::Http(http) => {
                let answer = http.send(http.realm(Method::GET, realm, "_info")).await?;
                let generation = answer.headers().get("realm-generation");
                let generation =
                    generation.and_then(|text| text.to_str().ok()?.parse::<i64>().ok());
                let info: Value = serde_json::from_str(&answer.text().await?)?;
                let attributes = &info["data"]["attributes"];
                Ok(json!({
                    "url": realm.as_str(), "kind": attributes["kind"], "generation": generation,
                    "visibility": attributes["visibility"], "published": attributes["lastPublishedAt"],
                    "ready": self.is_ready(realm).await?,
                }))
            }
            Self::Direct(direct) => direct.status(realm).await,
        }
    }

    /// The bytes of a file; none when it has gone.
    pub(crate) async fn bytes(
        &self,
        realm: &RealmUrl,
        path: &LocalPath,
        tag: &str,
    ) -> anyhow::Result<Option<Bytes>> {
        let bytes = match self {
            Self::Http(http) => {
                let request = http
                    .realm(Method::GET, realm, &path.encode())
                    .header("accept", "application/vnd.card+source");
                let answer = http.ask(request).await?;
                if answer.status() == StatusCode::NOT_FOUND {
                    return Ok(None);
                }
                http.good(answer).await?.bytes().await?
            }
            Self::Direct(direct) => {
                let mounted = direct.mounted(realm)?;
                let database = &direct.core.database;
                let looked = database.look(mounted.id, &[path.as_str()]).await?;
                let file = looked.and_then(|looked| looked.files.into_iter().next());
                let Some(file) = file else { return Ok(None) };
                match database.blob(file.blob).await? {
                    Some(bytes) => Bytes::from(bytes),
                    None => return Ok(None),
                }
            }
        };
        Ok((BlobHash::of(&bytes).short() == tag).then_some(bytes))
    }
}

impl Direct {
    async fn status(&self, realm: &RealmUrl) -> anyhow::Result<Value> {
        let mounted = self.mounted(realm)?;
        let database = &self.core.database;
        let permissions = database.permissions(mounted.id).await?;
        let (generation, users) = permissions.context("the realm is gone")?;
        let public = users.get("*").is_some_and(|rights| rights.entailed().read);
        let published = database.publications(mounted.id).await?;
        let published: serde_json::Map<_, _> = published
            .into_iter()
            .map(|of| (of.url, json!(of.published_at.to_string())))
            .collect();
        Ok(json!({
            "url": realm.as_str(), "kind": mounted.kind.as_str(), "generation": generation,
            "visibility": if public { "public" } else { "private" }, "published": published, "ready": null,
        }))
    }
}

impl Http {
    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let request = self.client.post(format!("{}{path}", self.base));
        self.send(request.body(body.to_string())).await.map(drop)
    }
}
