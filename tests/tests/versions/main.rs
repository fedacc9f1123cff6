//! Versions of the plugin contract: what was built for a released one keeps working, what was built for one to come beside
//! it works as well, and what is too new is told so. 0.2.0 is there in tests only (`tests/wit`).

mod beside;
mod released;

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, component_digest};
use serde_json::Value;

/// A host that serves `/r/`, and indexes nothing.
async fn host() -> Host {
    let options = HostOptions::new(Storage::Sqlite).with("role", "serve");
    options.with_realm().await.0
}

/// Tries to install a component.
async fn install(host: &Host, component: Vec<u8>) -> Answer {
    let digest = component_digest(&component);
    let request = host.admin_request("PUT", &format!("/_plugins/{digest}?source=a-test"));
    host.send(request.body(component)).await
}

/// What a path is served as.
async fn served(host: &Host, path: &str) -> String {
    let answer = host.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text()
}

/// A document of `/r/` as it is rendered now.
async fn rendered(host: &Host, path: &str) -> Value {
    let answer = host.admin(&format!("/_rendered?{ORIGIN}{path}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).expect("JSON")
}
