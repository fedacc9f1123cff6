//! A plugin that fails again and again is left alone for a while, where it does.

use realm_tests::{Host, HostOptions, ORIGIN, Storage, component_digest, eventually};
use serde_json::{Value, json};

use crate::{LONG, change, error, limit, metric, plugin, quiet, run};

/// A host on which three failures in a row open the circuit, for so long.
async fn host(pause: &str) -> Host {
    let options = quiet()
        .with("plugin-failures", "3")
        .with("plugin-pause", pause)
        .with("plugin-longest-pause", LONG);
    options.with_realm().await.0
}

async fn fail(host: &Host, times: usize) {
    for number in 0..times {
        let answer = run(
            host,
            &format!("/r/bad{number}.misbehave"),
            &format!("panic {number}"),
        )
        .await;
        assert_eq!(answer.status, 500, "{}", answer.text());
    }
}

#[tokio::test]
async fn it_is_refused_in_that_realm_and_nothing_else_is() {
    let host = host(LONG).await;
    host.create("/s/").await;
    host.put("/r/good.misbehave", "echo hi\n").await;
    fail(&host, 2).await;
    assert_eq!(
        run(&host, "/r/between.misbehave", "echo between")
            .await
            .status,
        200
    );
    fail(&host, 3).await;
    let calls = host.guest_calls("misbehave").await;
    let answer = host.get("/r/good.misbehave").await;
    let told = error(&answer);
    assert_eq!(
        (answer.status, &told["code"]),
        (503, &json!("plugin-open")),
        "{told}"
    );
    let again: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((590..=600).contains(&again), "{again}");
    let detail = told["detail"].as_str().unwrap_or_default();
    for part in [
        "misbehave@",
        "last 3 calls",
        "bad2.misbehave",
        "it panicked: 2",
        "tried again in",
    ] {
        assert!(detail.contains(part), "`{part}` in {detail}");
    }
    assert_eq!(told["meta"]["kind"], "trap");
    assert!(
        told["meta"]["since"]
            .as_u64()
            .is_some_and(|since| since > 1_000_000_000_000),
        "{told}"
    );
    assert!(
        told["meta"]["help"]
            .as_str()
            .is_some_and(|help| help.contains("realm plugin enable misbehave"))
    );
    assert_eq!(
        host.guest_calls("misbehave").await,
        calls,
        "it is not called"
    );
    // What it has made before is served, and so is everything else.
    assert_eq!(host.get("/r/between.misbehave").await.status, 200);
    assert_eq!(
        run(&host, "/r/other.ts", "export const a: number = 1;")
            .await
            .status,
        200
    );
    assert_eq!(run(&host, "/s/good.misbehave", "echo hi").await.status, 200);
    // It is there to be seen.
    let open = plugin(&host, "misbehave").await["breakers"].clone();
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    assert_eq!(
        (&open[0]["realm"], &open[0]["state"]),
        (&json!(format!("{ORIGIN}/r/")), &json!("open"))
    );
    assert_eq!(
        (&open[0]["failures"], &open[0]["kind"]),
        (&json!(3), &json!("trap"))
    );
    let shown = host.command(&["plugin", "list"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("not called in http://realm.test/r/"),
        "{shown}"
    );
    let shown = host.command(&["plugin", "inspect", "misbehave"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains("after 3 failures") && shown.contains("it panicked: 2"),
        "{shown}"
    );
    let label = ["plugin=\"misbehave@"];
    assert_eq!(
        metric(&host, "realm_plugin_breakers_open", &label).await,
        Some(1.0)
    );
    assert!(metric(&host, "realm_guest_calls_refused_total", &label).await >= Some(1.0));
    host.says("fails again and again in this realm").await;
}

#[tokio::test]
async fn who_enables_limits_or_upgrades_it_has_it_called_at_once() {
    let host = host(LONG).await;
    let open = async || {
        plugin(&host, "misbehave").await["breakers"]
            .as_array()
            .map_or(0, Vec::len)
    };
    host.put("/r/good.misbehave", "echo hi\n").await;
    fail(&host, 3).await;
    assert_eq!(open().await, 1);
    let answer = change(&host, "misbehave", json!({ "enabled": true })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(open().await, 0);
    assert_eq!(host.get("/r/good.misbehave").await.status, 200);
    fail(&host, 3).await;
    assert_eq!(open().await, 1);
    limit(&host, "misbehave", json!({ "log": "32KiB" })).await;
    assert_eq!(
        run(&host, "/r/good2.misbehave", "echo hi").await.status,
        200
    );
    fail(&host, 3).await;
    assert_eq!(open().await, 1);
    // The same, and yet another component: with a section that nobody reads.
    let mut component =
        std::fs::read(realm_tests::guests().join("misbehave.wasm")).expect("the guest");
    component.extend(b"\0\x05\x04more");
    let request = host.admin_request(
        "PUT",
        &format!("/_plugins/{}", component_digest(&component)),
    );
    let answer = host.send(request.body(component)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        run(&host, "/r/good3.misbehave", "echo hi").await.status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_at_a_time_tries_it_again_and_a_good_one_has_it_called_as_ever() {
    let host = host("1ms").await;
    host.put("/r/good.misbehave", "echo hi\n").await;
    host.put("/r/probe.misbehave", "echo probe\n").await;
    // Three failures, and three tries: the next pause is eight times the first.
    fail(&host, 3).await;
    for number in 3..6 {
        eventually("a try", || async {
            let path = format!("/r/bad{number}.misbehave");
            (run(&host, &path, &format!("panic {number}")).await.status == 500).then_some(())
        })
        .await;
    }
    host.close_gate("before-call", "probe.misbehave").await;
    let probe = eventually("a call that tries it", || async {
        let asked = tokio::spawn(host.request("GET", "/r/probe.misbehave").send());
        // Either it is refused, or it stands there.
        loop {
            if host.waiting_at("before-call").await > 0 {
                return Some(asked);
            }
            if asked.is_finished() {
                return None;
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let answer = host.get("/r/good.misbehave").await;
    assert_eq!(error(&answer)["code"], "plugin-open", "{}", answer.text());
    let open = plugin(&host, "misbehave").await["breakers"].clone();
    assert_eq!(open[0]["state"], "half-open", "{open}");
    host.open_gate("before-call").await;
    let answer = probe.await.expect("no panic").expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(host.get("/r/good.misbehave").await.status, 200);
    host.says("does not any more").await;
    assert_eq!(plugin(&host, "misbehave").await["breakers"], json!([]));
}

#[tokio::test]
async fn the_index_comes_back_to_what_was_refused() {
    let options = HostOptions::new(Storage::Sqlite)
        .with("plugin-failures", "2")
        .with("plugin-pause", "50ms")
        .with("plugin-longest-pause", "100ms")
        .with("job-pause", "100ms")
        .with("index-concurrency", "1");
    let host = options.with_realm().await.0;
    for number in 0..6 {
        host.put(
            &format!("/r/{number}.misrender"),
            format!("panic {number}\n"),
        )
        .await;
    }
    host.put("/r/good.misrender", "echo hi\n").await;
    let errors = eventually("every document to be looked at", || async {
        let ready = host
            .get("/r/_readiness-check?awaitPrerenderHtml=true")
            .await;
        if ready.status != 200 {
            return None;
        }
        let errors = host.get("/r/_indexing-errors").await.json()["data"].clone();
        (errors.as_array().map(Vec::len) == Some(6)).then_some(errors)
    })
    .await;
    let codes: Vec<Value> = errors
        .as_array()
        .into_iter()
        .flatten()
        .map(|error| error["attributes"]["errors"][0]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        vec![json!("plugin-trap"); 6],
        "none for having been refused"
    );
    host.says("fails again and again in this realm").await;
}

#[tokio::test]
async fn a_module_that_is_refused_is_no_fault_of_who_loads_it() {
    let plugins = tempfile::tempdir().expect("a folder");
    let guest = std::fs::read(realm_tests::guests().join("misbehave.wasm")).expect("the guest");
    std::fs::write(plugins.path().join("a.wasm"), &guest).expect("a folder to write to");
    let other = renamed(
        renamed(guest, "misbehave", "misbehav0"),
        "misrender",
        "misrende0",
    );
    std::fs::write(plugins.path().join("b.wasm"), other).expect("a folder to write to");
    let host = quiet()
        .with("plugin-failures", "2")
        .with("plugin-pause", LONG)
        .with("plugin-longest-pause", LONG)
        .with("plugin-dir", plugins.path().to_str().expect("UTF-8"));
    let host = host.with_realm().await.0;
    let rendered = async |document: &str| {
        host.admin(&format!("/_rendered?{ORIGIN}/r/{document}"))
            .await
            .json()
    };
    for number in 0..2 {
        let module = format!("bad{number}.misbehav0");
        host.put(&format!("/r/{module}"), format!("panic {number}\n"))
            .await;
        let document = format!("{number}.misrender");
        host.put(&format!("/r/{document}"), format!("load ./{module}\n"))
            .await;
        // It counts for who has failed, and whoever loads it is told of it.
        let shown = rendered(&document).await.to_string();
        assert!(shown.contains("it panicked"), "{shown}");
    }
    host.put("/r/m.misbehav0", "echo hi\n").await;
    host.put("/r/d.misrender", "load ./m.misbehav0\n").await;
    let refused = rendered("d.misrender").await;
    let told = refused["error"].as_str().unwrap_or_default();
    assert!(
        told.contains("misbehav0@") && told.contains("is not called"),
        "{refused}"
    );
    assert_eq!(plugin(&host, "misbehave").await["breakers"], json!([]));
    change(&host, "misbehav0", json!({ "enabled": true })).await;
    let shown = rendered("d.misrender").await.to_string();
    assert!(shown.contains("export default"), "{shown}");
}

fn renamed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut at = 0;
    while let Some(found) = bytes[at..]
        .windows(from.len())
        .position(|part| part == from.as_bytes())
    {
        bytes[at + found..at + found + from.len()].copy_from_slice(to.as_bytes());
        at += found + from.len();
    }
    bytes
}
