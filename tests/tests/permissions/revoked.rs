//! A right that is taken is taken on every replica, as fast as a write is seen there.

use std::time::{Duration, Instant};

use realm_tests::{Host, Storage, eventually, server};
use serde_json::json;

use crate::{Bearing, asking, create, get, of, put, share};

/// Two hosts over one Postgres, with a realm of `owner` that `reader` may read.
async fn pair(lease: &str) -> (Host, Host, tempfile::TempDir) {
    let temporary = tempfile::tempdir().unwrap();
    let storage = Storage::Postgres(server().database().await);
    // One that works may be stopped in a transaction, which those of the other would wait for.
    let options = asking(storage, temporary.path()).with("lease", lease);
    let options = options.with("role", "serve");
    let (a, b) = (options.clone().start().await, options.start().await);
    create(&a, "owner", "/p/").await;
    put(&a, &of("owner"), "/p/a.txt", "a").await;
    let shared = share(&a, "/p/", json!({ "reader": ["read"] })).await;
    // What was given is there on the other one, for whoever names the generation.
    let request = b.request("GET", "/p/a.txt").bearing(&of("reader"));
    let request = request.header("realm-generation", shared.generation());
    assert_eq!(b.send(request).await.status, 200);
    (a, b, temporary)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_holds_on_every_replica() {
    let (a, b, _folder) = pair("60s").await;
    for _ in 0..2 {
        assert_eq!(get(&a, &of("reader"), "/p/a.txt").await.status, 200);
    }
    share(&a, "/p/", json!({ "reader": [] })).await;
    let begun = Instant::now();
    assert_eq!(
        get(&a, &of("reader"), "/p/a.txt").await.status,
        404,
        "at once where it was taken"
    );
    eventually("the other one has heard of it", || async {
        (get(&b, &of("reader"), "/p/a.txt").await.status == 404).then_some(())
    })
    .await;
    println!("revoked on the other host after {:?}", begun.elapsed());
    // The lease had no part in it.
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(get(&b, &of("owner"), "/p/a.txt").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_nobody_hears_of_holds_within_the_lease() {
    let (a, b, _folder) = pair("1s").await;
    b.close_gate("lease-poll", "").await;
    b.signal("STOP");
    let stopped = Instant::now();
    share(&a, "/p/", json!({ "reader": [] })).await;
    eventually("its lease is over", || async {
        (stopped.elapsed() > Duration::from_secs(1)).then_some(())
    })
    .await;
    b.signal("CONT");
    // Its lease has run out while it was stopped: it asks before it answers.
    assert_eq!(get(&b, &of("reader"), "/p/a.txt").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_end_for_those_who_may_not_read_any_more() {
    let (a, b, _folder) = pair("60s").await;
    let follow = |host: &Host, user: &str| {
        let request = host.request("GET", "/p/_events").bearing(&of(user));
        request.header("accept", "text/event-stream").send()
    };
    let (mut reader, mut owner) = (
        follow(&b, "reader").await.unwrap(),
        follow(&b, "owner").await.unwrap(),
    );
    put(&a, &of("owner"), "/p/a.txt", "b").await;
    for stream in [&mut reader, &mut owner] {
        while !String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("open"))
            .contains("a.txt")
        {}
    }
    share(&a, "/p/", json!({ "reader": [] })).await;
    put(&a, &of("owner"), "/p/secret.txt", "s").await;
    let mut seen = String::new();
    while let Some(chunk) = reader.chunk().await.unwrap() {
        seen.push_str(&String::from_utf8_lossy(&chunk));
        assert!(!seen.contains("secret.txt"), "{seen}");
    }
    while !String::from_utf8_lossy(&owner.chunk().await.unwrap().expect("open"))
        .contains("secret.txt")
    {}
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_who_is_removed_owns_nothing_that_is_published_either() {
    let (a, b, _folder) = pair("60s").await;
    let published = crate::publish(&a, &of("owner"), "/p/", "/q/").await;
    assert_eq!(published.status, 202, "{}", published.text());
    // No owner makes or unmakes one.
    let body = json!({ "data": { "attributes": { "permissions": { "owner": [] } } } });
    let request = a.request("PATCH", "/p/_permissions").bearing(&of("owner"));
    let refused = a.send(request.body(body.to_string())).await;
    assert_eq!(refused.errors()[0]["code"], "owner", "{}", refused.text());
    let removed = share(&a, "/p/", json!({ "owner": [], "heir": ["owner"] })).await;
    for host in [&a, &b] {
        let request = host.request("GET", "/p/_info").bearing(&of("heir"));
        let request = request.header("realm-generation", removed.generation());
        assert_eq!(host.send(request).await.status, 200);
        assert_eq!(get(host, &of("owner"), "/p/a.txt").await.status, 404);
        assert_eq!(get(host, &of("owner"), "/q/_permissions").await.status, 403);
        assert_eq!(get(host, &of("heir"), "/q/_permissions").await.status, 200);
    }
    let again = crate::publish(&b, &of("owner"), "/p/", "/q/").await;
    assert_eq!(
        again.status,
        400,
        "a realm that they may not know of: {}",
        again.text()
    );
}
