//! What becomes of a realm that goes, and of one that comes back.

use realm_tests::{Host, HostOptions, ORIGIN, Storage, eventually, server};

use crate::{answered, ask, cached, connect, knows, notify};

async fn host() -> (Host, String) {
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone()))
        .with("lease", crate::LONG)
        .with("plugin-deadline", "60s");
    (options.with_realm().await.0, url)
}

/// Changes the registry behind the host's back, and says so.
async fn change(url: &str, sql: &'static str) {
    let mut client = connect(url).await;
    let counted = "UPDATE counters SET generation = generation + 1 WHERE name = 'registry'";
    for sql in [sql, counted, "NOTIFY realm_registry, 'upsert'"] {
        sqlx::query(sql).execute(&mut client).await.unwrap();
    }
}

const DELETE: &str = "UPDATE realms SET deleted_at = 1";
const RESTORE: &str = "UPDATE realms SET deleted_at = NULL";

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_goes_takes_its_calls_with_it() {
    let (host, url) = host().await;
    host.put("/r/x.misbehave", "spin\n").await;
    let caller = ask(&host, "/r/x.misbehave");
    host.running(1).await;
    change(&url, DELETE).await;
    host.running(0).await;
    let answer = answered("the caller", caller).await;
    assert!(matches!(answer.status, 404 | 503), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_mount_of_before_has_read_is_not_believed() {
    let (host, url) = host().await;
    let version = |number| format!("export const version: number = {number};\n");
    host.put("/r/x.ts", version(1)).await;
    host.close_gate("before-call", "x.ts").await;
    let caller = ask(&host, "/r/x.ts");
    host.at_gate("before-call", 1).await;
    change(&url, DELETE).await;
    host.says("unmounted").await;
    change(&url, RESTORE).await;
    knows(&host, "/r/").await;
    // Its call has been ended, and it reads again: by the mount that it began with, which nobody tells of changes.
    host.open_gate("before-call").await;
    let answer = answered("the caller", caller).await;
    assert!(answer.text().contains("version = 1"), "{}", answer.text());
    host.put("/r/x.ts", version(2)).await;
    let text = host.get("/r/x.ts").await.text();
    assert!(text.contains("version = 2"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_is_mounted_anew_while_its_old_mount_goes_is_followed() {
    let (host, url) = host().await;
    host.put("/r/a.txt", "old").await;
    host.put("/r/b.txt", "b").await;
    host.close_gate("unmount", "/r/").await;
    change(&url, "UPDATE realms SET created_at = created_at + 1").await;
    host.at_gate("unmount", 1).await;
    // The new mount is there, and the old one is not gone yet.
    cached(&host, "/r/a.txt").await;
    cached(&host, "/r/b.txt").await;
    host.open_gate("unmount").await;
    host.says("unmounted").await;
    cached(&host, "/r/b.txt").await;
    notify(&url, &format!("{ORIGIN}/r/:b.txt")).await;
    eventually("payloads are obeyed", || async {
        (host.get("/r/b.txt").await.header("cache-status") != "realm; hit").then_some(())
    })
    .await;
    cached(&host, "/r/a.txt").await;
    host.put("/r/a.txt", "new").await;
    assert_eq!(host.get("/r/a.txt").await.text(), "new");
}
