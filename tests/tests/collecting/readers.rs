//! Readers of bytes that the collector has an eye on.

use realm_tests::{Answer, HostOptions, Storage, on_both, server};

use crate::Tables;

on_both! { whoever_has_looked_up_a_path_still_gets_its_bytes }

async fn whoever_has_looked_up_a_path_still_gets_its_bytes(options: HostOptions) {
    let storage = options.storage().clone();
    let (host, _) = options.with("collect-every", "20ms").with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    host.put("/r/a.txt", "old").await;
    host.close_gate("path-read", "a.txt").await;
    let reading = tokio::spawn(host.request("GET", "/r/a.txt").send());
    host.at_gate("path-read", 1).await;
    host.put("/r/a.txt", "new").await;
    tables.marked("old").await;
    // A mark that comes later is set by a later turn, which has had the old bytes before it.
    host.put("/r/b.txt", "later").await;
    host.delete("/r/b.txt").await;
    tables.marked("later").await;
    host.open_gate("path-read").await;
    let answer = Answer::of(reading.await.unwrap().unwrap()).await.unwrap();
    assert_eq!((answer.status, answer.text()), (200, "old".to_owned()));
}

/// A replica that has slept since it looked a path up comes for bytes that have been collected: those of a file that is
/// served as it is, those that a plugin is given.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_too_late_for_the_bytes_starts_over_from_the_path() {
    for name in ["a.txt", "a.ts"] {
        let storage = Storage::Postgres(server().database().await);
        let options = HostOptions::new(storage.clone()).with("lease", "60s");
        let (a, _) = options.clone().with_realm().await;
        a.put("/r/realm.json", r#"{"extensions": [".txt", ".ts"]}"#)
            .await;
        let file = format!("/r/{name}");
        a.put(&file, "export const n = \"old\";\n").await;
        let b = options.start().await;
        // It knows which file this is, and has not asked for its bytes.
        let known = b.source("/r/a").await;
        assert_eq!((known.status, known.header("location")), (302, &*file));
        a.close_gate("announce", "").await;
        a.put(&file, "export const n = \"new\";\n").await;
        let tables = Tables::of(&a, &storage).await;
        tables
            .execute("DELETE FROM blobs WHERE hash NOT IN (SELECT blob FROM files)")
            .await;
        let answer = b.get("/r/a").await;
        let text = answer.text();
        assert!(answer.status == 200 && text.contains("new"), "{text}");
    }
}
