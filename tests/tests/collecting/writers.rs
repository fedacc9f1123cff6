//! Writers of bytes that the collector has an eye on, and two collectors.

use realm_tests::{Answer, Host, HostOptions, Storage, server};

use crate::{Tables, quick, turn, waits_for_a_lock};

/// A host on a Postgres of its own whose collector stands at its gate, with bytes to which nothing refers, not marked yet.
async fn scene() -> (Host, Tables, String) {
    let url = server().database().await;
    let storage = Storage::Postgres(url.clone());
    let (host, _) = quick(HostOptions::new(storage.clone())).with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    host.close_gate("collect", "").await;
    host.at_gate("collect", 1).await;
    leave(&host, "left").await;
    assert_eq!(tables.mark("left").await, Some(None));
    (host, tables, url)
}

/// Leaves bytes without a reference.
async fn leave(host: &Host, bytes: &str) {
    host.put("/r/leaving.txt", bytes).await;
    host.delete("/r/leaving.txt").await;
}

type Writing = tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>;

/// Begins to write the bytes again, under another name.
fn write(host: &Host) -> Writing {
    tokio::spawn(host.request("PUT", "/r/again.txt").body("left").send())
}

async fn written(host: &Host, tables: &Tables, writing: Writing) {
    let answer = Answer::of(writing.await.unwrap().unwrap()).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(host.get("/r/again.txt").await.text(), "left");
    assert!(tables.has("left").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_whose_bytes_go_before_it_points_at_them_writes_again() {
    let (host, tables, _) = scene().await;
    host.close_gate("blobs-kept", "again.txt").await;
    let writing = write(&host);
    host.at_gate("blobs-kept", 1).await;
    host.open_gate("collect").await;
    tables.gone("left").await;
    host.open_gate("blobs-kept").await;
    written(&host, &tables, writing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_waits_for_whoever_is_just_collecting_its_bytes() {
    let (host, tables, _) = scene().await;
    host.close_gate("collecting", "").await;
    host.open_gate("collect").await;
    host.at_gate("collecting", 1).await;
    let writing = write(&host);
    waits_for_a_lock(&tables).await;
    host.open_gate("collecting").await;
    written(&host, &tables, writing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_were_pointed_at_after_they_were_marked_stay() {
    let (host, tables, _) = scene().await;
    leave(&host, "other").await;
    host.close_gate("blobs-kept", "again.txt").await;
    let writing = write(&host);
    host.at_gate("blobs-kept", 1).await;
    // The writer has not pointed at them yet, and has found no mark to take away.
    turn(&host).await;
    host.open_gate("blobs-kept").await;
    written(&host, &tables, writing).await;
    for bytes in ["left", "other"] {
        tables.old(bytes).await;
    }
    turn(&host).await;
    assert!(!tables.has("other").await, "the rest of the batch goes");
    assert_eq!(tables.mark("left").await, Some(None));
    assert_eq!(host.get("/r/again.txt").await.text(), "left");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_collects_at_a_time_and_another_when_it_is_gone() {
    let (a, tables, url) = scene().await;
    let b = quick(HostOptions::new(Storage::Postgres(url)))
        .start()
        .await;
    b.close_gate("collect", "").await;
    b.at_gate("collect", 1).await;
    turn(&a).await;
    tables.old("left").await;
    leave(&a, "other").await;
    a.close_gate("collecting", "").await;
    a.open_gate("collect").await;
    a.at_gate("collecting", 1).await;
    turn(&b).await;
    assert_eq!(
        tables.mark("other").await,
        Some(None),
        "the other replica is at it, so this one leaves it alone"
    );
    drop(a);
    b.open_gate("collect").await;
    for bytes in ["left", "other"] {
        tables.gone(bytes).await;
    }
}
