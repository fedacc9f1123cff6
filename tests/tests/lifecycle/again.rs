//! A URL that is used again: unpublished and published from elsewhere, deleted and made anew.

use std::time::{Duration, Instant};

use realm_tests::{Host, eventually, server};
use serde_json::{Value, json};

use crate::events::{Ear, Events};
use crate::scene::{LONG, atomic, cached, gone, is_gone, options, serves};

/// Two hosts, and their database.
async fn pair(lease: &str) -> (Host, Host, String) {
    let database = server().database().await;
    let options = options(&database, lease);
    (
        options.clone().start().await,
        options.start().await,
        database,
    )
}

/// Two sources with other bytes under the same names, and some that the other has not.
async fn sources(host: &Host) {
    for (realm, number) in [("/s1/", 1), ("/s2/", 2)] {
        host.create(realm).await;
        let own = format!("only-{number}.txt");
        let files = [
            (
                "add",
                "a.ts",
                format!("export const version: number = {number};\n"),
            ),
            ("add", "b.txt", format!("version {number}")),
            ("add", own.as_str(), own.clone()),
        ];
        atomic(host, realm, &files).await;
    }
}

/// Warms a peer with what `/s1/` has published at `/p/`, has it hear nothing, and publishes `/s2/` there instead.
async fn replaced_unheard(lease: &str) -> (Host, Host) {
    let (a, b, _) = pair(lease).await;
    sources(&a).await;
    a.publish("/s1/", "/p/").await;
    serves(&b, "/p/b.txt", "version 1").await;
    a.close_gate("announce", "").await;
    if lease != LONG {
        b.close_gate("lease-poll", "").await;
        b.at_gate("lease-poll", 1).await;
    }
    for path in ["/p/a.ts", "/p/b.txt", "/p/only-1.txt"] {
        cached(&b, path).await;
    }
    a.unpublish("/p/").await;
    a.publish("/s2/", "/p/").await;
    (a, b)
}

async fn has_the_second(host: &Host) {
    serves(host, "/p/b.txt", "version 2").await;
    let answers = [
        host.get("/p/a.ts").await,
        host.get("/p/only-2.txt").await,
        host.get("/p/only-1.txt").await,
    ];
    assert!(answers[0].text().contains("version = 2"), "{answers:?}");
    assert_eq!(answers[1].text(), "only-2.txt");
    assert_eq!(answers[2].status, 404, "nothing of the other's is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_unpublished_and_published_anew_unheard_is_served_within_the_lease() {
    let (_a, b) = replaced_unheard("2s").await;
    let replaced = Instant::now();
    // Not even its own poll tells it.
    eventually("the lease runs out", || async {
        let answer = b.get("/p/b.txt").await;
        assert_eq!(answer.status, 200);
        (answer.text() == "version 2").then_some(())
    })
    .await;
    let after = replaced.elapsed();
    has_the_second(&b).await;
    println!(
        "unpublished and published anew, unheard -> served by the peer after {after:?} (lease 2 s)"
    );
    assert!(after < Duration::from_secs(4), "{after:?}");
    b.open_gate("lease-poll").await;
    has_the_second(&b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_are_heard_of_at_once_and_the_newer_counts() {
    let (a, b) = replaced_unheard(LONG).await;
    a.open_gate("announce").await;
    has_the_second(&b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_knew_the_realm_of_before_is_answered_at_once() {
    let (a, b, _) = pair(LONG).await;
    a.create("/r/").await;
    let known = a.put("/r/a.txt", "old").await.generation();
    serves(&b, "/r/a.txt", "old").await;
    a.close_gate("announce", "").await;
    let ended = a
        .send(
            a.request("DELETE", "/_delete-realm")
                .body(crate::scene::about("/r/").to_string()),
        )
        .await;
    assert_eq!((ended.status, ended.generation()), (204, known + 1));
    let named = |host: &Host, generation: i64| {
        host.request("GET", "/r/a.txt")
            .header("realm-generation", generation)
    };
    // Whoever names what has ended is told so, by a host that has heard nothing too.
    for host in [&a, &b] {
        let answer = host.send(named(host, known + 1)).await;
        assert!(is_gone(&answer), "{answer:?}");
    }
    a.create("/r/").await;
    let made = a.send(named(&a, known)).await;
    assert_eq!(
        made.status, 404,
        "its file went with the old realm: {made:?}"
    );
    assert_eq!(made.generation(), known + 2, "and the generation goes on");
    let written = a.put("/r/a.txt", "new").await.generation();
    assert_eq!(written, known + 3);
    for (host, generation) in [(&a, known), (&a, written), (&b, written), (&b, known)] {
        let begun = Instant::now();
        let answer = host.send(named(host, generation)).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "new"));
        assert!(answer.generation() >= written);
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "nobody waits for what has been"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_the_events_misses_nothing_of_a_delete_and_of_what_comes_after() {
    let (a, b, database) = pair(LONG).await;
    a.create("/r/").await;
    let last = a.put("/r/a.txt", "1").await.generation();
    serves(&b, "/r/a.txt", "1").await;
    let mut open = Events::open(&b, "/r/", Some(last - 1)).await;
    assert_eq!(open.next().await, Some((last, json!(["a.txt"]))));
    a.delete_realm("/r/").await;
    // It ends with the realm, and may have said so.
    while let Some((id, paths)) = open.next().await {
        assert_eq!((id, paths), (last + 1, json!("*")));
    }
    gone(&b, "/r/a.txt").await;
    a.create("/r/").await;
    // The peer knows that it is there, and hears of the write before anybody asks it for the realm.
    assert!(is_gone(&b.get("/elsewhere/").await));
    let mut ear = Ear::open(&database).await;
    let written = a.put("/r/b.txt", "2").await.generation();
    ear.heard_by(&b, "/r/:b.txt").await;
    let all: [(i64, Value); 3] = [
        (last + 1, json!("*")),
        (last + 2, json!("*")),
        (written, json!(["b.txt"])),
    ];
    for host in [&a, &b] {
        let mut events = Events::open(host, "/r/", Some(last)).await;
        for event in &all {
            assert_eq!(events.next().await.as_ref(), Some(event));
        }
    }
    // Where the log does not reach back any more, everything may have changed.
    crate::scene::sql(
        &database,
        &format!("DELETE FROM changes WHERE generation < {written}"),
    )
    .await;
    let fresh = options(&database, LONG).start().await;
    let mut events = Events::open(&fresh, "/r/", Some(last)).await;
    assert_eq!(events.next().await, Some((written - 1, json!("*"))));
    assert_eq!(events.next().await, Some((written, json!(["b.txt"]))));
}
