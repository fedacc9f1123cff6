use std::time::Duration;

use super::{
    Checker, Claim, FileName, Generation, Outcome, Promise, Read, Rules, Seen, Value, Write,
};

mod outcomes;

const LEASE: Duration = Duration::from_millis(1000);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A history in which things take as long as the numbers say.
struct History(Checker);

impl History {
    fn new() -> Self {
        Self(Checker::new(
            Rules {
                lease: LEASE,
                margin: Duration::ZERO,
            },
            0,
        ))
    }

    fn write(
        &mut self,
        host: usize,
        at: u64,
        puts: &'static [FileName],
        value: Value,
        outcome: Outcome,
    ) -> &mut Self {
        let id = self.0.begin(Write {
            host,
            sent: ms(at),
            value,
            puts,
            removes: &[],
        });
        self.0.end(id, outcome, ms(at + 1));
        self
    }

    fn put(&mut self, at: u64, value: Value, generation: Generation) -> &mut Self {
        self.write(0, at, &["a"], value, Outcome::Acknowledged(generation))
    }

    fn remove(&mut self, at: u64, outcome: Outcome) -> &mut Self {
        let id = self.0.begin(Write {
            host: 0,
            sent: ms(at),
            value: 0,
            puts: &[],
            removes: &["a"],
        });
        self.0.end(id, outcome, ms(at + 1));
        self
    }

    fn read(&mut self, host: usize, at: u64, generation: Generation, seen: Seen) -> &mut Self {
        self.0.read(read(host, at, generation, &[("a", seen)]));
        self
    }

    fn found(&mut self) -> Vec<Promise> {
        self.0.settle();
        self.0
            .found()
            .iter()
            .map(|violation| violation.promise)
            .collect()
    }
}

fn read(host: usize, at: u64, generation: Generation, claims: &[(FileName, Seen)]) -> Read {
    let claims = claims
        .iter()
        .map(|(file, seen)| Claim { file, seen: *seen });
    Read {
        host,
        what: "a",
        sent: ms(at),
        received: ms(at + 1),
        asked: None,
        generation,
        stale: false,
        claims: claims.collect(),
        together: false,
    }
}

#[test]
fn what_was_there_at_the_generation_that_the_answer_names_is_good() {
    let mut history = History::new();
    history
        .read(0, 0, 0, Seen::Absent)
        .put(10, 7, 1)
        .put(20, 8, 2)
        .remove(30, Outcome::Acknowledged(3));
    history
        .read(1, 40, 1, Seen::Value(7))
        .read(1, 40, 2, Seen::Value(8))
        .read(1, 40, 2, Seen::Present);
    history.read(0, 40, 3, Seen::Absent);
    assert_eq!(history.found(), []);
}

#[test]
fn anything_else_is_not() {
    for (generation, seen) in [
        (0, Seen::Value(7)),
        (1, Seen::Value(8)),
        (1, Seen::Absent),
        (2, Seen::Value(7)),
        (2, Seen::Value(9)),
        (3, Seen::Present),
        (3, Seen::Value(8)),
    ] {
        let mut history = History::new();
        history
            .put(10, 7, 1)
            .put(20, 8, 2)
            .remove(30, Outcome::Acknowledged(3));
        history.read(1, 40, generation, seen);
        assert_eq!(
            history.found(),
            [Promise::Snapshot],
            "{generation} {seen:?}"
        );
    }
}

#[test]
fn a_host_answers_no_older_than_it_has_acknowledged_stale_or_not() {
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .put(20, 8, 2)
        .read(1, 30, 1, Seen::Value(7));
    assert_eq!(history.found(), [], "another host may be behind");
    history.read(0, 20, 1, Seen::Value(7));
    assert_eq!(history.found(), [], "it was sent before the answer came");
    let mut late = read(0, 30, 1, &[("a", Seen::Value(7))]);
    late.stale = true;
    history.0.read(late);
    assert_eq!(history.found(), [Promise::OwnWrite]);
}

#[test]
fn a_host_that_has_answered_for_a_generation_knows_it() {
    let mut history = History::new();
    history.put(10, 7, 1).put(20, 8, 2);
    let mut asked = read(1, 30, 2, &[("a", Seen::Value(8))]);
    asked.asked = Some(2);
    history.0.read(asked.clone());
    history.read(1, 31, 1, Seen::Value(7));
    assert_eq!(history.found(), [], "sent before that answer");
    history.read(1, 32, 1, Seen::Value(7));
    assert_eq!(history.found(), [Promise::OwnWrite]);
    asked.generation = 1;
    asked.host = 2;
    asked.claims[0].seen = Seen::Value(7);
    history.0.read(asked);
    assert_eq!(history.found(), [Promise::OwnWrite, Promise::Asked]);
}

#[test]
fn nobody_is_behind_for_longer_than_the_lease_without_saying_so() {
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .put(20, 8, 2)
        .read(1, 1021, 1, Seen::Value(7));
    assert_eq!(history.found(), []);
    let mut stale = read(1, 1022, 1, &[("a", Seen::Value(7))]);
    stale.stale = true;
    history.0.read(stale);
    assert_eq!(history.found(), []);
    history.read(1, 1022, 1, Seen::Value(7));
    assert_eq!(history.found(), [Promise::Bound]);
}

#[test]
fn a_read_is_judged_when_all_that_it_can_have_seen_is_known() {
    let mut history = History::new();
    let under_way = history.0.begin(Write {
        host: 1,
        sent: ms(5),
        value: 8,
        puts: &["a"],
        removes: &[],
    });
    history
        .read(0, 0, 0, Seen::Absent)
        .read(0, 10, 1, Seen::Value(8));
    assert_eq!(
        history.0.settle(),
        1,
        "the first was answered before anything was written"
    );
    history.0.end(under_way, Outcome::Acknowledged(1), ms(20));
    assert_eq!((history.0.settle(), history.found()), (1, vec![]));
}

#[test]
fn generations_are_unique_and_in_the_order_of_the_writes() {
    let mut history = History::new();
    history.put(10, 7, 1).put(20, 8, 1);
    assert_eq!(history.found(), [Promise::Order, Promise::Order]);
    let mut history = History::new();
    history.put(10, 7, 2).put(20, 8, 1);
    assert_eq!(history.found(), [Promise::Order]);
}

#[test]
fn files_of_one_commit_are_seen_together_whatever_the_generation() {
    let mut history = History::new();
    history
        .write(0, 10, &["a", "b"], 7, Outcome::Unknown)
        .write(0, 20, &["a", "b"], 8, Outcome::Unknown);
    let mut both = read(1, 30, 2, &[("a", Seen::Value(8)), ("b", Seen::Value(8))]);
    both.together = true;
    history.0.read(both.clone());
    assert_eq!(history.found(), []);
    both.claims[1].seen = Seen::Value(7);
    history.0.read(both);
    assert!(history.found().contains(&Promise::Together));
}

#[test]
fn a_violation_tells_the_history_around_it() {
    let mut history = History::new();
    history
        .put(10, 7, 1)
        .put(20, 8, 2)
        .read(1, 25, 1, Seen::Value(7))
        .read(1, 30, 2, Seen::Value(7));
    history.found();
    let text = history.0.found()[0].to_string();
    for part in [
        "a was Some(8) at 2 (since 2), not Value(7)",
        "at 1: 7 to [\"a\"]",
        "at 2: 8 to [\"a\"]",
        "at 1: a Value(7)",
    ] {
        assert!(text.contains(part), "{text}");
    }
}
