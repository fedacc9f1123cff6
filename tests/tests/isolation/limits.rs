//! Limits of one plugin that differ from the host's.

use realm_tests::{HostOptions, Storage, eventually};
use serde_json::json;

use crate::{LONG, error, limit, pair, plugin, quiet, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_bounded_on_every_replica_and_what_runs_keeps_what_it_has() {
    let (a, b) = pair().await;
    assert_eq!(run(&a, "/r/0.misbehave", "reads 30").await.status, 200);
    // A call in flight, on the other replica, of what that one has written: a payload would start it anew.
    b.put("/r/held.misbehave", "reads 31\n").await;
    b.close_gate("before-call", "held.misbehave").await;
    let held = tokio::spawn(b.request("GET", "/r/held.misbehave").send());
    b.at_gate("before-call", 1).await;
    let shown = limit(&a, "misbehave", json!({ "reads": 10, "deadline": "7s" })).await;
    assert_eq!(
        shown["limits"]["reads"],
        json!({ "value": "10", "origin": "plugin" })
    );
    assert_eq!(shown["limits"]["output"]["origin"], "host");
    let answer = run(&a, "/r/1.misbehave", "reads 11").await;
    let told = error(&answer);
    assert_eq!(
        (answer.status, &told["meta"]["kind"]),
        (500, &json!("reads")),
        "{told}"
    );
    let help = told["meta"]["help"].as_str().unwrap_or_default();
    assert!(help.contains("realm plugin limit"), "{told}");
    assert_eq!(run(&a, "/r/2.misbehave", "reads 10").await.status, 200);
    eventually("the limit on the other replica", || async {
        let shown = plugin(&b, "misbehave").await;
        (shown["limits"]["reads"]["value"] == "10").then_some(())
    })
    .await;
    assert_eq!(run(&b, "/r/3.misbehave", "reads 12").await.status, 500);
    b.open_gate("before-call").await;
    let held = held.await.expect("no panic").expect("an answer");
    assert_eq!(held.status(), 200, "it has begun under the host's limits");
    // And taken back.
    let shown = limit(&b, "misbehave", json!({ "reads": null })).await;
    assert_eq!(shown["limits"]["reads"]["origin"], "host");
    assert_eq!(shown["limits"]["deadline"]["value"], "7s");
    assert_eq!(b.get("/r/3.misbehave").await.status, 200);
    eventually("the host's limit on the first", || async {
        (a.get("/r/1.misbehave").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_there_is_not_is_refused_and_nothing_is_changed() {
    let host = quiet().with_realm().await.0;
    let before = plugin(&host, "misbehave").await;
    for (limits, part) in [
        (json!({ "queue": 3, "memory": "1GiB" }), "`plugin-memory`"),
        (json!({ "stack": "1MiB" }), "`plugin-stack`"),
        (json!({ "concurrency": 1000 }), "`plugin-concurrency`"),
        (json!({ "deadline": "2h" }), "`collect-after`"),
        (json!({ "memory": "much" }), "`64MiB`"),
        (json!({ "colour": "red" }), "render-deadline"),
    ] {
        let answer = crate::change(&host, "misbehave", json!({ "limits": limits })).await;
        let told = error(&answer);
        assert_eq!(
            (answer.status, &told["code"]),
            (422, &json!("limit")),
            "{told}"
        );
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains(part) && detail.contains("misbehave"),
            "{detail}"
        );
    }
    for attributes in [
        json!({ "limits": { "queue": [] } }),
        json!({ "limits": 7 }),
        json!({}),
    ] {
        let answer = crate::change(&host, "misbehave", attributes).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    }
    assert_eq!(plugin(&host, "misbehave").await, before);
}

#[tokio::test]
async fn a_document_that_failed_by_a_limit_is_rendered_when_it_is_raised() {
    let options = HostOptions::new(Storage::Sqlite).with("lease", LONG);
    let host = options.with("collect-after", "1h").with_realm().await.0;
    limit(&host, "misbehave", json!({ "reads": 10 })).await;
    host.put("/r/d.misrender", "reads 20\n").await;
    let errors = async || {
        let answer = host.get("/r/_indexing-errors").await;
        let data = answer.json()["data"].clone();
        data.as_array().cloned().unwrap_or_default()
    };
    let failed = eventually("the document's error", || async {
        errors().await.first().cloned()
    });
    let failed = failed.await.to_string();
    assert!(failed.contains("plugin-reads"), "{failed}");
    limit(&host, "misbehave", json!({ "reads": 20 })).await;
    eventually("the document without an error", || async {
        errors().await.is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_a_guest_did_without_is_asked_for_again_when_it_may_have_it() {
    let host = quiet().with_realm().await.0;
    limit(&host, "misbehave", json!({ "memory": "8MiB" })).await;
    let answer = run(&host, "/r/x.misbehave", "room 33554432").await;
    assert_eq!(answer.text().trim(), "export default false;");
    host.derivations_are_stored().await;
    limit(&host, "misbehave", json!({ "memory": null })).await;
    let answer = host.get("/r/x.misbehave").await;
    assert_eq!(answer.text().trim(), "export default true;");
}

#[tokio::test]
async fn limits_are_set_and_shown_by_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = quiet().in_folder(folder.path());
    let host = options.clone().with_realm().await.0;
    let run = async |arguments: &[&str]| {
        let all: Vec<_> = ["plugin"].iter().chain(arguments).copied().collect();
        let output = options.run(&all).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let line = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let words = line.unwrap_or_default().split_whitespace();
        words.skip(1).collect::<Vec<_>>().join(" ")
    };
    let (code, shown, told) = run(&["limit", "typescript", "memory=64MiB", "reads=5"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(line(&shown, "memory"), "64MiB (plugin)");
    assert_eq!(line(&shown, "deadline"), "10s (host)");
    let (_, listed, _) = run(&["list"]).await;
    assert!(listed.contains("limits memory=64MiB reads=5"), "{listed}");
    let (_, inspected, _) = run(&["inspect", "typescript"]).await;
    assert!(
        inspected.contains("limit       memory 64MiB"),
        "{inspected}"
    );
    let (code, _, told) = run(&["limit", "typescript", "memory=2GiB"]).await;
    assert_eq!(code, Some(1));
    assert!(
        told.contains("plugin-memory") && told.contains("256MiB"),
        "{told}"
    );
    let (code, _, told) = run(&["limit", "typescript", "memory"]).await;
    assert_eq!(code, Some(2), "{told}");
    assert!(host.stop().await);
    // Without a host; what was set is still so.
    let (_, shown, _) = run(&["limit", "typescript"]).await;
    assert_eq!(line(&shown, "reads"), "5 (plugin)");
    let (code, shown, told) = run(&["limit", "typescript", "reads=", "queue=7"]).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(
        (line(&shown, "reads"), line(&shown, "queue")),
        ("10000 (host)".into(), "7 (plugin)".into())
    );
}
