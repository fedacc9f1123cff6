//! Instance slots, when other plugins' calls have them all.

use std::time::Duration;

use realm_tests::{Edition, Host, component_digest, eventually};
use serde_json::Value;

use crate::{error, quiet};

/// A host with eight slots, all of them taken by plugins that never come to an end; what runs there.
async fn exhausted(wait: &str) -> (Host, Vec<tokio::task::JoinHandle<()>>) {
    let options = quiet()
        .with("plugin-concurrency", "1")
        .with("plugin-deadline", "10m")
        .with("collect-after", "1h")
        .with("plugin-slot-wait", wait);
    let host = options.with_realm().await.0;
    let mut held = Vec::new();
    for number in 0..8 {
        let extension = format!(".hold{number}");
        let edition = Edition::new("held").with("name", &format!("hold{number}"));
        let edition = edition.with("takes", &extension).with("does", "hold");
        install(&host, &edition).await;
        let path = format!("/r/x{extension}");
        host.put(&path, "hold").await;
        let request = host.request("GET", &path).timeout(Duration::from_secs(600));
        held.push(tokio::spawn(async move { drop(request.send().await) }));
    }
    host.running(8).await;
    host.put("/r/other.ts", "export const other: number = 1;\n")
        .await;
    (host, held)
}

async fn install(host: &Host, edition: &Edition) {
    let component = edition.component();
    let digest = component_digest(&component);
    let request = host.admin_request("PUT", &format!("/_plugins/{digest}"));
    let answer = host.send(request.body(component)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_wait_for_a_slot_and_are_told_to_come_again_after_a_while() {
    let (host, held) = exhausted("300ms").await;
    for _ in 0..2 {
        let asked = tokio::time::timeout(Duration::from_secs(20), host.get("/r/other.ts"));
        let answer = asked.await.expect("an answer in time");
        let told = error(&answer);
        assert_eq!(
            (answer.status, told["code"].as_str()),
            (503, Some("plugin-busy")),
            "{told}"
        );
        assert_eq!(answer.header("retry-after"), "1");
        let detail = told["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains("typescript@") && detail.contains("slot"),
            "{detail}"
        );
    }
    // Nobody is blamed for it, and what is cached is served as ever.
    assert_eq!(
        crate::plugin(&host, "typescript").await["breakers"],
        serde_json::json!([])
    );
    assert_eq!(host.source("/r/other.ts").await.status, 200);
    // What a plugin is, it can be asked all the while.
    let edition = Edition::new("late")
        .with("name", "late")
        .with("takes", ".late");
    install(&host, &edition).await;
    for asked in held {
        asked.abort();
    }
    host.running(0).await;
    assert_eq!(host.get("/r/other.ts").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_slot_gets_the_next_one() {
    let (host, held) = exhausted("60s").await;
    let asked = tokio::spawn(host.request("GET", "/r/other.ts").send());
    eventually("the call on the list", || async {
        let calls = host.calls().await;
        let waits = calls.iter().any(|call| call["path"] == "other.ts");
        waits.then_some(())
    })
    .await;
    held[0].abort();
    let answer = asked.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(host.calls().await.len(), 7, "the others have theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn realms_take_turns_in_a_plugins_queue() {
    let options = quiet()
        .with("plugin-concurrency", "1")
        .with("log-format", "json");
    let host = options.with_realm().await.0;
    host.create("/s/").await;
    let ask = async |asked: &mut Vec<_>, path: &str, calls: usize| {
        host.put(path, format!("log 60\n{path}\n")).await;
        asked.push(tokio::spawn(host.request("GET", path).send()));
        eventually("the call on the list", || async {
            (host.calls().await.len() == calls).then_some(())
        })
        .await;
    };
    host.close_gate("before-call", "first.misbehave").await;
    let mut asked = Vec::new();
    ask(&mut asked, "/r/first.misbehave", 1).await;
    host.at_gate("before-call", 1).await;
    for number in 0..5 {
        let path = format!("/r/{number}.misbehave");
        ask(&mut asked, &path, number + 2).await;
    }
    // It comes last, and does not wait for all of the other realm's.
    ask(&mut asked, "/s/late.misbehave", 7).await;
    host.open_gate("before-call").await;
    for answer in asked {
        assert_eq!(
            answer.await.expect("no panic").expect("an answer").status(),
            200
        );
    }
    let calls = eventually("what every call says", || async {
        let mut calls: Vec<(u64, bool)> = Vec::new();
        for line in host.log().lines() {
            let line: Value = serde_json::from_str(line).unwrap_or_default();
            let (Some(call), true) = (line["call"].as_u64(), line["target"] == "guest") else {
                continue;
            };
            if calls.iter().all(|(known, _)| *known != call) {
                let of_other = line["realm"]
                    .as_str()
                    .is_some_and(|realm| realm.ends_with("/s/"));
                calls.push((call, of_other));
            }
        }
        (calls.len() == 7).then_some(calls)
    })
    .await;
    let place = calls.iter().position(|(_, of_other)| *of_other);
    assert!(place <= Some(2), "{calls:?}");
}
