//! Another edition of a plugin takes the place of the one before, under load, with no wrong answer and no error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use realm_tests::{Edition, Host, Storage, eventually};

use crate::{LONG, alone, ask, becomes, enable, install, pair, served};

/// Editions, one after the other.
const EDITIONS: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_under_load_gives_no_wrong_answer() {
    let (a, b) = pair(LONG).await;
    for number in 0..20 {
        a.put(&format!("/r/{number}.edition"), number.to_string())
            .await;
    }
    install(&a, &Edition::new("0")).await;
    becomes(&b, "/r/0.edition", "0: 0").await;
    let (done, answers) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    // What is known to be in force: what A has answered for.
    let in_force = Arc::new(AtomicUsize::new(0));
    let (a, b) = (Arc::new(a), Arc::new(b));
    let clients: Vec<_> = [(&a, true), (&b, false), (&a, true), (&b, false)]
        .into_iter()
        .enumerate()
        .map(|(client, (host, first))| {
            let (host, done) = (Arc::clone(host), Arc::clone(&done));
            let (answers, in_force) = (Arc::clone(&answers), Arc::clone(&in_force));
            tokio::spawn(async move {
                let (mut file, mut seen) = (client * 5, 0);
                while !done.load(Ordering::SeqCst) {
                    file = (file + 1) % 20;
                    let least = if first {
                        in_force.load(Ordering::SeqCst)
                    } else {
                        seen
                    };
                    seen = edition_of(&host, file).await;
                    assert!(seen >= least, "edition {seen} after {least}");
                    answers.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for edition in 1..EDITIONS {
        install(&a, &Edition::new(&edition.to_string())).await;
        in_force.store(edition, Ordering::SeqCst);
        becomes(&b, "/r/0.edition", &format!("{edition}: 0")).await;
        let before = answers.load(Ordering::SeqCst);
        eventually("clients go on", || async {
            (answers.load(Ordering::SeqCst) > before + 40).then_some(())
        })
        .await;
    }
    done.store(true, Ordering::SeqCst);
    for client in clients {
        client.await.expect("no wrong answer");
    }
}

/// The edition that a file is served by.
async fn edition_of(host: &Host, file: usize) -> usize {
    let text = served(host, &format!("/r/{file}.edition")).await;
    let (edition, input) = text.trim_end().split_once(": ").expect("an edition's text");
    assert_eq!(input, file.to_string());
    edition.parse().expect("a number")
}

#[tokio::test]
async fn whoever_comes_after_an_upgrade_does_not_join_a_call_of_before() {
    let host = alone(Storage::Sqlite).await;
    host.put("/r/x.edition", "hold").await;
    install(&host, &Edition::new("one").with("does", "hold")).await;
    let _caller = ask(&host, "/r/x.edition");
    host.running(1).await;
    install(&host, &Edition::new("two")).await;
    // What has begun goes on, and nobody waits for it.
    assert_eq!(served(&host, "/r/x.edition").await, "two: hold\n");
    host.running(1).await;
}

#[tokio::test]
async fn what_begun_before_an_upgrade_ends_as_it_began() {
    let host = alone(Storage::Sqlite).await;
    host.put("/r/x.edition", "hello").await;
    install(&host, &Edition::new("one")).await;
    host.close_gate("after-call", "x.edition").await;
    let caller = ask(&host, "/r/x.edition");
    host.at_gate("after-call", 1).await;
    install(&host, &Edition::new("two")).await;
    host.open_gate("after-call").await;
    assert_eq!(caller.await.expect("no panic").text(), "one: hello\n");
    assert_eq!(served(&host, "/r/x.edition").await, "two: hello\n");
}

#[tokio::test]
async fn a_downgrade_serves_what_was_made_before_without_a_call() {
    let host = alone(Storage::Sqlite).await;
    host.put("/r/x.edition", "hello").await;
    let one = install(&host, &Edition::new("one")).await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: hello\n");
    host.derivations_are_stored().await;
    let two = Edition::new("two").with("version", "2.0.0");
    install(&host, &two).await;
    assert_eq!(served(&host, "/r/x.edition").await, "two: hello\n");
    let calls = host.guest_calls("edition").await;
    let answer = enable(&host, &one, true).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(served(&host, "/r/x.edition").await, "one: hello\n");
    assert_eq!(host.guest_calls("edition").await, calls);
    // By its version as well.
    assert_eq!(enable(&host, "edition@2", true).await.status, 200);
    assert_eq!(served(&host, "/r/x.edition").await, "two: hello\n");
}
