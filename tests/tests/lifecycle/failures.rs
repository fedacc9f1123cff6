//! A database error at every statement of every operation, and at its commit: nothing has changed then, and it can be
//! tried again.

use realm_tests::{HostOptions, Link, Lost, Mode, Proxy, Storage, eventually, server};

use crate::operation::{Operation, Round};
use crate::stage::{Asking, LONG, Stage, answered, ask, code};

/// The statements of an operation: those with a name, then by number for as long as there is one.
pub(crate) fn steps() -> impl Iterator<Item = String> {
    let named = ["lock", "commit"].map(str::to_owned);
    named
        .into_iter()
        .chain((1..).map(|number: u32| number.to_string()))
}

/// Asks for a round's operation, which stops before a statement; or has been done where it has no such statement.
pub(crate) async fn stopped_at(stage: &Stage, round: &Round, step: &str) -> (Asking, bool) {
    let about = format!("{}:{step};", round.operation.name());
    stage.a.close_gate("statement", &about).await;
    let asking = ask(round.request(&stage.a));
    let met = eventually("the statement, or the answer", || async {
        if asking.is_finished() {
            return Some(false);
        }
        let gate = stage.a.admin("/_gates/statement").await.json();
        (gate["waiting"] == 1).then_some(true)
    })
    .await;
    (asking, met)
}

/// What became of an operation that failed at each of its statements, as a table for people.
pub(crate) struct Table {
    fault: &'static str,
    lines: Vec<String>,
    counts: Vec<String>,
}

impl Table {
    pub(crate) fn new(fault: &'static str) -> Self {
        Self {
            fault,
            lines: Vec::new(),
            counts: Vec::new(),
        }
    }

    pub(crate) fn row(&mut self, operation: Operation, step: &str, after: &str, outcome: &str) {
        let after = after.split_whitespace().collect::<Vec<_>>().join(" ");
        let after: String = after.chars().take(48).collect();
        let label = operation.label();
        self.lines
            .push(format!("{label:<23} {step:>6}  {after:<48}  {outcome}"));
    }

    pub(crate) fn count(&mut self, operation: Operation, statements: usize) {
        self.counts
            .push(format!("{} {statements}", operation.label()));
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        println!(
            "{}\noperation               before  having done last",
            self.fault
        );
        for line in &self.lines {
            println!("{line}");
        }
        if !self.counts.is_empty() {
            let counts = self.counts.join(", ");
            println!("statements between lock and commit: {counts}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_at_any_statement_changes_nothing() {
    let stage = Stage::start(&[("lease", LONG)]).await;
    let mut table = Table::new("the operation's backend is ended");
    for operation in Operation::ALL {
        for (count, step) in steps().enumerate() {
            let round = Round::prepare(&stage, operation, &step).await;
            let before = round.seen(&stage.a).await;
            let after = round.after(&before);
            let rows = stage.rows().await;
            let (asking, met) = stopped_at(&stage, &round, &step).await;
            if !met {
                let done = answered("the operation", asking).await;
                assert!(done.status < 300, "{operation:?}: {}", done.text());
                assert!(count > 2, "{operation:?} has no statement `{step}`");
                stage.a.open_gate("statement").await;
                round.becomes(&stage.b, &before, &after).await;
                table.count(operation, count - 2);
                break;
            }
            let (pid, last) = stage.in_transaction().await;
            stage.end_backend(pid).await;
            stage.a.open_gate("statement").await;
            let refused = answered("an error", asking).await;
            let about = format!("{operation:?} at {step}: {}", refused.text());
            let wanted = if step == "commit" {
                "outcome-unknown"
            } else {
                "database-unavailable"
            };
            assert_eq!(
                (refused.status, code(&refused).as_str()),
                (503, wanted),
                "{about}"
            );
            assert_eq!(refused.header("retry-after"), "1", "{about}");
            assert_eq!(stage.rows().await, rows, "{about}");
            assert_eq!(stage.locks().await, 0, "{about}");
            for host in stage.hosts() {
                assert_eq!(round.seen(host).await, before, "{about}");
            }
            let again = stage.a.send(round.request(&stage.a)).await;
            assert!(again.status < 300, "{about}, and again: {}", again.text());
            assert_eq!(round.seen(&stage.a).await, after, "{about}");
            round.becomes(&stage.b, &before, &after).await;
            let outcome = format!("503 {wanted}, nothing changed; again {}", again.status);
            table.row(operation, &step, &last, &outcome);
        }
    }
}

/// A commit whose answer is lost: the client is told that nobody knows, and every host comes to serve what is true, and
/// nothing in between.
async fn outcome_unknown(lost: Lost, took_effect: bool) {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    let options = |url: &str| {
        HostOptions::new(Storage::Postgres(url.to_owned()))
            .with("lease", LONG)
            .with("database-timeout", "1s")
    };
    let stage = Stage::with(options(proxy.url()), options(&url), url).await;
    let mut table = Table::new("the commit gets no answer");
    for operation in Operation::ALL {
        let round = Round::prepare(&stage, operation, "lost").await;
        let before = round.seen(&stage.a).await;
        let after = if took_effect {
            round.after(&before)
        } else {
            before.clone()
        };
        let rows = stage.rows().await;
        let (asking, met) = stopped_at(&stage, &round, "commit").await;
        assert!(met, "{operation:?} commits");
        let (pid, last) = stage.in_transaction().await;
        proxy.set(&[Link::Pool], Mode::Lose("COMMIT\0", lost));
        stage.a.open_gate("statement").await;
        let unknown = answered("an answer", asking).await;
        let about = format!("{operation:?}: {}", unknown.text());
        assert_eq!(
            (unknown.status, code(&unknown).as_str()),
            (503, "outcome-unknown"),
            "{about}"
        );
        assert_eq!(unknown.header("retry-after"), "1", "{about}");
        if lost != Lost::AnswerAndPeer {
            stage.backend_gone(pid).await;
        }
        assert_eq!(stage.rows().await != rows, took_effect, "{about}");
        for host in stage.hosts() {
            round.becomes(host, &before, &after).await;
        }
        let outcome = if took_effect {
            "the new on all"
        } else {
            "the old on all"
        };
        table.row(
            operation,
            "commit",
            &last,
            &format!("503 outcome-unknown, {outcome}"),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_found_out_by_every_host() {
    outcome_unknown(Lost::Answer, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_in_silence_is_found_out_by_every_host() {
    outcome_unknown(Lost::AnswerAndPeer, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_has_changed_nothing() {
    outcome_unknown(Lost::Statement, false).await;
}

/// Once it is committed, an operation is answered, though the connections with which the host would look at it have gone
/// without a word.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_committed_is_answered_though_the_database_falls_silent() {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    let options = |url: &str| {
        HostOptions::new(Storage::Postgres(url.to_owned()))
            .with("lease", "2s")
            .with("database-timeout", "1s")
    };
    let stage = Stage::with(options(proxy.url()), options(&url), url).await;
    for operation in Operation::ALL {
        let round = Round::prepare(&stage, operation, "silent").await;
        let before = round.seen(&stage.a).await;
        let after = round.after(&before);
        stage.a.close_gate("settle", "").await;
        let asking = ask(round.request(&stage.a));
        stage.a.at_gate("settle", 1).await;
        proxy.black_hole_open(&[Link::Pool]);
        stage.a.open_gate("settle").await;
        let done = answered("an answer", asking).await;
        assert!(done.status < 300, "{operation:?}: {}", done.text());
        round.becomes_though_silent(&stage.a, &before, &after).await;
        round.becomes(&stage.b, &before, &after).await;
    }
}
