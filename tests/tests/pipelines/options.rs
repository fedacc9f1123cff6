//! What plugins say of their options: shown to people, and what `realm.json` says is held against it.

use realm_tests::{Edition, HostOptions, Storage, eventually};
use serde_json::{Value, json};

use crate::{alone, errors, install, send, served, stage};

fn with_options() -> Edition {
    stage("first", ".page", ".js").with("schema", "options")
}

fn settings(options: &str) -> String {
    format!("{{\n  \"plugins\": {{\n    \".page\": {{ \"options\": {options} }}\n  }}\n}}\n")
}

#[tokio::test]
async fn options_that_do_not_fit_are_told_at_their_place() {
    let host = alone().await;
    host.put("/r/x.page", "a\n").await;
    host.put(
        "/r/realm.json",
        settings(r#"{ "mode": "quiet", "level": 3 }"#),
    )
    .await;
    // It came later than what it does not take.
    install(&host, with_options().component()).await;
    let calls = host.guest_calls("first").await;
    let error = errors(&host, "/r/x.page").await.remove(0);
    assert_eq!(error["code"], "options", "{error}");
    assert_eq!(
        error["source"],
        json!({ "path": "realm.json", "line": 3, "column": 37 })
    );
    assert_eq!(error["meta"]["plugin"], "first@1.0.0");
    assert_eq!(error["meta"]["help"], r#"it is one of "plain", "loud""#);
    let detail = error["detail"].as_str().expect("a text");
    assert!(
        detail.starts_with("the options of `.page` do not fit plugin `first@1.0.0`: `mode`: "),
        "{detail}"
    );
    assert_eq!(host.guest_calls("first").await, calls);
    host.put("/r/realm.json", settings(r#"{ "mode": "loud" }"#))
        .await;
    assert_eq!(
        served(&host, "/r/x.page").await,
        "//first is loud\n/*first*/a\n"
    );
}

#[tokio::test]
async fn the_last_good_settings_stay_when_options_do_not_fit() {
    let host = alone().await;
    install(&host, with_options().component()).await;
    host.put("/r/x.page", "a\n").await;
    host.put("/r/realm.json", settings(r#"{ "mode": "loud" }"#))
        .await;
    let loud = served(&host, "/r/x.page").await;
    for bad in [
        r#"{ "mode": "quiet" }"#,
        r#"{ "level": 9 }"#,
        r#"{ "mood": "loud" }"#,
    ] {
        host.put("/r/realm.json", settings(bad)).await;
        assert_eq!(served(&host, "/r/x.page").await, loud, "{bad}");
    }
    host.says("realm.json:3:29: the options of `.page` do not fit plugin `first@1.0.0`: there is no option `mood`")
        .await;
    host.put("/r/realm.json", settings("{}")).await;
    assert_eq!(served(&host, "/r/x.page").await, "/*first*/a\n");
}

#[tokio::test]
async fn a_mistake_in_the_settings_is_among_the_errors_of_the_realm() {
    let (host, _) = HostOptions::new(Storage::Sqlite).with_realm().await;
    install(&host, with_options().component()).await;
    for (bad, line, column, message) in [
        (
            settings(r#"{ "mood": "loud" }"#),
            3,
            29,
            "there is no option `mood`",
        ),
        (
            "{\n  \"nmae\": \"x\"\n}".to_owned(),
            2,
            8,
            "unknown field `nmae`",
        ),
        (
            "{ \"extensions\": [\".ts\", \"js\"] }".to_owned(),
            1,
            25,
            "`js` is not an extension",
        ),
    ] {
        host.put("/r/realm.json", bad).await;
        let told = async || {
            let answer = host.get("/r/_indexing-errors").await.json();
            let error = answer["data"][0]["attributes"]["errors"].clone();
            error.to_string().contains(message).then_some(answer)
        };
        let answer = eventually(message, told).await;
        let text = answer.to_string();
        for part in [
            "\"path\":\"realm.json\"",
            &format!("\"line\":{line}"),
            &format!("\"column\":{column}"),
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    host.put("/r/realm.json", "{}").await;
    eventually("it is mended", async || {
        let answer = host.get("/r/_indexing-errors").await.json();
        answer["data"]
            .as_array()
            .is_some_and(Vec::is_empty)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_schema_is_shown() {
    let data = tempfile::tempdir().expect("a folder");
    let options = HostOptions::new(Storage::Sqlite).in_folder(data.path());
    let (host, _) = options.clone().with_realm().await;
    install(&host, with_options().component()).await;

    let shown = host.admin("/_plugins/first").await.json();
    let level = &shown["data"]["optionsSchema"]["properties"]["level"];
    assert_eq!(level["maximum"], 3, "{shown}");
    let output = options.run(&["plugin", "inspect", "typescript"]).await;
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "jsxImportSource",
        "\"realm\"",
        "es2015",
        "The newest version of JavaScript",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_schema_that_is_none_is_refused() {
    let host = alone().await;
    let refused = async |schema: Value| {
        let plugin = stage("x", ".x", ".js").with("schema", &schema.to_string());
        let answer = send(&host, plugin.component()).await;
        assert_eq!(answer.status, 422, "{}", answer.text());
        let error = answer.json()["errors"][0].clone();
        assert_eq!(error["code"], "description", "{error}");
        error["detail"].as_str().expect("a text").to_owned()
    };
    let detail = refused(json!({ "type": "objekt" })).await;
    assert!(
        detail.contains("`options-schema`: it is no JSON Schema of 2020-12: at `/type`"),
        "{detail}"
    );
    let detail = refused(json!({ "$ref": "http://127.0.0.1:1/x" })).await;
    assert!(detail.contains("nothing else is looked at"), "{detail}");
    let detail = refused(json!({ "allOf": [{ "$ref": "#" }] })).await;
    assert!(detail.contains("refers to itself"), "{detail}");
}
