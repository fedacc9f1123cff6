//! A publish, and who has not heard of it: a publisher that knows nothing of the realm, a peer in the middle of a call, a
//! client that goes away.

use std::time::{Duration, Instant};

use realm_tests::{Host, eventually, server};

use crate::scene::{LONG, answered, ask, atomic, cached, options, publishing, serves};

fn version(number: usize) -> String {
    format!("export const version: number = {number};\n")
}

/// A source at `/s/` that is published at `/p/`, and the hosts over its database: the second has it all in its caches.
async fn published() -> (Host, Host, String) {
    let database = server().database().await;
    let (a, b) = (
        options(&database, LONG).start().await,
        options(&database, LONG).start().await,
    );
    a.create("/s/").await;
    let add = |path: &'static str, content: String| ("add", path, content);
    let files = [
        add("a.ts", version(1)),
        add("b.txt", "version 1".to_owned()),
        add("flag.txt", "go".to_owned()),
        add("x.misbehave", "spin-if ./flag.txt go\n".to_owned()),
    ];
    atomic(&a, "/s/", &files).await;
    a.publish("/s/", "/p/").await;
    for path in ["/p/a.ts", "/p/b.txt"] {
        serves(&b, path, "1").await;
        cached(&b, path).await;
    }
    (a, b, database)
}

/// The source's next version.
async fn edit(host: &Host) {
    let update = |path: &'static str, content: &str| ("update", path, content.to_owned());
    let files = [
        update("a.ts", &version(2)),
        update("b.txt", "version 2"),
        update("flag.txt", "stop"),
    ];
    atomic(host, "/s/", &files).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_does_not_know_the_realm_clears_a_peer_that_does() {
    let (a, b, database) = published().await;
    edit(&a).await;
    // Nobody has ever asked it for the published realm.
    let cold = options(&database, LONG).start().await;
    // A call of the peer has read a file that changes.
    let caller = ask(b.request("GET", "/p/x.misbehave"));
    let call = b.call_that_has_read(0).await;
    cold.publish("/s/", "/p/").await;
    let acknowledged = Instant::now();
    eventually("the call to end", || async {
        let calls = b.calls().await;
        let ended = calls.iter().all(|known| known["id"].as_u64() != Some(call));
        ended.then_some(())
    })
    .await;
    let ended = acknowledged.elapsed();
    serves(&b, "/p/b.txt", "version 2").await;
    serves(&b, "/p/a.ts", "version = 2").await;
    println!(
        "published by a cold host -> the peer's call has ended after {ended:?}, new bytes after {:?}",
        acknowledged.elapsed()
    );
    let answer = answered(caller).await;
    assert!(answer.text().contains("stop"), "{}", answer.text());
}

/// The client that publishes goes away while its request is at `point`; then the gate opens.
async fn leaves_at(host: &Host, point: &str) {
    host.close_gate(point, "").await;
    let request = host.request("POST", "/_publish-realm");
    let leaving = ask(request.body(publishing("/s/", "/p/").to_string()));
    host.at_gate(point, 1).await;
    leaving.abort();
    let _ = leaving.await;
    // Time for the host to notice.
    for _ in 0..50 {
        host.get("/s/b.txt").await;
    }
    host.open_gate(point).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_while_it_publishes_keeps_nobody_from_hearing_of_it() {
    for point in ["source-held", "published"] {
        let (a, b, _) = published().await;
        edit(&a).await;
        cached(&a, "/p/b.txt").await;
        leaves_at(&a, point).await;
        for host in [&a, &b] {
            serves(host, "/p/b.txt", "version 2").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_that_dies_after_the_commit_leaves_old_bytes_for_no_longer_than_the_lease() {
    let database = server().database().await;
    let lease = Duration::from_secs(2);
    let (a, b) = (
        options(&database, "2s").start().await,
        options(&database, "2s").start().await,
    );
    a.create("/s/").await;
    a.put("/s/b.txt", "version 1").await;
    a.publish("/s/", "/p/").await;
    serves(&b, "/p/b.txt", "version 1").await;
    cached(&b, "/p/b.txt").await;
    a.put("/s/b.txt", "version 2").await;
    a.close_gate("published", "").await;
    let request = a.request("POST", "/_publish-realm");
    let publisher = ask(request.body(publishing("/s/", "/p/").to_string()));
    a.at_gate("published", 1).await;
    let committed = Instant::now();
    a.signal("KILL");
    let _ = publisher.await;
    let stalest = eventually("the peer serves what was committed", || async {
        let sent = committed.elapsed();
        let answer = b.get("/p/b.txt").await;
        assert_eq!(answer.status, 200);
        (answer.text() == "version 2").then_some(sent)
    })
    .await;
    println!(
        "committed, and the publisher killed -> served by the peer after {stalest:?} (lease {lease:?})"
    );
    assert!(stalest <= lease + Duration::from_millis(50), "{stalest:?}");
}
