use std::sync::Arc;
use std::time::{Duration, Instant};

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage};
use serde_json::Value;

use crate::built::Built;

/// Longer than a test: what a replica has heard of, it has heard of by notification.
const LONG: &str = "10m";
/// A replica that compiles a Python on a busy machine needs this long at most.
const PATIENCE: Duration = Duration::from_secs(300);

/// Two replicas that serve a realm of a plugin's inputs at `/r/`.
pub(crate) async fn pair(built: &Built<'_>, role: &str) -> [Arc<Host>; 2] {
    let database = realm_tests::server().database().await;
    let options = HostOptions::new(Storage::Postgres(database))
        .with("role", role)
        .with("lease", LONG);
    let (a, _) = options.clone().with_realm().await;
    let b = options.start().await;
    let inputs = built.inputs().display().to_string();
    run(&a, &["import", &inputs, &format!("{ORIGIN}/r/")]).await;
    soon("the realm is mounted on both", || async {
        b.get("/r/_info").await.status == 200
    })
    .await;
    [Arc::new(a), Arc::new(b)]
}

/// Runs a command of the command line; what it prints.
pub(crate) async fn run(host: &Host, arguments: &[&str]) -> String {
    let output = host.command(arguments).await;
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Installs an edition as an operator does; its digest.
pub(crate) async fn install(host: &Host, built: &Built<'_>, edition: &str) -> String {
    let component = built.component(edition);
    let printed = run(host, &["plugin", "install", &component, "--json"]).await;
    let installed: Value = serde_json::from_str(&printed).expect("JSON");
    assert_eq!(installed["name"], built.plugin.name, "{installed}");
    assert_eq!(installed["state"], "in-force", "{installed}");
    installed["digest"].as_str().expect("a digest").to_owned()
}

/// Waits until something is so; how long that took.
pub(crate) async fn soon(what: &str, check: impl AsyncFn() -> bool) -> Duration {
    let begun = Instant::now();
    while !check().await {
        assert!(begun.elapsed() < PATIENCE, "waited in vain until: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    begun.elapsed()
}

/// How many guest calls of a plugin all hosts have begun.
pub(crate) async fn calls(hosts: &[Arc<Host>], plugin: &str) -> u64 {
    let mut calls = 0;
    for host in hosts {
        calls += host.guest_calls(plugin).await;
    }
    calls
}

/// Whether a host knows a plugin of this name.
pub(crate) async fn is_installed(host: &Host, name: &str) -> bool {
    let listed = host.admin("/_plugins").await.json();
    let mut all = listed["data"].as_array().expect("a list").iter();
    all.any(|plugin| plugin["name"] == name && plugin["state"] == "in-force")
}

/// One rendering of a document.
pub(crate) async fn rendering(host: &Host, path: &str) -> Answer {
    let request = host.request("GET", &format!("/r/{path}"));
    let request = request.header("accept", "application/vnd.card+html");
    host.send(request).await
}

/// Where two texts begin to differ.
pub(crate) fn difference(found: &str, wanted: &str) -> String {
    let same = found
        .bytes()
        .zip(wanted.bytes())
        .take_while(|(a, b)| a == b);
    let at = same.count();
    let around = |text: &str| {
        let (from, to) = (
            text.floor_char_boundary(at.saturating_sub(80)),
            text.floor_char_boundary(at + 160),
        );
        text[from..to].to_owned()
    };
    format!(
        "at byte {at}:\n  {:?}\n  {:?}",
        around(found),
        around(wanted)
    )
}
