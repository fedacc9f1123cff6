//! What tells the other replicas.

use realm_tests::{ORIGIN, eventually};

use crate::{Ear, LONG, cached, notify, pair, quiet};

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_is_announced_once_it_can_be_read() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    a.close_gate("before-commit", "a.txt").await;
    let writer = tokio::spawn(a.request("PUT", "/r/a.txt").body("new").send());
    a.at_gate("before-commit", 1).await;
    // Whoever was told too early has time to read the old bytes again.
    for _ in 0..50 {
        assert_eq!(b.get("/r/a.txt").await.text(), "old");
    }
    a.open_gate("before-commit").await;
    assert_eq!(writer.await.unwrap().unwrap().status(), 204);
    eventually("the new bytes, without the lease", || async {
        (b.get("/r/a.txt").await.text() == "new").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_host_announced_itself_is_not_done_twice() {
    let (a, _b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    a.put("/r/b.txt", "b").await;
    a.close_gate("announce", "").await;
    let ear = Ear::open(&url).await;
    a.put("/r/a.txt", "new").await;
    cached(&a, "/r/a.txt").await;
    cached(&a, "/r/b.txt").await;
    a.open_gate("announce").await;
    ear.hears("a.txt").await;
    // Payloads are obeyed in order: once this one is, the one before it has been too.
    notify(&url, &format!("{ORIGIN}/r/:b.txt")).await;
    eventually("the payload is obeyed", || async {
        (a.get("/r/b.txt").await.header("cache-status") != "realm; hit").then_some(())
    })
    .await;
    let kept = a.get("/r/a.txt").await;
    assert_eq!(kept.header("cache-status"), "realm; hit");
    assert_eq!(kept.text(), "new");
}
