//! A host that is killed at every statement of every operation, and between its commit and its announcement.

use std::time::{Duration, Instant};

use realm_tests::eventually;

use crate::failures::{Table, steps, stopped_at};
use crate::operation::{Operation, Round};
use crate::stage::{Stage, answered, ask};

/// The lease of these tests' hosts, and what a loaded machine may add to it.
const LEASE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_secs(3);

impl Stage {
    /// Starts a host in the place of the first, which was killed.
    async fn start_again(&mut self) {
        let next = self.options.clone().start().await;
        std::mem::replace(&mut self.a, next).ended().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_at_any_statement_leaves_nothing_behind() {
    let mut stage = Stage::start(&[("lease", "1s")]).await;
    let mut table = Table::new("the host is killed");
    for operation in [
        Operation::Publish,
        Operation::PublishAgain,
        Operation::Unpublish,
        Operation::DeleteWithCopies,
    ] {
        for (count, step) in steps().enumerate() {
            let round = Round::prepare(&stage, operation, &step).await;
            let before = round.seen(&stage.b).await;
            let after = round.after(&before);
            let rows = stage.rows().await;
            let (asking, met) = stopped_at(&stage, &round, &step).await;
            if !met {
                let done = answered("the operation", asking).await;
                assert!(done.status < 300, "{operation:?}: {}", done.text());
                stage.a.open_gate("statement").await;
                table.count(operation, count - 2);
                break;
            }
            let (pid, last) = stage.in_transaction().await;
            stage.a.signal("KILL");
            stage.start_again().await;
            assert!(asking.await.unwrap().is_err(), "{operation:?} at {step}");
            stage.backend_gone(pid).await;
            assert_eq!(stage.rows().await, rows, "{operation:?} at {step}");
            assert_eq!(stage.locks().await, 0, "{operation:?} at {step}");
            for host in stage.hosts() {
                assert_eq!(round.seen(host).await, before, "{operation:?} at {step}");
            }
            // Whoever is left can do it.
            let again = stage.b.send(round.request(&stage.b)).await;
            assert!(
                again.status < 300,
                "{operation:?} at {step}: {}",
                again.text()
            );
            for host in [&stage.b, &stage.a] {
                round.becomes(host, &before, &after).await;
            }
            table.row(
                operation,
                &step,
                &last,
                &format!("nothing changed; elsewhere {}", again.status),
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_before_it_announces_is_found_out_by_the_lease() {
    let mut stage = Stage::start(&[("lease", "1s")]).await;
    let mut table = Table::new("the host is killed between commit and announcement");
    for operation in Operation::ALL {
        let round = Round::prepare(&stage, operation, "settle").await;
        let before = round.seen(&stage.b).await;
        let after = round.after(&before);
        stage.a.close_gate("settle", "").await;
        let asking = ask(round.request(&stage.a));
        stage.a.at_gate("settle", 1).await;
        // It is committed, and nobody has been told.
        let committed = Instant::now();
        let begun = tokio::spawn(async move { asking.await.unwrap().is_err() });
        stage.a.signal("KILL");
        round.becomes(&stage.b, &before, &after).await;
        let took = committed.elapsed();
        assert!(took < LEASE + SLACK, "{operation:?}: {took:?}");
        assert!(begun.await.unwrap(), "{operation:?}: nobody was answered");
        stage.start_again().await;
        assert_eq!(round.seen(&stage.a).await, after, "{operation:?}");
        eventually("no lock", || async {
            (stage.locks().await == 0).then_some(())
        })
        .await;
        table.row(
            operation,
            "settle",
            "COMMIT",
            &format!("the new after {} ms", took.as_millis()),
        );
    }
}
