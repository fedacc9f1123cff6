//! Guests that misbehave: each costs one clear error, within its bound, while others go on being served.

use std::time::{Duration, Instant};

use realm_tests::{Answer, Host, HostOptions, Storage};
use serde_json::Value;

async fn host() -> Host {
    let options = HostOptions::new(Storage::Sqlite)
        .with("plugin-deadline", "2s")
        .with("plugin-memory", "64MiB")
        .with("plugin-reads", "50");
    let host = options.start().await;
    host.create("/r/").await;
    host
}

async fn run(host: &Host, directive: &str) -> Answer {
    host.put("/r/x.misbehave", format!("{directive}\n")).await;
    host.get("/r/x.misbehave").await
}

fn error(answer: &Answer) -> Value {
    answer.json()["errors"][0].clone()
}

/// A second plugin that serves all the while, from bytes that it has not seen before.
async fn others_are_served(host: &Host, round: usize) {
    host.put(
        "/r/other.ts",
        format!("export const round: number = {round};\n"),
    )
    .await;
    let answer = host.get("/r/other.ts").await;
    assert!(
        answer.status == 200 && answer.text().contains(&format!("round = {round};")),
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn each_costs_one_clear_error() {
    let host = host().await;
    let cases = [
        ("spin", 504, "timeout", "time is up"),
        ("allocate", 500, "memory", "memory"),
        ("recurse", 500, "trap", "stack"),
        ("huge 1073741824", 500, "memory", "memory"),
        ("huge 33554432", 500, "output", "more bytes than it may"),
        ("log 1000000", 500, "log", "logged more"),
        (
            "panic the sky is falling",
            500,
            "trap",
            "the sky is falling",
        ),
        ("reads 51", 500, "reads", "more files than it may"),
    ];
    for (round, (directive, status, kind, message)) in cases.into_iter().enumerate() {
        let begun = Instant::now();
        let answer = run(&host, directive).await;
        let error = error(&answer);
        assert_eq!(answer.status, status, "{directive}: {error}");
        assert_eq!(error["meta"]["kind"], kind, "{directive}: {error}");
        let detail = error["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains(message)
                && detail.contains("misbehave@")
                && detail.contains("x.misbehave"),
            "{directive}: {detail}"
        );
        assert!(!detail.ends_with("unreachable"), "{detail}");
        assert!(
            error["meta"]["call"].as_u64().is_some()
                && error["meta"]["digest"]
                    .as_str()
                    .is_some_and(|digest| digest.starts_with("sha256:"))
        );
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{directive} took {:?}",
            begun.elapsed()
        );
        others_are_served(&host, round).await;
    }
    let panic = error(&run(&host, "panic again").await);
    let frames = panic["meta"]["frames"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert!(
        frames.iter().any(|frame| frame
            .as_str()
            .is_some_and(|name| name.contains("realm_test_guests"))),
        "function names: {frames:?}"
    );
    assert!(
        panic["meta"]["stderr"]
            .as_array()
            .is_some_and(|lines| lines.iter().any(|line| line
                .as_str()
                .is_some_and(|line| line.contains("panicked at"))))
    );
}

#[tokio::test]
async fn others_are_served_while_guests_spin_on_every_thread() {
    let host = HostOptions::new(Storage::Sqlite)
        .with("plugin-deadline", "60s")
        .start()
        .await;
    host.create("/r/").await;
    for number in 0..8 {
        host.put(&format!("/r/{number}.misbehave"), "spin\n").await;
    }
    let spinning: Vec<_> = (0..8)
        .map(|number| {
            tokio::spawn(
                host.request("GET", &format!("/r/{number}.misbehave"))
                    .send(),
            )
        })
        .collect();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    host.running(cores).await;
    for round in 0..10 {
        others_are_served(&host, round).await;
    }
    assert_eq!(
        host.calls().await.len(),
        8,
        "they still spin, or wait for their turn"
    );
    for request in spinning {
        request.abort();
    }
    host.running(0).await;
}

#[tokio::test]
async fn nothing_is_kept_between_calls_and_nothing_can_be_told_apart() {
    let host = host().await;
    assert!(run(&host, "state").await.text().contains('1'));
    host.put("/r/y.misbehave", "state\n\n").await;
    assert!(
        host.get("/r/y.misbehave").await.text().contains('1'),
        "a fresh instance"
    );
    let first = run(&host, "clock").await.text();
    host.put("/r/z.misbehave", "clock\n\n").await;
    assert_eq!(
        host.get("/r/z.misbehave").await.text(),
        first,
        "time and chance are the same for every call"
    );
    let begun = Instant::now();
    assert_eq!(run(&host, "sleep 60000").await.status, 200);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "a sleep returns at once"
    );
}

#[tokio::test]
async fn what_no_plugin_gets_is_refused_by_name() {
    let plugins = tempfile::tempdir().unwrap();
    let component = r#"(component (import "wasi:http/outgoing-handler@0.2.3" (instance)) (import "evil:corp/backdoor" (instance)))"#;
    std::fs::write(
        plugins.path().join("evil.wasm"),
        wat::parse_str(component).unwrap(),
    )
    .unwrap();
    std::fs::write(
        plugins.path().join("core.wasm"),
        wat::parse_str("(module)").unwrap(),
    )
    .unwrap();
    std::fs::write(
        plugins.path().join("empty.wasm"),
        wat::parse_str("(component)").unwrap(),
    )
    .unwrap();
    std::fs::write(plugins.path().join("text.wasm"), "not WebAssembly at all").unwrap();
    let host = HostOptions::new(Storage::Sqlite)
        .with("plugin-dir", plugins.path().to_str().unwrap())
        .start()
        .await;
    for part in [
        "wasi:http/outgoing-handler@0.2.3, evil:corp/backdoor",
        "core.wasm: is a core module, not a component",
        "empty.wasm: it does not export the world",
        "text.wasm: is not WebAssembly",
    ] {
        host.says(part).await;
    }
    let names: Vec<_> = host.admin("/_plugins").await.json()["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["name"].clone())
        .collect();
    assert_eq!(
        names,
        ["cards", "markdown", "scss", "typescript"],
        "the others serve"
    );
}

#[tokio::test]
async fn a_full_queue_turns_calls_away_politely() {
    let options = HostOptions::new(Storage::Sqlite)
        .with("plugin-concurrency", "1")
        .with("plugin-queue", "2")
        .with("plugin-deadline", "2s");
    let host = options.start().await;
    host.create("/r/").await;
    let mut requests = Vec::new();
    for number in 0..6 {
        host.put(
            &format!("/r/{number}.misbehave"),
            format!("spin\n{number}\n"),
        )
        .await;
        requests.push(host.request("GET", &format!("/r/{number}.misbehave")));
    }
    let requests: Vec<_> = requests
        .into_iter()
        .map(|request| tokio::spawn(request.send()))
        .collect();
    let mut refused = 0;
    for request in requests {
        let answer = request.await.unwrap().unwrap();
        match answer.status().as_u16() {
            503 => {
                assert_eq!(answer.headers()["retry-after"], "1");
                refused += 1;
            }
            status => assert_eq!(status, 504),
        }
    }
    assert_eq!(refused, 3, "one runs, two wait");
}
