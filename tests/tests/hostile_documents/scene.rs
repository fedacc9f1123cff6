//! A realm with good documents, to which hostile ones are put.

use std::collections::BTreeMap;

use realm_tests::{Answer, Host, HostOptions, Storage, eventually};
use serde_json::{Value, json};

/// What a browser asks for when somebody follows a link.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A host with a realm at `/r/` in which a card, a Markdown document and an HTML one are good.
pub(crate) async fn scene(options: HostOptions) -> Host {
    let (host, _) = options.with_realm().await;
    scene_of(&host).await;
    host
}

/// Puts them to the realm.
pub(crate) async fn scene_of(host: &Host) {
    let module = "export class Good { static isolated = (a) => `<p>good ${a.round}</p>`; static title = (a) => `Good ${a.round}`; }";
    let round = json!({ "round": 0 });
    put_all(
        host,
        "/r/",
        &[
            ("good.js", module.to_owned()),
            ("good.json", card("./good.js", "Good", &round)),
            ("note.md", "# Note 0\n".to_owned()),
            ("page.html", "<title>Page</title><p>page 0</p>".to_owned()),
        ],
    )
    .await;
}

pub(crate) fn sqlite() -> HostOptions {
    HostOptions::new(Storage::Sqlite)
}

/// A card document.
pub(crate) fn card(module: &str, name: &str, attributes: &Value) -> String {
    let adopts = json!({ "adoptsFrom": { "module": module, "name": name } });
    json!({ "data": { "type": "card", "attributes": attributes, "meta": adopts } }).to_string()
}

/// Writes files of a realm, all in one change.
pub(crate) async fn put_all(host: &Host, realm: &str, files: &[(&str, String)]) {
    let operations: Vec<_> = files
        .iter()
        .map(|(path, text)| {
            let data = json!({ "type": "source", "attributes": { "content": text } });
            json!({ "op": "add", "href": format!("./{path}"), "data": data })
        })
        .collect();
    let body = json!({ "atomic:operations": operations });
    let answer = host.post(&format!("{realm}_atomic"), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// Modules that mean harm, by name: each with a card that adopts `Card` of it.
pub(crate) async fn put_cards(host: &Host, modules: &[(String, String)]) {
    let mut files = Vec::new();
    for (name, module) in modules {
        let stem = name.split('.').next().unwrap_or_default();
        let attributes = json!({ "name": stem });
        let document = card(&format!("./{name}"), "Card", &attributes);
        files.push((name.clone(), module.clone()));
        files.push((format!("{stem}.json"), document));
    }
    let files: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.clone()))
        .collect();
    put_all(host, "/r/", &files).await;
}

/// Waits until everything that a realm has is indexed and rendered.
pub(crate) async fn indexed(host: &Host, realm: &str) {
    let check = format!("{realm}_readiness-check?awaitPrerenderHtml=true");
    // The host itself waits for ten seconds: long enough in all for a machine that does much else.
    for _ in 0..12 {
        if host.get(&check).await.status == 200 {
            return;
        }
    }
    panic!("the realm is not indexed");
}

/// The page that a visitor is shown.
pub(crate) async fn page(host: &Host, path: &str) -> Answer {
    host.send(host.request("GET", path).header("accept", BROWSER))
        .await
}

/// One rendering by itself.
pub(crate) async fn rendering(host: &Host, path: &str, format: &str) -> Answer {
    let request = host.request("GET", &format!("{path}?format={format}"));
    host.send(request.header("accept", "application/vnd.card+html"))
        .await
}

/// What stands in a page for the document; empty where there is no page.
pub(crate) async fn body(host: &Host, path: &str) -> String {
    let shown = page(host, path).await;
    let text = shown.text();
    let inner = text.split_once("<body>");
    let inner = inner.and_then(|(_, rest)| rest.split_once('>'));
    let inner = inner.and_then(|(_, rest)| rest.rsplit_once("</div>\n</body>"));
    inner
        .map(|(inner, _)| inner.to_owned())
        .unwrap_or_else(|| panic!("no page of {path}: {} {text}", shown.status))
}

/// What `_indexing-errors` says, by path.
pub(crate) async fn errors(host: &Host, realm: &str) -> BTreeMap<String, Value> {
    let answer = host.get(&format!("{realm}_indexing-errors")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let rows = answer.json()["data"].as_array().cloned().unwrap();
    let attributes = rows.iter().map(|row| row["attributes"].clone());
    attributes
        .map(|row| (row["path"].as_str().unwrap().to_owned(), row))
        .collect()
}

/// The first error of a row, which must help its author: a code, a message, a file, what to do, and whose word it is.
pub(crate) fn first(row: &Value) -> (String, String) {
    let error = &row["errors"][0];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (code, detail) = (text(&error["code"]), text(&error["detail"]));
    for part in [
        &error["code"],
        &error["detail"],
        &error["source"]["path"],
        &error["meta"]["help"],
        &error["meta"]["plugin"],
    ] {
        assert!(
            !text(part).is_empty(),
            "an error that does not help: {error}"
        );
    }
    (code, detail)
}

/// Good documents are indexed and served, an edit of them included, and the host is well.
pub(crate) async fn all_is_well(host: &Host, round: usize) {
    let attributes = json!({ "round": round });
    for (path, text) in [
        ("good.json", card("./good.js", "Good", &attributes)),
        ("note.md", format!("# Note {round}\n")),
        ("page.html", format!("<p>page {round}</p>")),
    ] {
        host.put(&format!("/r/{path}"), text).await;
    }
    indexed(host, "/r/").await;
    for (path, expected) in [
        ("good.json", format!("<p>good {round}</p>")),
        ("note.md", format!("Note {round}</h1>")),
        ("page.html", format!("<p>page {round}</p>")),
    ] {
        let shown = body(host, &format!("/r/{path}")).await;
        assert!(shown.contains(&expected), "{path}: {shown}");
    }
    let errors = errors(host, "/r/").await;
    for path in ["good.json", "note.md", "page.html"] {
        assert!(!errors.contains_key(path), "{path}: {}", errors[path]);
    }
    assert_eq!(host.get("/_ready").await.status, 200);
    let log = host.log();
    for bad in ["panicked", "a visit panicked"] {
        assert!(!log.contains(bad), "{log}");
    }
    // What has been shown already may still be on its way out.
    eventually("no call goes on", || async {
        host.calls().await.is_empty().then_some(())
    })
    .await;
}
