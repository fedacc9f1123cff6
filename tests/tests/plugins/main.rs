//! Plugins that operators install, arrange and take away while hosts serve with them.

mod arrange;
mod commands;
mod install;
mod remove;
mod upgrade;

use realm_tests::{Answer, Edition, Host, HostOptions, Storage, component_digest, eventually};
use serde_json::{Value, json};

/// Longer than a test: what a replica has heard of, it has heard of by notification.
const LONG: &str = "10m";

/// A host that serves `/r/`, and indexes nothing.
async fn alone(storage: Storage) -> Host {
    let options = HostOptions::new(storage).with("role", "serve");
    options.with_realm().await.0
}

/// Two replicas that serve `/r/`.
async fn pair(lease: &str) -> (Host, Host) {
    let database = realm_tests::server().database().await;
    let options = HostOptions::new(Storage::Postgres(database))
        .with("role", "serve")
        .with("lease", lease);
    let (a, _) = options.clone().with_realm().await;
    let b = options.start().await;
    eventually("the realm is mounted on both", || async {
        (b.get("/r/_info").await.status == 200).then_some(())
    })
    .await;
    (a, b)
}

/// Sends a component under a digest.
async fn install_as(host: &Host, digest: &str, component: Vec<u8>) -> Answer {
    let request = host.admin_request("PUT", &format!("/_plugins/{digest}?source=a-test"));
    host.send(request.body(component)).await
}

/// Installs an edition; its digest.
async fn install(host: &Host, edition: &Edition) -> String {
    let component = edition.component();
    let digest = component_digest(&component);
    let answer = install_as(host, &digest, component).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let installed = answer.json();
    assert_eq!(installed["data"]["digest"], digest, "{installed}");
    assert_eq!(installed["data"]["state"], "in-force", "{installed}");
    digest
}

/// Tries to install a component: why it was not.
async fn refused(host: &Host, component: Vec<u8>) -> Value {
    let before = plugins(host).await;
    let answer = install_as(host, &component_digest(&component), component).await;
    assert!(answer.status >= 400, "{}", answer.text());
    assert_eq!(plugins(host).await, before, "nothing is changed");
    answer.json()["errors"][0].clone()
}

/// `<name>@<version> <state>` of each plugin, in order.
async fn plugins(host: &Host) -> Vec<String> {
    let listed = host.admin("/_plugins").await.json();
    let all = listed["data"].as_array().expect("a list").iter();
    let word = |plugin: &Value, key: &str| plugin[key].as_str().unwrap_or_default().to_owned();
    all.map(|plugin| {
        let (name, version) = (word(plugin, "name"), word(plugin, "version"));
        format!("{name}@{version} {}", word(plugin, "state"))
    })
    .collect()
}

/// Has a plugin asked, or not.
async fn enable(host: &Host, plugin: &str, enabled: bool) -> Answer {
    let body = json!({ "data": { "attributes": { "enabled": enabled } } });
    let request = host.admin_request("PATCH", &format!("/_plugins/{plugin}"));
    host.send(request.body(body.to_string())).await
}

/// Has a plugin asked first.
async fn pick(host: &Host, extension: &str, plugin: Option<&str>) -> Answer {
    let body = json!({ "data": { "attributes": { "extension": extension, "plugin": plugin } } });
    let request = host.admin_request("PUT", "/_plugins");
    host.send(request.body(body.to_string())).await
}

/// Takes a plugin away.
async fn remove(host: &Host, plugin: &str) -> Answer {
    let request = host.admin_request("DELETE", &format!("/_plugins/{plugin}"));
    host.send(request).await
}

/// What a path is served as.
async fn served(host: &Host, path: &str) -> String {
    let answer = host.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// Waits until a path is served as this.
async fn becomes(host: &Host, path: &str, wanted: &str) {
    eventually(&format!("`{wanted}` of {path}"), || async {
        let answer = host.get(path).await;
        (answer.status == 200 && answer.text().trim_end() == wanted).then_some(())
    })
    .await;
}

/// Asks for a path, and does not wait for it.
fn ask(host: &Host, path: &str) -> tokio::task::JoinHandle<Answer> {
    let request = host.request("GET", path);
    tokio::spawn(async move {
        let answer = request.send().await.expect("an answer");
        Answer::of(answer).await.expect("a whole answer")
    })
}
