//! Writers of one realm, on two hosts: one at a time, and each can read what it was answered about.

use realm_tests::{Host, eventually};
use sqlx::PgPool;

use crate::{LONG, cached, pair, quiet};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_made_once_by_whoever_comes_first() {
    let (a, b, url) = pair(LONG).await;
    a.close_gate("before-commit", "new.txt").await;
    let create = |host: &Host, body: &'static str| {
        let request = host
            .request("PUT", "/r/new.txt")
            .header("if-none-match", "*");
        tokio::spawn(request.body(body).send())
    };
    let first = create(&a, "of a");
    a.at_gate("before-commit", 1).await;
    let second = create(&b, "of b");
    let pool = PgPool::connect(&url).await.unwrap();
    let sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("the second writer waits", || async {
        let waits: bool = sqlx::query_scalar(sql).fetch_one(&pool).await.unwrap();
        waits.then_some(())
    })
    .await;
    a.open_gate("before-commit").await;
    assert_eq!(first.await.unwrap().unwrap().status(), 201);
    assert_eq!(
        second.await.unwrap().unwrap().status(),
        412,
        "the other writer waited, and found the file there"
    );
    let text = a.get("/r/new.txt").await;
    assert_eq!(text.text(), "of a");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_for_what_another_wrote_can_read_it() {
    let (a, b, _) = pair(LONG).await;
    assert_eq!(b.get("/r/a.txt").await.status, 404);
    a.close_gate("announce", "").await;
    a.put("/r/a.txt", "there").await;
    let create = b.request("PUT", "/r/a.txt").header("if-none-match", "*");
    assert_eq!(b.send(create.body("mine")).await.status, 412);
    assert_eq!(b.get("/r/a.txt").await.text(), "there");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_what_another_wrote_can_read_it() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    cached(&b, "/r/a.txt").await;
    a.close_gate("announce", "").await;
    let written = a.put("/r/a.txt", "new").await.generation();
    let same = b.put("/r/a.txt", "new").await;
    assert_eq!((same.status, same.generation()), (204, written));
    assert_eq!(b.get("/r/a.txt").await.text(), "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_between_commit_and_answer_changes_nothing() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    for host in [&a, &b] {
        cached(host, "/r/a.txt").await;
    }
    a.close_gate("after-commit", "a.txt").await;
    let leaving = tokio::spawn(a.request("PUT", "/r/a.txt").body("new").send());
    a.at_gate("after-commit", 1).await;
    leaving.abort();
    let _ = leaving.await;
    // Time for the host to notice.
    for _ in 0..50 {
        a.get("/r/quiet.txt").await;
    }
    a.open_gate("after-commit").await;
    for host in [&a, &b] {
        eventually("what was committed", || async {
            (host.get("/r/a.txt").await.text() == "new").then_some(())
        })
        .await;
    }
}
