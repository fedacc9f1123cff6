//! Documents as prerenderers make them: what is read for them, when they are made again, and that they wait for their
//! modules without keeping anybody from anything.

mod nested;
mod reads;

use realm_tests::{Host, HostOptions, ORIGIN, Storage};
use serde_json::Value;

/// A host that renders what it is asked for, and nothing for the index.
fn quiet() -> HostOptions {
    HostOptions::new(Storage::Sqlite).with("role", "serve")
}

/// A document of `/r/` as it is rendered now.
async fn rendered(host: &Host, path: &str) -> Value {
    let answer = host.admin(&format!("/_rendered?{ORIGIN}{path}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_str(&answer.text()).expect("JSON")
}

/// Its HTML.
fn html(rendered: &Value) -> &str {
    let html = rendered["outcome"]["renderings"][0][2].as_str();
    html.unwrap_or_else(|| panic!("no rendition: {rendered}"))
}
