//! Realms that lie in others: the nearest one serves, and those who read by another one's URL are told.

use std::time::{Duration, Instant};

use realm_tests::{Host, eventually, server};

use crate::events::Ear;
use crate::scene::{LONG, cached, options, serves};

/// Two hosts with a realm that has files where others will be.
async fn outer(lease: &str) -> (Host, Host) {
    let database = server().database().await;
    let options = options(&database, lease);
    let (a, b) = (options.clone().start().await, options.start().await);
    a.create("/o/").await;
    let mut ear = Ear::open(&database).await;
    for path in ["/o/a.txt", "/o/n/a.txt", "/o/n/m/a.txt", "/o/nn/a.txt"] {
        a.put(path, "outer").await;
        serves(&b, path, "outer").await;
    }
    // Nothing is on its way any more.
    ear.heard_by(&b, "/o/:nn/a.txt").await;
    (a, b)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_realm_serves_while_the_others_stay() {
    let (a, b) = outer(LONG).await;
    for path in ["/o/a.txt", "/o/nn/a.txt"] {
        cached(&b, path).await;
    }
    let is = async |path: &str, text: &str| {
        let own = a.get(path).await;
        assert_eq!((own.status, own.text().as_str()), (200, text), "{path}");
        serves(&b, path, text).await;
    };
    a.create("/o/n/m/").await;
    a.put("/o/n/m/a.txt", "innermost").await;
    is("/o/n/m/a.txt", "innermost").await;
    is("/o/n/a.txt", "outer").await;
    a.create("/o/n/").await;
    assert_eq!(a.get("/o/n/a.txt").await.status, 404, "it is empty");
    a.put("/o/n/a.txt", "inner").await;
    is("/o/n/a.txt", "inner").await;
    is("/o/n/m/a.txt", "innermost").await;
    a.delete_realm("/o/n/m/").await;
    assert_eq!(a.get("/o/n/m/a.txt").await.status, 404);
    a.delete_realm("/o/n/").await;
    is("/o/n/a.txt", "outer").await;
    is("/o/n/m/a.txt", "outer").await;
    // Nothing of all that was a reason to forget what the outer one has elsewhere.
    for path in ["/o/a.txt", "/o/nn/a.txt"] {
        let answer = b.get(path).await;
        assert_eq!(answer.header("cache-status"), "realm; hit", "{path}");
        assert_eq!(answer.text(), "outer");
    }
    assert!(!b.log().contains("unmounted url=http://realm.test/o/\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nearer_realm_that_nobody_announced_serves_when_the_lease_runs_out() {
    let (a, b) = outer("2s").await;
    a.close_gate("announce", "").await;
    // It does not even poll: requests see to the lease themselves.
    b.close_gate("lease-poll", "").await;
    b.at_gate("lease-poll", 1).await;
    cached(&b, "/o/n/a.txt").await;
    a.create("/o/n/").await;
    a.put("/o/n/a.txt", "inner").await;
    let written = Instant::now();
    let stalest = eventually("the nearer realm", || async {
        let sent = written.elapsed();
        let answer = b.get("/o/n/a.txt").await;
        (answer.text() == "inner").then_some(sent)
    })
    .await;
    println!("a nearer realm, made unheard -> served after {stalest:?} (lease 2 s)");
    assert!(stalest <= Duration::from_millis(2050), "{stalest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_guest_reads_by_url_is_of_the_realm_that_serves_that_url() {
    let (a, b) = outer(LONG).await;
    a.create("/r/").await;
    a.put("/r/x.misbehave", "read ../o/n/a.txt\n").await;
    for host in [&a, &b] {
        serves(host, "/r/x.misbehave", "outer").await;
        cached(host, "/r/x.misbehave").await;
    }
    a.create("/o/n/").await;
    a.put("/o/n/a.txt", "inner").await;
    let text = a.get("/r/x.misbehave").await.text();
    assert!(text.contains("inner"), "{text}");
    serves(&b, "/r/x.misbehave", "inner").await;
    a.delete_realm("/o/n/").await;
    let text = a.get("/r/x.misbehave").await.text();
    assert!(text.contains("outer"), "{text}");
    serves(&b, "/r/x.misbehave", "outer").await;
}
