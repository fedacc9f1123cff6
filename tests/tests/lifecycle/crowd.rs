//! Many writers at once, on a pool of few connections: they take turns, and leave room for readers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use realm_tests::{Host, distribution, eventually};
use serde_json::json;

use crate::stage::{Asking, LONG, Stage, answered, ask, at, post};

const CROWD: usize = 40;

async fn stage() -> Stage {
    let settings = [
        ("lease", LONG),
        ("database-connections", "10"),
        ("database-timeout", "20s"),
        ("lock-timeout", "60s"),
    ];
    let stage = Stage::start(&settings).await;
    stage.a.create("/read/").await;
    stage.a.put("/read/a.txt", "a").await;
    stage
}

/// Reads that ask the database each time are answered though everybody else waits.
async fn can_read(host: &Host) {
    for _ in 0..5 {
        let listing = ask(host.request("GET", "/read/_mtimes"));
        assert_eq!(answered("a reader", listing).await.status, 200);
    }
}

async fn all(askings: Vec<Asking>, status: u16) -> Vec<i64> {
    let mut generations = Vec::new();
    for asking in askings {
        let answer = answered("one of many", asking).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        generations.push(answer.generation());
    }
    generations
}

/// The generations of a realm's log, in order.
async fn logged(stage: &Stage, realm: &str) -> Vec<i64> {
    let sql = "SELECT c.generation FROM changes c JOIN realms r ON r.id = c.realm_id WHERE r.url = $1 ORDER BY 1";
    let rows = sqlx::query_scalar(sql)
        .bind(at(realm))
        .fetch_all(&stage.pool);
    rows.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_writers_of_one_realm_leave_room_for_readers() {
    let stage = stage().await;
    stage.a.create("/w/").await;
    let known = || stage.b.get("/w/_mtimes");
    eventually("the realm", || async {
        (known().await.status == 200).then_some(())
    })
    .await;
    // All of them wait for the first.
    stage.a.close_gate("before-commit", "first.txt").await;
    let first = ask(stage.a.request("PUT", "/w/first.txt").body("first"));
    stage.a.at_gate("before-commit", 1).await;
    let mut writers = vec![first];
    for number in 1..CROWD {
        let host = stage.hosts()[number % 2];
        writers.push(ask(host
            .request("PUT", &format!("/w/{number}.txt"))
            .body("w")));
    }
    eventually("those of the other host wait", || async {
        (stage.waiting().await > 0).then_some(())
    })
    .await;
    for host in stage.hosts() {
        can_read(host).await;
    }
    stage.a.open_gate("before-commit").await;
    let generations = all(writers, 201).await;
    let of_all: BTreeSet<i64> = generations.into_iter().collect();
    assert_eq!(
        of_all,
        (2..=41).collect(),
        "each has a generation of its own"
    );
    assert_eq!(logged(&stage, "/w/").await, (1..=41).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_publishes_of_one_realm_leave_room_for_readers() {
    let stage = stage().await;
    stage.a.create("/s/").await;
    stage.a.put("/s/a.txt", "a").await;
    stage.a.publish("/s/", "/p/").await;
    stage.a.close_gate("source-held", "/s/").await;
    let publish = |host: &Host| {
        ask(post(
            host,
            "/_publish-realm",
            &json!({ "sourceRealmURL": at("/s/"), "publishedRealmURL": at("/p/") }),
        ))
    };
    let first = publish(&stage.a);
    stage.a.at_gate("source-held", 1).await;
    let mut publishes = vec![first];
    publishes.extend((1..CROWD).map(|number| publish(stage.hosts()[number % 2])));
    eventually("those of the other host wait", || async {
        (stage.waiting().await > 0).then_some(())
    })
    .await;
    for host in stage.hosts() {
        can_read(host).await;
    }
    // They take one place here, and so do not stand in the way of other realms' writers either.
    for host in stage.hosts() {
        let writing = ask(host.request("PUT", "/read/b.txt").body(host.public.clone()));
        assert!(answered("a writer of another realm", writing).await.status < 300);
    }
    stage.a.open_gate("source-held").await;
    let mut generations = all(publishes, 202).await;
    generations.sort_unstable();
    assert_eq!(generations, (2..=41).collect::<Vec<_>>());
    assert_eq!(logged(&stage, "/p/").await, (1..=41).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_publishes_of_ten_sources_leave_room_for_readers() {
    let stage = stage().await;
    for source in 0..10 {
        stage.a.create(&format!("/s{source}/")).await;
        stage
            .a
            .put(&format!("/s{source}/a.txt"), format!("{source}"))
            .await;
    }
    let publish = |number: usize| {
        let source = number % 10;
        let body = json!({
            "sourceRealmURL": at(&format!("/s{source}/")), "publishedRealmURL": at(&format!("/p{number}/")),
        });
        ask(post(
            stage.hosts()[number / 10 % 2],
            "/_publish-realm",
            &body,
        ))
    };
    // One of them holds what all of them need for a moment: the registry's counter. Seven may write on each host.
    stage.a.close_gate("statement", "publish:commit;").await;
    let first = publish(0);
    stage.a.at_gate("statement", 1).await;
    let mut publishes = vec![first];
    publishes.extend((1..CROWD).map(publish));
    eventually("as many wait as may", || async {
        (stage.waiting().await == 13).then_some(())
    })
    .await;
    for host in stage.hosts() {
        can_read(host).await;
    }
    stage.a.open_gate("statement").await;
    let generations = all(publishes, 202).await;
    assert_eq!(generations, [1; CROWD]);
    for number in 0..CROWD {
        for host in stage.hosts() {
            let path = format!("/p{number}/a.txt");
            assert_eq!(host.get(&path).await.text(), (number % 10).to_string());
        }
        assert_eq!(logged(&stage, &format!("/p{number}/")).await, [1]);
    }
}

/// Without gates: how it goes when nobody is held up, with the readers' waits.
#[tokio::test(flavor = "multi_thread")]
async fn writers_and_publishers_at_once_all_succeed_while_others_read() {
    let stage = Arc::new(stage().await);
    stage.a.create("/w/").await;
    let stop = Arc::new(AtomicBool::new(false));
    let reads = Arc::new(AtomicUsize::new(0));
    let readers: Vec<_> = (0..4)
        .map(|number| {
            let (stage, stop, reads) = (Arc::clone(&stage), Arc::clone(&stop), Arc::clone(&reads));
            tokio::spawn(async move {
                let mut waits = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    let answer = stage.hosts()[number % 2].get("/read/_mtimes").await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    waits.push(begun.elapsed());
                    reads.fetch_add(1, Ordering::SeqCst);
                }
                waits
            })
        })
        .collect();
    eventually("readers", || async {
        (reads.load(Ordering::SeqCst) > 20).then_some(())
    })
    .await;
    let publish = |number: usize| {
        let body = json!({ "sourceRealmURL": at("/read/"), "publishedRealmURL": at(&format!("/p{}/", number % 10)) });
        ask(post(stage.hosts()[number % 2], "/_publish-realm", &body))
    };
    let begun = Instant::now();
    let publishes: Vec<_> = (0..CROWD).map(publish).collect();
    let write = |number: usize| {
        let host = stage.hosts()[number % 2];
        ask(host.request("PUT", &format!("/w/{number}.txt")).body("w"))
    };
    let writers: Vec<_> = (0..CROWD).map(write).collect();
    all(writers, 201).await;
    all(publishes, 202).await;
    let took = begun.elapsed();
    stop.store(true, Ordering::SeqCst);
    let mut waits = Vec::new();
    for reader in readers {
        waits.extend(reader.await.unwrap());
    }
    println!("40 writes and 40 publishes on two hosts in {took:?}");
    println!(
        "{}",
        distribution("a read of another realm meanwhile", &mut waits)
    );
    assert!(
        waits.iter().all(|wait| *wait < Duration::from_secs(5)),
        "readers starve"
    );
    assert_eq!(logged(&stage, "/w/").await, (1..=41).collect::<Vec<_>>());
    for number in 0..10 {
        assert_eq!(logged(&stage, &format!("/p{number}/")).await, [1, 2, 3, 4]);
    }
}
