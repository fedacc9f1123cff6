//! What a plugin may take, and that it takes nothing from others: limits of its own, the breaker that leaves it alone when
//! it fails again and again, slots that run out, who is blamed, and a hostile one beside a good one.

mod blame;
mod breaker;
mod hostile;
mod kept;
mod limits;
mod slots;
mod spent;

use realm_tests::{Answer, Host, HostOptions, Storage, eventually};
use serde_json::{Value, json};

/// Longer than a test: what a replica has heard of, it has heard of by notification; what is closed, was closed.
const LONG: &str = "10m";

/// A host that indexes nothing.
fn quiet() -> HostOptions {
    HostOptions::new(Storage::Sqlite).with("role", "serve")
}

/// Two replicas that serve `/r/`.
async fn pair() -> (Host, Host) {
    let database = realm_tests::server().database().await;
    let options = HostOptions::new(Storage::Postgres(database))
        .with("role", "serve")
        .with("lease", LONG)
        .with("collect-after", "1h");
    let (a, _) = options.clone().with_realm().await;
    let b = options.start().await;
    eventually("the realm is mounted on both", || async {
        (b.get("/r/_info").await.status == 200).then_some(())
    })
    .await;
    (a, b)
}

/// Puts a file with a directive, and asks for it.
async fn run(host: &Host, path: &str, directive: &str) -> Answer {
    host.put(path, format!("{directive}\n")).await;
    host.get(path).await
}

/// The first error of an answer.
fn error(answer: &Answer) -> Value {
    answer.json()["errors"][0].clone()
}

/// Changes a plugin: `limits` or `enabled`.
async fn change(host: &Host, plugin: &str, attributes: Value) -> Answer {
    let body = json!({ "data": { "attributes": attributes } });
    let request = host.admin_request("PATCH", &format!("/_plugins/{plugin}"));
    host.send(request.body(body.to_string())).await
}

/// Sets limits; the answer must be good.
async fn limit(host: &Host, plugin: &str, limits: Value) -> Value {
    let answer = change(host, plugin, json!({ "limits": limits })).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["data"].clone()
}

/// What a host shows of a plugin.
async fn plugin(host: &Host, name: &str) -> Value {
    let shown = host.admin(&format!("/_plugins/{name}")).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    shown.json()["data"].clone()
}

/// A metric's value; none: it is not there.
async fn metric(host: &Host, name: &str, labels: &[&str]) -> Option<f64> {
    let metrics = host.admin("/_metrics").await.text();
    let mut lines = metrics.lines().filter(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    let line = lines.find(|line| labels.iter().all(|label| line.contains(label)))?;
    line.rsplit(' ').next()?.parse().ok()
}
