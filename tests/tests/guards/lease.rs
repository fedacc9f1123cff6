//! What is believed when notifications do not come.

use std::time::{Duration, Instant};

use realm_tests::{Host, eventually};

use crate::{cached, knows, pair, quiet};

/// Longer than what a test does within it, shorter than anybody's patience.
const LEASE: Duration = Duration::from_secs(2);

/// `a` tells nobody, and `b` does not poll.
async fn separate(a: &Host, b: &Host) {
    a.close_gate("announce", "").await;
    b.close_gate("lease-poll", "").await;
    b.at_gate("lease-poll", 1).await;
}

/// Waits until the host says that a lease has run out.
async fn run_out(host: &Host) {
    eventually("the lease runs out", || async {
        let ready = host.admin("/_ready").await.json();
        let checks = ready["checks"].as_array().cloned().unwrap_or_default();
        let lease = checks.into_iter().find(|check| check["name"] == "lease")?;
        (lease["good"] == false).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_has_run_out_is_not_believed() {
    let (a, b, url) = pair("2s").await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    separate(&a, &b).await;
    cached(&b, "/r/a.txt").await;
    a.put("/r/a.txt", "new").await;
    run_out(&b).await;
    assert_eq!(b.get("/r/a.txt").await.text(), "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_runs_from_before_its_poll_was_sent() {
    let (a, b, url) = pair("2s").await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    cached(&b, "/r/a.txt").await;
    a.close_gate("announce", "").await;
    b.close_gate("lease-answer", "").await;
    b.at_gate("lease-answer", 1).await;
    let sent = Instant::now();
    b.close_gate("lease-poll", "").await;
    // The answer under way knows nothing of this.
    a.put("/r/a.txt", "new").await;
    eventually("a lease since the poll was sent", || async {
        (sent.elapsed() > LEASE).then_some(())
    })
    .await;
    b.open_gate("lease-answer").await;
    b.at_gate("lease-poll", 1).await;
    assert_eq!(b.get("/r/a.txt").await.text(), "new");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_another_realm_that_was_read_counts_too() {
    let (a, b, url) = pair("2s").await;
    a.create("/s/").await;
    knows(&b, "/s/").await;
    a.put("/s/own.txt", "old").await;
    a.put("/r/x.misbehave", "read ../s/own.txt\n").await;
    quiet(&a, &b, &url).await;
    separate(&a, &b).await;
    let answer = cached(&b, "/r/x.misbehave").await;
    assert!(answer.text().contains("old"), "{}", answer.text());
    a.put("/s/own.txt", "new").await;
    run_out(&b).await;
    let answer = b.get("/r/x.misbehave").await;
    assert!(answer.text().contains("new"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_reads_another_realm_by_a_lease_that_holds() {
    let (a, b, url) = pair("2s").await;
    a.create("/s/").await;
    knows(&b, "/s/").await;
    a.put("/s/own.txt", "old").await;
    a.put("/r/x.misbehave", "read ../s/own.txt\n").await;
    quiet(&a, &b, &url).await;
    separate(&a, &b).await;
    cached(&b, "/s/own.txt").await;
    a.put("/s/own.txt", "new").await;
    run_out(&b).await;
    let answer = b.get("/r/x.misbehave").await;
    assert!(answer.text().contains("new"), "{}", answer.text());
}
