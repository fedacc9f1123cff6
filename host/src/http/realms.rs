use axum::response::Response;
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::App;
use super::answer::{self, header};
use super::authorize::{Need, Visitor};
use super::error::{JSON_API, Problem};
use super::read::GENERATION;
use super::write::read_json;
use crate::database::{IndexPhase, RealmKind};
use crate::lifecycle::LifecycleError;
use crate::reading::Asked;
use crate::realm::{Generation, RealmUrl};

/// The server's own endpoints about realms: the public socket's, beside `/_health` and `/_ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Create,
    Publish,
    Progress,
    Unpublish,
    Delete,
    Archive,
    Unarchive,
}

impl Endpoint {
    /// The endpoint at a path.
    pub(super) fn at(path: &str) -> Option<Self> {
        Some(match path.strip_prefix("/_")? {
            "create-realm" => Self::Create,
            "publish-realm" => Self::Publish,
            "publish-progress" => Self::Progress,
            "unpublish-realm" => Self::Unpublish,
            "delete-realm" => Self::Delete,
            "archive-realm" => Self::Archive,
            "unarchive-realm" => Self::Unarchive,
            _ => return None,
        })
    }

    /// The one that it takes.
    pub(super) fn method(self) -> Method {
        match self {
            Self::Progress => Method::GET,
            Self::Delete => Method::DELETE,
            _ => Method::POST,
        }
    }
}

/// Answers a request to one of them.
pub(super) async fn answer(
    app: &App,
    endpoint: Endpoint,
    request: Request<Incoming>,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let visitor = app.visitor(&parts.headers)?;
    if endpoint == Endpoint::Progress {
        let asked = (&parts.headers, Asked::now());
        return progress(app, &visitor, parts.uri.query().unwrap_or_default(), asked).await;
    }
    app.refuse_foreign(&parts.headers, &app.0.origin)?;
    visitor.require_name()?;
    match endpoint {
        Endpoint::Create => create(app, &visitor, read_json(app, body).await?).await,
        Endpoint::Publish => publish(app, &visitor, read_json(app, body).await?).await,
        Endpoint::Unpublish => unpublish(app, &visitor, read_json(app, body).await?).await,
        Endpoint::Delete => delete(app, &visitor, of_realm(app, body).await?).await,
        _ => {
            let archived = endpoint == Endpoint::Archive;
            archive(app, &visitor, of_realm(app, body).await?, archived).await
        }
    }
}

/// JSON:API's document about one thing.
#[derive(Debug, Deserialize)]
struct Document<T> {
    data: T,
}

#[derive(Debug, Deserialize)]
struct NewRealm {
    attributes: NewAttributes,
}

#[derive(Debug, Deserialize)]
struct NewAttributes {
    url: String,
    name: Option<String>,
    /// For operators: who owns it.
    owner: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Resource {
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

#[derive(Debug, Deserialize)]
struct Publish {
    #[serde(rename = "sourceRealmURL")]
    source: String,
    #[serde(rename = "publishedRealmURL")]
    published: String,
}

#[derive(Debug, Deserialize)]
struct Unpublish {
    #[serde(rename = "publishedRealmURL")]
    published: String,
}

fn bad(code: &str, detail: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, code, detail)
}

/// A realm's URL; the `/` at its end may have been left out.
fn realm_url(text: &str) -> Result<RealmUrl, Problem> {
    let text = text.trim();
    let slash = if text.ends_with('/') { "" } else { "/" };
    RealmUrl::parse(&format!("{text}{slash}")).map_err(|error| bad("bad-url", error))
}

async fn of_realm(app: &App, body: Incoming) -> Result<RealmUrl, Problem> {
    let asked: Document<Resource> = read_json(app, body).await?;
    if asked.data.kind != "realm" {
        return Err(bad("bad-type", "`data.type` is not `realm`"));
    }
    realm_url(&asked.data.id)
}

async fn create(
    app: &App,
    visitor: &Visitor,
    asked: Document<NewRealm>,
) -> Result<Response, Problem> {
    let NewAttributes { url, name, owner } = asked.data.attributes;
    let url = RealmUrl::parse(&url).map_err(|error| bad("bad-url", error))?;
    app.may_claim(visitor, &url, Claim::Create).await?;
    let owner = match owner {
        Some(owner) if visitor.is_operator() => Some(owner),
        Some(_) => {
            let detail = "only an operator makes realms for others";
            return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
        }
        None => visitor.name().map(str::to_owned),
    };
    let lifecycle = &app.0.lifecycle;
    let made = lifecycle.create(url.clone(), name, owner, visitor.actor());
    let generation = made.await?;
    let body = json!({ "data": { "type": "realm", "id": url.as_str(), "attributes": { "url": url.as_str() } } });
    let mut response = answer::json(StatusCode::ACCEPTED, JSON_API, &body);
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(url.as_str()));
    headers.insert(GENERATION, generation.into());
    Ok(response)
}

async fn publish(app: &App, visitor: &Visitor, asked: Publish) -> Result<Response, Problem> {
    let (source, target) = (realm_url(&asked.source)?, realm_url(&asked.published)?);
    // A source that they may not know of is none.
    let none = || bad("no-realm", format!("there is no realm at {source}"));
    let realm = app.seen(visitor, &source).await?.ok_or_else(none)?;
    app.may_claim(visitor, &target, Claim::Publish).await?;
    let lifecycle = &app.0.lifecycle;
    let published = lifecycle.publish(realm.url.clone(), target, visitor.actor());
    let published = published.await.map_err(|error| match error {
        LifecycleError::NoRealm(_) => none(),
        error => error.into(),
    })?;
    let body = published_realm(
        "published_realm",
        &published.url,
        Some(published.source.as_str()),
        published.published_at,
        "pending",
    );
    let mut response = answer::json(StatusCode::ACCEPTED, JSON_API, &body);
    let check = format!("{}_readiness-check?awaitPrerenderHtml=true", published.url);
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&check));
    headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
    headers.insert(GENERATION, published.generation.into());
    Ok(response)
}

fn published_realm(
    kind: &str,
    url: &RealmUrl,
    source: Option<&str>,
    published_at: i64,
    status: &str,
) -> Value {
    json!({ "data": { "type": kind, "id": url.as_str(), "attributes": {
        "sourceRealmURL": source, "publishedRealmURL": url.as_str(),
        "lastPublishedAt": published_at.to_string(), "status": status,
    } } })
}

async fn unpublish(app: &App, visitor: &Visitor, asked: Unpublish) -> Result<Response, Problem> {
    let url = realm_url(&asked.published)?;
    let none = || LifecycleError::NotPublished(url.clone());
    let realm = app.seen(visitor, &url).await?.ok_or_else(none)?;
    let publication = app.0.reader.publication(&realm).await?;
    let ended = app
        .0
        .lifecycle
        .unpublish(url.clone(), visitor.actor())
        .await?;
    let at = publication.map_or(0, |publication| publication.published_at);
    let body = published_realm(
        "unpublished_realm",
        &url,
        ended.source.as_deref(),
        at,
        "unpublished",
    );
    Ok(ended_at(
        answer::json(StatusCode::OK, JSON_API, &body),
        ended.generation,
    ))
}

fn ended_at(mut response: Response, generation: Generation) -> Response {
    response.headers_mut().insert(GENERATION, generation.into());
    response
}

async fn delete(app: &App, visitor: &Visitor, url: RealmUrl) -> Result<Response, Problem> {
    app.seen(visitor, &url)
        .await?
        .ok_or_else(|| visitor.no_realm())?;
    let ended = app.0.lifecycle.delete(url, visitor.actor()).await?;
    Ok(ended_at(
        answer::empty(StatusCode::NO_CONTENT),
        ended.generation,
    ))
}

async fn archive(
    app: &App,
    visitor: &Visitor,
    url: RealmUrl,
    archived: bool,
) -> Result<Response, Problem> {
    app.seen(visitor, &url)
        .await?
        .ok_or_else(|| visitor.no_realm())?;
    let lifecycle = &app.0.lifecycle;
    let generation = lifecycle
        .archive(url.clone(), archived, visitor.actor())
        .await?;
    let body = json!({ "data": { "type": "realm", "id": url.as_str(), "attributes": { "archived": archived } } });
    let response = answer::json(StatusCode::OK, JSON_API, &body);
    Ok(ended_at(response, generation))
}

/// How far a publish has come: its files can be read as soon as it is answered, and then the index is made of them, and
/// their pages. The database tells, so every replica says the same.
async fn progress(
    app: &App,
    visitor: &Visitor,
    query: &str,
    (headers, asked): (&hyper::HeaderMap, Asked),
) -> Result<Response, Problem> {
    visitor.require_name()?;
    let named = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "published_realm_url")
        .map(|(_, url)| url.into_owned());
    let named = named.ok_or_else(|| bad("bad-query", "the query has no `published_realm_url`"))?;
    let url = realm_url(&named)?;
    let realm = app.seen(visitor, &url).await?;
    let realm = realm
        .filter(|realm| realm.kind == RealmKind::Published)
        .ok_or_else(|| LifecycleError::NotPublished(url.clone()))?;
    app.judge(&realm, visitor, Need::Own, (headers, asked))
        .await?;
    let state = app.0.reader.index_state(&realm).await?;
    let phase = state.phase();
    let completed = match phase {
        IndexPhase::Queued | IndexPhase::Index => 0,
        // Those that are gone are visited too.
        IndexPhase::Render => state.files.saturating_sub(state.visits),
        IndexPhase::Done => state.files,
    };
    let body =
        json!({ "phase": phase.as_str(), "filesCompleted": completed, "totalFiles": state.files });
    Ok(ended_at(
        answer::json(StatusCode::OK, "application/json", &body),
        state.generation,
    ))
}

/// For what somebody wants a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claim {
    Create,
    Publish,
}

impl App {
    /// The realm at a URL, unless there is none that the visitor may know of.
    async fn seen(
        &self,
        visitor: &Visitor,
        url: &RealmUrl,
    ) -> Result<Option<std::sync::Arc<crate::registry::Mounted>>, Problem> {
        let registry = &self.0.registry;
        let mut realm = registry.get(url);
        if realm.is_none() {
            self.look_again(url.path()).await?;
            realm = registry.get(url);
        }
        let Some(realm) = realm else { return Ok(None) };
        let asked = (&hyper::HeaderMap::new(), Asked::now());
        match self.judge(&realm, visitor, Need::Sight, asked).await {
            Ok(_) => Ok(Some(realm)),
            Err(problem) if problem.is_absence() => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// Whether a visitor may have a realm at a URL. One inside another realm would take a part of it from its owners.
    async fn may_claim(
        &self,
        visitor: &Visitor,
        url: &RealmUrl,
        claim: Claim,
    ) -> Result<(), Problem> {
        if visitor.is_operator() {
            return Ok(());
        }
        let claims = &self.0.claims;
        let (may, what, setting) = match claim {
            Claim::Create => (claims.may_create(url), "make realms", "create-under"),
            Claim::Publish => (claims.may_publish(url), "publish", "publish-under"),
        };
        if !may {
            let detail = format!("users may not {what} at {url} (`{setting}`)");
            return Err(bad("not-allowed-there", detail));
        }
        // A URL that this replica knows of by itself is judged by what stands around it.
        self.look_again(url.path()).await?;
        let again = self.0.registry.get(url);
        let again = again.is_some_and(|realm| realm.kind == RealmKind::Published);
        if !again && let Some(around) = self.0.registry.around(url) {
            let asked = (&hyper::HeaderMap::new(), Asked::now());
            let owned = self.judge(&around, visitor, Need::Own, asked).await;
            if owned.is_err() {
                let detail = "the URL lies in a part of the server that is somebody else's";
                return Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", detail));
            }
        }
        Ok(())
    }
}
