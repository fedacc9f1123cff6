//! Pipelines: files that go through several plugins until they are something that a browser reads. The stages are editions
//! that transform their input and give a map of it, before the plugin `typescript` that we ship.

mod chains;
mod choice;
mod diagnostics;
mod flights;
mod maps;
mod options;
mod reuse;

use realm_tests::{Answer, Edition, Host, HostOptions, ORIGIN, Storage, component_digest};
use serde_json::{Value, json};

/// A host that serves `/r/`, and indexes nothing.
async fn alone() -> Host {
    let options = HostOptions::new(Storage::Sqlite).with("role", "serve");
    options.with_realm().await.0
}

/// Sends a component.
async fn send(host: &Host, component: Vec<u8>) -> Answer {
    let digest = component_digest(&component);
    let request = host.admin_request("PUT", &format!("/_plugins/{digest}?source=a-test"));
    host.send(request.body(component)).await
}

/// Installs a component; its digest.
async fn install(host: &Host, component: Vec<u8>) -> String {
    let digest = component_digest(&component);
    let answer = send(host, component).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    digest
}

/// A stage.
fn stage(name: &str, takes: &str, gives: &str) -> Edition {
    Edition::new("")
        .with("name", name)
        .with("takes", takes)
        .with("gives", gives)
        .with("does", "stage")
}

/// `.page` by `first` to `.gts`, by `second` to `.js`.
async fn two_stages(host: &Host) {
    install(host, stage("first", ".page", ".gts").component()).await;
    install(host, stage("second", ".gts", ".js").component()).await;
}

/// `.page` by `first` to `.gts`, by `second` to `.ts`, by `typescript` to `.js`.
async fn three_stages(host: &Host) {
    install(host, stage("first", ".page", ".gts").component()).await;
    install(host, stage("second", ".gts", ".ts").component()).await;
}

/// Has a plugin asked, or not.
async fn enable(host: &Host, plugin: &str, enabled: bool) {
    let body = json!({ "data": { "attributes": { "enabled": enabled } } });
    let request = host.admin_request("PATCH", &format!("/_plugins/{plugin}"));
    let answer = host.send(request.body(body.to_string())).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// What a path is served as.
async fn served(host: &Host, path: &str) -> String {
    let answer = host.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// What a path's pipeline makes of it, with what its plugins say.
async fn made(host: &Host, path: &str) -> Value {
    let answer = host.admin(&format!("/_made?{ORIGIN}{path}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// A document as it is rendered now.
async fn rendered(host: &Host, path: &str) -> Value {
    let answer = host.admin(&format!("/_rendered?{ORIGIN}{path}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// The errors of a path that is not served.
async fn errors(host: &Host, path: &str) -> Vec<Value> {
    let answer = host.get(path).await;
    assert_eq!(answer.status, 406, "{path}: {}", answer.text());
    answer.json()["errors"].as_array().expect("a list").clone()
}

/// `<who>: <severity>: <message> at <path>:<line>:<column>` of an error.
fn said(error: &Value) -> String {
    let source = &error["source"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let place = match (source["line"].as_u64(), source["column"].as_u64()) {
        (Some(line), Some(column)) => format!(":{line}:{column}"),
        _ => String::new(),
    };
    format!(
        "{}: {}: {} at {}{place}",
        text(&error["meta"]["plugin"]),
        text(&error["meta"]["severity"]),
        text(&error["detail"]),
        text(&source["path"]),
    )
}
