//! What the listener makes of its connection and of what comes through it.

use realm_tests::{ORIGIN, eventually};

use crate::{Ear, LONG, answered, ask, cached, connect, notify, pair, quiet};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_while_nobody_listens_is_read_from_the_log() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    cached(&b, "/r/a.txt").await;
    let ear = Ear::open(&url).await;
    b.close_gate("listener-lost", "").await;
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'realm listener' AND datname = current_database()";
    let mut client = connect(&url).await;
    let ended: i64 = sqlx::query_scalar(sql)
        .fetch_one(&mut client)
        .await
        .unwrap();
    assert_eq!(ended, 2, "both hosts listen");
    b.at_gate("listener-lost", 1).await;
    a.put("/r/a.txt", "new").await;
    ear.hears("a.txt").await;
    b.open_gate("listener-lost").await;
    eventually("what was written meanwhile", || async {
        (b.get("/r/a.txt").await.text() == "new").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_payloads_cannot_end_any_more_ends_by_the_log() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/flag.txt", "go").await;
    a.put("/r/x.misbehave", "spin-if ./flag.txt go\n").await;
    quiet(&a, &b, &url).await;
    let caller = ask(&b, "/r/x.misbehave");
    let first = b.call_that_has_read(0).await;
    notify(&url, &format!("{ORIGIN}/r/:*")).await;
    b.call_that_has_read(first).await;
    a.put("/r/flag.txt", "stop").await;
    let answer = answered("an answer from the new bytes", caller).await;
    assert!(answer.text().contains("stop"), "{}", answer.text());
}
