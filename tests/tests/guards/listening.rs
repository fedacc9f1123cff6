//! What the listener makes of its connection and of what comes through it.

use realm_tests::{ORIGIN, eventually};

use crate::{Ear, LONG, answered, ask, cached, connect, notify, pair, quiet};

/// Ends what every host listens by.
async fn cut_off(url: &str) {
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'realm listener' AND datname = current_database()";
    let mut client = connect(url).await;
    let ended = sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut client);
    assert_eq!(ended.await.unwrap(), 2, "both hosts listen");
}

/// B is held at `gate` while what A has written is announced.
async fn misses_an_announcement(gate: &str) {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    cached(&b, "/r/a.txt").await;
    let ear = Ear::open(&url).await;
    // Little is left to do while B is held: it would give a silent connection up by itself.
    a.close_gate("announce", "").await;
    a.put("/r/a.txt", "new").await;
    b.close_gate(gate, "").await;
    cut_off(&url).await;
    b.at_gate(gate, 1).await;
    a.open_gate("announce").await;
    ear.hears("a.txt").await;
    b.open_gate(gate).await;
    eventually("what was announced meanwhile", || async {
        (b.get("/r/a.txt").await.text() == "new").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_is_not_taken_for_the_one_that_follows() {
    misses_an_announcement("listener-lost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_announced_while_nobody_listens_is_read_from_the_log() {
    misses_an_announcement("listen").await;
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
