//! Whose fault it is, and what is told of a call: errors, logs and metrics.

use realm_tests::eventually;
use serde_json::{Value, json};

use crate::{error, metric, quiet, run};

#[tokio::test]
async fn each_kind_of_failure_says_who_what_where_and_what_to_do() {
    let options = quiet()
        .with("plugin-deadline", "1s")
        .with("plugin-memory", "64MiB")
        .with("plugin-reads", "50");
    let host = options.with_realm().await.0;
    let cases = [
        ("spin", 504, "timeout", "deadline"),
        ("allocate", 500, "memory", "plugin-memory"),
        ("recurse", 500, "trap", "plugin-stack"),
        ("huge 33554432", 500, "output", "output"),
        ("log 1000000", 500, "log", "realm plugin limit"),
        ("panic oh", 500, "trap", "diagnostics"),
        ("reads 51", 500, "reads", "realm plugin limit"),
    ];
    let digest = crate::plugin(&host, "misbehave").await["digest"].clone();
    for (directive, status, kind, help) in cases {
        let answer = run(&host, "/r/x.misbehave", directive).await;
        let told = error(&answer);
        assert_eq!(answer.status, status, "{directive}: {told}");
        assert_eq!(told["code"], format!("plugin-{kind}"), "{told}");
        assert_eq!(told["source"]["path"], "x.misbehave", "{told}");
        let meta = &told["meta"];
        assert!(
            meta["plugin"]
                .as_str()
                .is_some_and(|plugin| plugin.starts_with("misbehave@")),
            "{told}"
        );
        assert_eq!(
            (&meta["digest"], &meta["kind"]),
            (&digest, &json!(kind)),
            "{told}"
        );
        assert_eq!(meta["realm"], "http://realm.test/r/", "{told}");
        assert!(meta["call"].as_u64() > Some(0), "{told}");
        assert!(
            meta["frames"].is_array() && meta["stderr"].is_array(),
            "{told}"
        );
        let hint = meta["help"].as_str().unwrap_or_default();
        assert!(hint.contains(help), "{directive}: `{help}` in {told}");
        let label = format!("kind=\"{kind}\"");
        let labels = ["plugin=\"misbehave@", label.as_str()];
        assert!(metric(&host, "realm_guest_call_failures_total", &labels).await >= Some(1.0));
    }
}

#[tokio::test]
async fn what_a_guest_logs_is_told_with_plugin_realm_and_call() {
    let host = quiet().with("log-format", "json").with_realm().await.0;
    assert_eq!(run(&host, "/r/x.misbehave", "log 60").await.status, 200);
    let of_guest = |line: &str| {
        let line: Value = serde_json::from_str(line).ok()?;
        (line["target"] == "guest").then_some(line)
    };
    let lines = eventually("what the guest says", || async {
        let lines: Vec<_> = host.log().lines().filter_map(of_guest).collect();
        (lines.len() >= 3).then_some(lines)
    })
    .await;
    for line in lines {
        assert!(
            line["message"]
                .as_str()
                .is_some_and(|text| text.contains("the quick brown fox")),
            "{line}"
        );
        assert!(
            line["plugin"]
                .as_str()
                .is_some_and(|plugin| plugin.starts_with("misbehave@")),
            "{line}"
        );
        assert_eq!(line["realm"], "http://realm.test/r/", "{line}");
        assert!(line["call"].as_u64() > Some(0), "{line}");
    }
}

#[tokio::test]
async fn calls_are_counted_by_plugin() {
    let host = quiet().with_realm().await.0;
    host.put("/r/read.txt", "x".repeat(10_000)).await;
    assert_eq!(
        run(&host, "/r/a.misbehave", "read ./read.txt").await.status,
        200
    );
    assert_eq!(run(&host, "/r/b.misbehave", "invalid").await.status, 406);
    assert_eq!(run(&host, "/r/c.misbehave", "panic").await.status, 500);
    let value = async |name: &str, label: &str| {
        let labels = ["plugin=\"misbehave@", label];
        metric(&host, name, &labels).await.unwrap_or_default()
    };
    for (outcome, count) in [("output", 1.0), ("invalid", 1.0), ("trap", 1.0)] {
        let label = format!("outcome=\"{outcome}\"");
        assert_eq!(
            value("realm_guest_call_outcomes_total", &label).await,
            count,
            "{outcome}"
        );
    }
    assert!(value("realm_guest_bytes_total", "direction=\"in\"").await > 10_000.0);
    assert!(value("realm_guest_bytes_total", "direction=\"out\"").await > 10_000.0);
    for name in [
        "realm_guest_call_seconds_count",
        "realm_guest_run_seconds_count",
        "realm_guest_memory_bytes_count",
    ] {
        assert_eq!(value(name, "").await, 3.0, "{name}");
    }
    for waits in ["for=\"turn\"", "for=\"slot\""] {
        assert_eq!(
            value("realm_guest_queue_seconds_count", waits).await,
            3.0,
            "{waits}"
        );
    }
    assert_eq!(value("realm_plugin_breakers_open", "").await, 0.0);
}
