//! Files that no prerenderer takes.

use realm_tests::{HostOptions, eventually, on_both};
use serde_json::json;

use crate::{scene, visits};

on_both! {
    files_come_change_and_go
    a_file_that_is_written_as_it_was_does_nothing
    a_realm_that_was_deleted_takes_its_index_with_it
    a_published_realm_is_indexed_as_it_is_published_again
    a_realm_is_indexed_anew_when_somebody_asks_for_it
}

async fn files_come_change_and_go(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/a.txt", "one").await;
    host.put("/r/b/c.bin", "other").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt", "b/c.bin"]);
    let entry = tables.entry("/r/", "a.txt").await.unwrap();
    let document = json!({ "name": "a.txt", "mediaType": "text/plain", "size": 3 });
    assert_eq!((entry.kind.as_str(), &entry.document), ("file", &document));
    host.put("/r/a.txt", "longer").await;
    tables.settled().await;
    let entry = tables.entry("/r/", "a.txt").await.unwrap();
    assert_eq!(entry.document["size"], 6);
    host.delete("/r/b/c.bin").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
}

async fn a_file_that_is_written_as_it_was_does_nothing(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/a.txt", "one").await;
    tables.settled().await;
    let before = tables.entry("/r/", "a.txt").await.unwrap();
    let (found, unchanged) = (
        visits(&host, "found").await,
        visits(&host, "unchanged").await,
    );
    host.put("/r/a.txt", "one").await;
    tables.settled().await;
    assert_eq!(visits(&host, "found").await, found);
    assert_eq!(visits(&host, "unchanged").await, unchanged);
    // A look at everything finds everything as it was.
    let answer = host.send(host.request("POST", "/r/_reindex")).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    tables.settled().await;
    assert_eq!(visits(&host, "found").await, found);
    assert_eq!(visits(&host, "unchanged").await, unchanged + 1);
    assert_eq!(tables.entry("/r/", "a.txt").await.unwrap(), before);
}

async fn a_realm_that_was_deleted_takes_its_index_with_it(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/old.txt", "old").await;
    tables.settled().await;
    host.delete_realm("/r/").await;
    eventually("the index of a deleted realm is gone", || async {
        tables.paths("/r/").await.is_empty().then_some(())
    })
    .await;
    host.create("/r/").await;
    host.put("/r/new.txt", "new").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["new.txt"]);
    // One that comes back before it was cleared has nothing of before either.
    host.close_gate("index-expand", "").await;
    host.delete_realm("/r/").await;
    host.create("/r/").await;
    assert_eq!(tables.paths("/r/").await, Vec::<String>::new());
    host.open_gate("index-expand").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, Vec::<String>::new());
}

async fn a_published_realm_is_indexed_as_it_is_published_again(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/a.txt", "one").await;
    host.publish("/r/", "/p/").await;
    tables.settled().await;
    assert_eq!(tables.paths("/p/").await, ["a.txt"]);
    host.delete("/r/a.txt").await;
    host.put("/r/b.txt", "two").await;
    host.publish("/r/", "/p/").await;
    tables.settled().await;
    assert_eq!(tables.paths("/p/").await, ["b.txt"]);
    host.unpublish("/p/").await;
    eventually("the index of an unpublished realm is gone", || async {
        tables.paths("/p/").await.is_empty().then_some(())
    })
    .await;
    assert_eq!(tables.paths("/r/").await, ["b.txt"]);
}

async fn a_realm_is_indexed_anew_when_somebody_asks_for_it(options: HostOptions) {
    let (host, tables) = scene(options).await;
    host.put("/r/a.txt", "one").await;
    tables.settled().await;
    tables.execute("DELETE FROM index_entries").await;
    let answer = host.send(host.request("POST", "/r/_reindex")).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
    let answer = host.send(host.request("GET", "/r/_reindex")).await;
    assert_eq!(answer.status, 405);
}
