use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::response::Response;
use futures_util::future::join_all;
use hyper::StatusCode;
use serde_json::{Value, json};
use tracing::debug;
use url::form_urlencoded;

use super::answer::json;
use super::error::{JSON_API, Problem, of_index};
use super::read::{Ask, GENERATION};
use crate::definitions::ModuleDefinitions;
use crate::reading::Reader;
use crate::realm::{Generation, LocalPath, RealmUrl};

/// Modules whose definitions are asked for at one time.
const AT_ONCE: usize = 4;

/// `_types`: the types of the realm's documents, each with how many are of it, and what its module defines it to be.
pub(super) async fn types(ask: &Ask<'_>) -> Result<Response, Problem> {
    let generation = generation_of(ask).await?;
    let types = ask.app.0.reader.index_types(ask.realm).await?;
    let modules: BTreeSet<&str> = types
        .iter()
        .filter_map(|(name, _)| Some(name.rsplit_once('/')?.0))
        .collect();
    let modules: Vec<_> = modules.into_iter().collect();
    let mut defined = HashMap::new();
    for some in modules.chunks(AT_ONCE) {
        let mut asking = Vec::with_capacity(AT_ONCE);
        for module in some {
            asking.push(definitions_of(ask, module));
        }
        let found = join_all(asking).await;
        let found = some.iter().copied().zip(found);
        defined.extend(found.filter_map(|(module, all)| Some((module, all?))));
    }
    let data: Vec<_> = types
        .iter()
        .map(|(name, total)| {
            let definition = name.rsplit_once('/').and_then(|(module, export)| {
                let all = defined.get(module)?.outcome.as_deref().ok()?;
                all.iter().find(|one| one.export_name == export)
            });
            let definition = definition.map(|one| {
                let schema = serde_json::from_str(&one.schema);
                json!({ "kind": one.kind, "schema": schema.unwrap_or(Value::Null) })
            });
            let attributes = json!({ "displayName": display_name(name), "total": total, "definition": definition });
            json!({ "type": "card-type-summary", "id": name, "attributes": attributes })
        })
        .collect();
    let body = json!({ "data": data });
    Ok(at(generation, "application/json", &body))
}

/// What a module defines, where whoever asks may read it: it is of this realm, or of one that everyone may read.
async fn definitions_of(ask: &Ask<'_>, url: &str) -> Option<Arc<ModuleDefinitions>> {
    let app = &ask.app.0;
    let (realm, _) = app.registry.find(url)?;
    if realm.id != ask.realm.id && !app.reader.is_public(&realm).await.ok()? {
        return None;
    }
    let defined = app.definitions.definitions(url, ask.asked).await;
    // Without them the summary is still one.
    defined
        .inspect_err(|error| debug!(%error, url, "no definitions for a type"))
        .ok()?
}

/// What people call a type: the last part of its name, which is a module's URL with an export.
fn display_name(name: &str) -> &str {
    name.rsplit(['/', '#'])
        .next()
        .filter(|last| !last.is_empty())
        .unwrap_or(name)
}

/// `_dependencies?url=`: the URLs that the document at a URL was made from.
pub(super) async fn dependencies(ask: &Ask<'_>) -> Result<Response, Problem> {
    let bad = |detail: &str| Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail);
    let mut pairs = form_urlencoded::parse(ask.query.as_bytes());
    let url = pairs
        .find(|(name, _)| name == "url")
        .map(|(_, url)| url.into_owned());
    let url = url.filter(|url| !url.is_empty());
    let url = url.ok_or_else(|| bad("the query has no `url`"))?;
    let generation = generation_of(ask).await?;
    let read = match names(&ask.realm.url, &url) {
        Some(paths) => ask.app.0.reader.index_reads(ask.realm, &paths).await?,
        None => Vec::new(),
    };
    let data: Vec<_> = read
        .iter()
        .map(|url| json!({ "type": "dependency", "id": url }))
        .collect();
    Ok(at(generation, JSON_API, &json!({ "data": data })))
}

/// The files that a URL of a realm may mean: one of that name, else a document at its URL without its extension. None:
/// it is of no file of the realm.
fn names(realm: &RealmUrl, url: &str) -> Option<Vec<LocalPath>> {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    let is_folder = url[..end].ends_with('/');
    let path = if is_folder {
        realm.local(&format!("{}index", &url[..end]))?
    } else {
        realm.local(url)?
    };
    let documents = Reader::document_names(path.as_str());
    let own = (!is_folder).then_some(path);
    Some(own.into_iter().chain(documents).collect())
}

/// `_indexing-errors`: the files that the index has an error for.
pub(super) async fn errors(ask: &Ask<'_>) -> Result<Response, Problem> {
    let generation = generation_of(ask).await?;
    let (failed, total) = ask.app.0.reader.index_errors(ask.realm).await?;
    let data: Vec<_> = failed
        .iter()
        .filter_map(|row| {
            let path = LocalPath::new(&row.path).ok()?;
            let errors = of_index(StatusCode::NOT_ACCEPTABLE, path.as_str(), &row.error);
            let attributes = json!({
                "path": path.as_str(), "generation": row.generation, "hasRenderings": row.has_renderings,
                "indexedAt": row.indexed_at, "errors": errors,
            });
            Some(json!({ "type": "indexing-error", "id": ask.realm.url.join(&path), "attributes": attributes }))
        })
        .collect();
    let body = json!({ "data": data, "meta": { "page": { "total": total } } });
    Ok(at(generation, JSON_API, &body))
}

/// The generation of which the index tells: how far it has come. With one that the request names, it is waited for.
async fn generation_of(ask: &Ask<'_>) -> Result<Generation, Problem> {
    ask.reached().await?;
    let reader = &ask.app.0.reader;
    let wanted = super::read::generation(ask.headers)?;
    Ok(reader.index_at(ask.realm, wanted).await?)
}

fn at(generation: Generation, media_type: &'static str, body: &Value) -> Response {
    let mut response = json(StatusCode::OK, media_type, body);
    response.headers_mut().insert(GENERATION, generation.into());
    response
}

#[cfg(test)]
mod tests {
    use super::{display_name, names};
    use crate::realm::RealmUrl;

    #[test]
    fn a_type_is_called_by_its_export() {
        for (name, expected) in [
            ("https://r.example/person/Person", "Person"),
            ("https://r.example/person#Person", "Person"),
            ("markdown", "markdown"),
            ("odd/", "odd/"),
        ] {
            assert_eq!(display_name(name), expected);
        }
    }

    #[test]
    fn a_url_may_mean_several_files() {
        let realm = RealmUrl::parse("https://r.example/r/").unwrap();
        let of = |url: &str| {
            let names = names(&realm, url)?;
            Some(
                names
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        assert_eq!(
            of("https://r.example/r/a?x#y").as_deref(),
            Some("a a.json a.md a.html")
        );
        let index = Some("index.json index.md index.html");
        assert_eq!(of("https://r.example/r/").as_deref(), index);
        assert_eq!(of("https://other.example/r/a"), None);
    }
}
