//! What clients saw, and the check of it: it knows nothing of the host but what its answers say.

use std::time::{Duration, Instant};

/// Between a client's clock and a host's: both read the same one, so this is for what lies between request and clock.
const MARGIN: Duration = Duration::from_millis(50);

/// A write that was acknowledged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ack {
    /// When the acknowledgement came.
    pub(crate) at: Instant,
    /// The number that it wrote.
    pub(crate) number: u64,
    /// The generation that it was given.
    pub(crate) generation: i64,
}

/// A write that was not.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) at: Instant,
    /// The status, and the error's code; 0: no answer.
    pub(crate) status: u16,
    pub(crate) code: String,
}

/// A read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) host: usize,
    pub(crate) sent: Instant,
    pub(crate) outcome: Outcome,
}

/// What a read came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The number in the body, and how many seconds past the lease the answer said to be, if it did.
    Body(u64, Option<u64>),
    /// A status that is an error.
    Refused(u16),
    /// No answer.
    Unanswered,
}

/// What all clients saw.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// In the order of their numbers, which is that of time.
    pub(crate) acks: Vec<Ack>,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) reads: Vec<Seen>,
}

/// The history in numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Reads that had the newest acknowledged write.
    pub(crate) fresh: usize,
    /// Reads that did not, within the lease.
    pub(crate) behind: usize,
    /// Reads that said that they may be stale.
    pub(crate) said: usize,
    /// Reads that got an error.
    pub(crate) refused: usize,
    /// Reads that got no answer.
    pub(crate) unanswered: usize,
    /// Writes that were acknowledged.
    pub(crate) acknowledged: usize,
    /// Writes that were not.
    pub(crate) refused_writes: usize,
    /// Acknowledged writes that are gone.
    pub(crate) lost: usize,
    /// Reads that were older than the lease allows, or than they said.
    pub(crate) unsaid: usize,
}

impl History {
    /// Counts what happened between two moments; what must never happen is counted whenever it did.
    pub(crate) fn count(&self, from: Instant, to: Instant, lease: Duration) -> Counts {
        let within = |at: Instant| from <= at && at <= to;
        let mut counts = Counts {
            acknowledged: self.acks.iter().filter(|ack| within(ack.at)).count(),
            refused_writes: self.refusals.iter().filter(|one| within(one.at)).count(),
            ..Counts::default()
        };
        for read in &self.reads {
            counts.unsaid += usize::from(self.is_unsaid(read, lease));
            if !within(read.sent) {
                continue;
            }
            *match read.outcome {
                Outcome::Body(_, Some(_)) => &mut counts.said,
                Outcome::Body(number, None) if number < self.acknowledged_at(read.sent) => {
                    &mut counts.behind
                }
                Outcome::Body(_, None) => &mut counts.fresh,
                Outcome::Refused(_) => &mut counts.refused,
                Outcome::Unanswered => &mut counts.unanswered,
            } += 1;
        }
        counts
    }

    /// Whether a read was older than it may have been: older than a write that had been acknowledged a lease before the
    /// request was sent, and as much longer as the answer itself said.
    fn is_unsaid(&self, read: &Seen, lease: Duration) -> bool {
        let Outcome::Body(number, said) = read.outcome else {
            return false;
        };
        let said = said.map_or(Duration::ZERO, |said| Duration::from_secs(said + 1));
        let before = read.sent.checked_sub(lease + said + MARGIN);
        before.is_some_and(|before| number < self.acknowledged_at(before))
    }

    /// The newest number that was acknowledged at some moment.
    pub(crate) fn acknowledged_at(&self, at: Instant) -> u64 {
        let count = self.acks.partition_point(|ack| ack.at <= at);
        count
            .checked_sub(1)
            .map_or(0, |last| self.acks[last].number)
    }
}

#[test]
fn the_check_finds_what_it_is_for() {
    let begun = Instant::now();
    let at = |millis| begun + Duration::from_secs(100) + Duration::from_millis(millis);
    let ack = |millis, number| Ack {
        at: at(millis),
        number,
        generation: 0,
    };
    let read = |millis, outcome| Seen {
        host: 0,
        sent: at(millis),
        outcome,
    };
    let history = |reads: Vec<Seen>| History {
        acks: vec![ack(0, 1), ack(100, 2)],
        refusals: Vec::new(),
        reads,
    };
    let lease = Duration::from_secs(1);
    let unsaid = |millis, outcome| {
        let history = history(vec![read(millis, outcome)]);
        history.count(begun, at(9000), lease).unsaid
    };
    assert_eq!(unsaid(1_000, Outcome::Body(1, None)), 0, "within the lease");
    assert_eq!(unsaid(1_200, Outcome::Body(1, None)), 1, "past it");
    assert_eq!(unsaid(1_200, Outcome::Body(1, Some(0))), 0, "and said so");
    assert_eq!(
        unsaid(2_200, Outcome::Body(1, Some(0))),
        1,
        "said too little"
    );
    assert_eq!(unsaid(9_000, Outcome::Body(2, None)), 0, "the newest");
    let counts = history(vec![
        read(50, Outcome::Body(1, None)),
        read(150, Outcome::Body(1, None)),
        read(160, Outcome::Body(1, Some(0))),
        read(170, Outcome::Refused(503)),
        read(180, Outcome::Unanswered),
    ])
    .count(begun, at(9000), lease);
    assert_eq!(
        (
            counts.fresh,
            counts.behind,
            counts.said,
            counts.refused,
            counts.unanswered
        ),
        (1, 1, 1, 1, 1)
    );
}
