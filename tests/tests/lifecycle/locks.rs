//! The write lock of a realm: it is the reference system's, so whoever holds it elsewhere keeps us out, and we them.

use std::time::{Duration, Instant};

use realm_tests::{Host, eventually};
use serde_json::json;
use sha2_next::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

use crate::operation::{Operation, Round};
use crate::stage::{LONG, Stage, answered, ask, at, code, post, resource};

/// The key of a realm's lock, as the reference system makes it: the first 8 bytes of the URL's SHA-256, big-endian, signed.
fn key(realm: &str) -> i64 {
    let digest = Sha256::digest(at(realm));
    i64::from_be_bytes(digest[..8].try_into().unwrap())
}

/// Somebody else who writes: a client of the database that knows nothing of us.
struct Outsider(PgConnection);

impl Outsider {
    async fn open(stage: &Stage) -> Self {
        Self(PgConnection::connect(&stage.url).await.unwrap())
    }

    /// Holds a realm's lock until [`Self::release`].
    async fn hold(&mut self, realm: &str) {
        let statement = |sql: &'static str| sqlx::query(sql);
        statement("BEGIN").execute(&mut self.0).await.unwrap();
        let lock = statement("SELECT pg_advisory_xact_lock($1)").bind(key(realm));
        lock.execute(&mut self.0).await.unwrap();
    }

    async fn release(&mut self) {
        sqlx::query("ROLLBACK").execute(&mut self.0).await.unwrap();
    }

    /// Whether the lock is free.
    async fn may_have(&mut self, realm: &str) -> bool {
        let got = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(key(realm));
        let got: bool = got.fetch_one(&mut self.0).await.unwrap();
        if got {
            let unlock = sqlx::query("SELECT pg_advisory_unlock($1)").bind(key(realm));
            unlock.execute(&mut self.0).await.unwrap();
        }
        got
    }
}

fn write(host: &Host, realm: &str) -> reqwest::RequestBuilder {
    host.request("PUT", &format!("{realm}a.ts"))
        .body("export const version = 3;\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_lock_elsewhere_keeps_every_operation_out() {
    let stage = Stage::start(&[("lease", LONG), ("lock-timeout", "200ms")]).await;
    let mut outsider = Outsider::open(&stage).await;
    for operation in Operation::ALL {
        let round = Round::prepare(&stage, operation, "locked").await;
        let locked = match operation {
            Operation::Publish | Operation::PublishAgain | Operation::Unpublish => {
                vec![&round.copy]
            }
            // Each of them alone.
            Operation::DeleteWithCopies => vec![&round.source, &round.copy, &round.other],
            _ => vec![&round.source],
        };
        let before = round.seen(&stage.a).await;
        let rows = stage.rows().await;
        for realm in locked {
            outsider.hold(realm).await;
            let refused = answered("a refusal", ask(round.request(&stage.a))).await;
            let about = format!("{operation:?} with {realm} held: {}", refused.text());
            assert_eq!(
                (refused.status, code(&refused).as_str()),
                (503, "locked"),
                "{about}"
            );
            assert_eq!(refused.header("retry-after"), "1", "{about}");
            assert_eq!(stage.rows().await, rows, "{about}");
            for host in stage.hosts() {
                assert_eq!(round.seen(host).await, before, "{about}");
            }
            outsider.release().await;
        }
        let done = stage.a.send(round.request(&stage.a)).await;
        assert!(done.status < 300, "{operation:?}: {}", done.text());
        assert_eq!(round.seen(&stage.a).await, round.after(&before));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_lock_goes_on_when_it_is_given_back() {
    let stage = Stage::start(&[("lease", LONG), ("lock-timeout", "60s")]).await;
    let mut outsider = Outsider::open(&stage).await;
    stage.a.create("/w/").await;
    outsider.hold("/w/").await;
    let writing = ask(write(&stage.a, "/w/"));
    let archiving = ask(post(&stage.b, "/_archive-realm", &resource("/w/")));
    eventually("both wait", || async {
        (stage.waiting().await == 2).then_some(())
    })
    .await;
    assert!(!writing.is_finished() && !archiving.is_finished());
    outsider.release().await;
    assert_eq!(answered("the archive", archiving).await.status, 200);
    // Whoever comes first.
    let written = answered("the write", writing).await;
    assert!(matches!(written.status, 201 | 403), "{}", written.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_refused_while_the_lock_is_held_elsewhere() {
    let stage = Stage::start(&[("lease", LONG), ("lock-timeout", "200ms")]).await;
    let mut outsider = Outsider::open(&stage).await;
    stage.a.create("/w/").await;
    let before = stage.rows().await;
    outsider.hold("/w/").await;
    let refused = answered("a refusal", ask(write(&stage.a, "/w/"))).await;
    assert_eq!(
        (refused.status, code(&refused).as_str()),
        (503, "locked"),
        "{}",
        refused.text()
    );
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(stage.rows().await, before);
    outsider.release().await;
    assert_eq!(stage.a.send(write(&stage.a, "/w/")).await.status, 201);
}

/// Whoever waits here behind another waits for the same lock: all are told at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_wait_for_one_lock_wait_no_longer_than_one() {
    let stage = Stage::start(&[("lease", LONG), ("lock-timeout", "2s")]).await;
    let mut outsider = Outsider::open(&stage).await;
    stage.a.create("/w/").await;
    outsider.hold("/w/").await;
    let begun = Instant::now();
    let writers: Vec<_> = (0..10).map(|_| ask(write(&stage.a, "/w/"))).collect();
    for writer in writers {
        let refused = answered("a refusal", writer).await;
        assert_eq!((refused.status, code(&refused).as_str()), (503, "locked"));
        assert!(refused.text().contains("2s"), "{}", refused.text());
    }
    let took = begun.elapsed();
    assert!(
        took >= Duration::from_secs(2),
        "{took:?}: nobody is refused too early"
    );
    assert!(
        took < Duration::from_secs(8),
        "{took:?}: one after the other"
    );
    outsider.release().await;
    assert_eq!(stage.a.send(write(&stage.a, "/w/")).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_we_hold_nobody_else_gets() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    let mut outsider = Outsider::open(&stage).await;
    stage.a.create("/w/").await;
    assert!(outsider.may_have("/w/").await);
    stage.a.close_gate("before-commit", "a.ts").await;
    let writing = ask(write(&stage.a, "/w/"));
    stage.a.at_gate("before-commit", 1).await;
    assert!(!outsider.may_have("/w/").await, "a write holds it");
    stage.a.open_gate("before-commit").await;
    assert_eq!(answered("the write", writing).await.status, 201);
    assert!(outsider.may_have("/w/").await, "its end gives it back");
    for operation in Operation::ALL {
        let round = Round::prepare(&stage, operation, "held").await;
        let held = match operation {
            Operation::Publish | Operation::PublishAgain | Operation::Unpublish => {
                vec![&round.copy]
            }
            Operation::DeleteWithCopies => vec![&round.source, &round.copy, &round.other],
            _ => vec![&round.source],
        };
        let about = format!("{}:commit;", operation.name());
        stage.a.close_gate("statement", &about).await;
        let asking = ask(round.request(&stage.a));
        stage.a.at_gate("statement", 1).await;
        for realm in &held {
            assert!(
                !outsider.may_have(realm).await,
                "{operation:?} holds {realm}"
            );
        }
        stage.a.open_gate("statement").await;
        let done = answered("the operation", asking).await;
        assert!(done.status < 300, "{operation:?}: {}", done.text());
        for realm in &held {
            assert!(
                outsider.may_have(realm).await,
                "{operation:?} gives {realm} back"
            );
        }
    }
}

/// A delete and a publish of the same realms take their locks in one order, whoever comes first.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_and_a_publish_of_its_copy_wait_for_each_other_and_no_longer() {
    let stage = Stage::start(&[
        ("lease", LONG),
        ("lock-timeout", "60s"),
        ("database-timeout", "60s"),
    ])
    .await;
    let publish = |round: &Round| {
        let body =
            json!({ "sourceRealmURL": at(&round.source), "publishedRealmURL": at(&round.copy) });
        ask(post(&stage.b, "/_publish-realm", &body))
    };
    let gone = |seens: crate::operation::Seens| seens.iter().all(Result::is_err);

    // The publish has its locks, and the delete comes.
    let round = Round::prepare(&stage, Operation::DeleteWithCopies, "second").await;
    stage.b.close_gate("source-held", &round.source).await;
    let publishing = publish(&round);
    stage.b.at_gate("source-held", 1).await;
    let deleting = ask(round.request(&stage.a));
    eventually("the delete waits", || async {
        (stage.waiting().await == 1).then_some(())
    })
    .await;
    stage.b.open_gate("source-held").await;
    assert_eq!(answered("the publish", publishing).await.status, 202);
    assert_eq!(answered("the delete", deleting).await.status, 204);
    assert!(gone(round.seen(&stage.a).await));

    // The delete stops before each of its statements in turn, and the publish comes.
    for step in ["lock", "3", "10", "13", "23", "commit"] {
        let round = Round::prepare(&stage, Operation::DeleteWithCopies, step).await;
        stage
            .a
            .close_gate("statement", &format!("delete:{step};"))
            .await;
        let deleting = ask(round.request(&stage.a));
        stage.a.at_gate("statement", 1).await;
        let publishing = publish(&round);
        eventually("the publish waits, or is done", || async {
            (publishing.is_finished() || stage.waiting().await == 1).then_some(())
        })
        .await;
        stage.a.open_gate("statement").await;
        let deleted = answered("the delete", deleting).await;
        assert_eq!(deleted.status, 204, "at {step}: {}", deleted.text());
        let published = answered("the publish", publishing).await;
        assert!(
            published.status == 202 || code(&published) == "no-realm",
            "at {step}: {}",
            published.text()
        );
        assert!(gone(round.seen(&stage.a).await), "at {step}");
    }
}
