//! Who takes an extension: the operator's pick, and what a realm's `realm.json` chooses within it.

use realm_tests::{Edition, Host};
use serde_json::{Value, json};

use crate::{alone, enable, errors, install, served};

async fn choose(host: &Host, choice: &Value) {
    let settings = json!({ "plugins": { ".edition": choice } });
    host.put("/r/realm.json", settings.to_string()).await;
}

async fn pick(host: &Host, plugin: Option<&str>) {
    let attributes = json!({ "extension": ".edition", "plugin": plugin });
    let body = json!({ "data": { "attributes": attributes } });
    let request = host
        .admin_request("PUT", "/_plugins")
        .body(body.to_string());
    assert_eq!(host.send(request).await.status, 200);
}

#[tokio::test]
async fn a_realm_chooses_by_name_and_by_part_of_a_version() {
    let host = alone().await;
    let one = Edition::new("one").with("version", "5.12.1");
    install(&host, one.component()).await;
    let two = Edition::new("two").with("name", "other");
    install(&host, two.component()).await;
    host.put("/r/x.edition", "x").await;
    for good in ["edition", "edition@5", "edition@5.12", "edition@5.12.1"] {
        choose(&host, &json!(good)).await;
        assert_eq!(served(&host, "/r/x.edition").await, "one: x\n", "{good}");
    }
    choose(&host, &json!({ "use": "other" })).await;
    assert_eq!(served(&host, "/r/x.edition").await, "two: x\n");
    // Options alone choose nobody.
    choose(&host, &json!({ "options": {} })).await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: x\n");
    for bad in ["edition@5.1", "edition@6", "edition@", "nobody"] {
        choose(&host, &json!(bad)).await;
        let error = errors(&host, "/r/x.edition").await.remove(0);
        assert_eq!(error["code"], "configuration", "{error}");
        let message = format!(
            "realm.json gives `.edition` to plugin `{bad}`, which is not installed or does not take it"
        );
        assert!(error["detail"].to_string().contains(&message), "{error}");
        // Where that is written.
        assert_eq!(
            error["source"],
            json!({ "path": "realm.json", "line": 1, "column": 24 })
        );
        let help = error["meta"]["help"].as_str().expect("help");
        assert!(help.contains("`edition@5.12.1`, `other@1.0.0`"), "{help}");
    }
}

#[tokio::test]
async fn a_realm_chooses_within_what_the_operator_allows() {
    let host = alone().await;
    install(&host, Edition::new("one").component()).await;
    let two = Edition::new("two").with("name", "other");
    install(&host, two.component()).await;
    host.put("/r/x.edition", "x").await;
    host.put("/r/y.edition", "y").await;
    // The operator's pick is for realms that choose nothing.
    pick(&host, Some("other")).await;
    assert_eq!(served(&host, "/r/x.edition").await, "two: x\n");
    choose(&host, &json!("edition")).await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: x\n");
    // What is disabled is nobody's to choose.
    enable(&host, "edition", false).await;
    let error = errors(&host, "/r/x.edition").await.remove(0);
    assert!(
        error["detail"].to_string().contains("not installed"),
        "{error}"
    );
    let help = error["meta"]["help"].as_str().expect("help");
    assert!(
        help.contains("`other@1.0.0`") && !help.contains("`edition"),
        "{help}"
    );
    enable(&host, "edition", true).await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: x\n");
    host.delete("/r/realm.json").await;
    assert_eq!(served(&host, "/r/x.edition").await, "two: x\n");
    pick(&host, None).await;
    assert_eq!(served(&host, "/r/y.edition").await, "one: y\n");
}
