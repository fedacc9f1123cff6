use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::faults::Fault;
use super::{Chaos, LEASE, Shared};
use crate::history::{Outcome, Promise};

/// What is counted while a run goes on.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    reads: BTreeMap<&'static str, Counts>,
    asked: u64,
    unchanged: u64,
    pub(super) lost: u64,
    codes: BTreeMap<String, u64>,
    write_codes: BTreeMap<String, u64>,
    odd: BTreeMap<String, (u64, String)>,
    acknowledged: u64,
    refused: u64,
    unknown: u64,
    pub(super) invalidations: u64,
    faults: BTreeMap<Fault, u64>,
    missed: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    fresh: u64,
    stale: u64,
    refused: u64,
}

impl Tally {
    pub(super) fn answered(
        &mut self,
        what: &'static str,
        stale: bool,
        asked: bool,
        unchanged: bool,
    ) {
        let counts = self.reads.entry(what).or_default();
        *(if stale {
            &mut counts.stale
        } else {
            &mut counts.fresh
        }) += 1;
        self.asked += u64::from(asked);
        self.unchanged += u64::from(unchanged);
    }

    pub(super) fn refused(&mut self, what: &'static str, text: &str) {
        self.reads.entry(what).or_default().refused += 1;
        *self.codes.entry(code(text)).or_default() += 1;
    }

    pub(super) fn write_refused(&mut self, text: &str) {
        *self.write_codes.entry(code(text)).or_default() += 1;
    }

    /// An answer that nobody expects.
    pub(super) fn odd(&mut self, method: &str, path: &str, status: u16, text: &str) {
        let entry = self
            .odd
            .entry(format!("{method} {path}: {status} {}", code(text)))
            .or_default();
        entry.0 += 1;
        text.clone_into(&mut entry.1);
    }

    pub(super) fn written(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Acknowledged(_) => self.acknowledged += 1,
            Outcome::Refused => self.refused += 1,
            Outcome::Unknown => self.unknown += 1,
        }
    }

    pub(super) fn injected(&mut self, fault: Fault, came: bool) {
        *self.faults.entry(fault).or_default() += u64::from(came);
        self.missed += u64::from(!came);
    }

    fn sum(&self) -> Counts {
        self.reads
            .values()
            .fold(Counts::default(), |sum, counts| Counts {
                fresh: sum.fresh + counts.fresh,
                stale: sum.stale + counts.stale,
                refused: sum.refused + counts.refused,
            })
    }

    /// The most important of it.
    pub(super) fn line(&self) -> String {
        let Counts {
            fresh,
            stale,
            refused,
        } = self.sum();
        let (checked, faults) = (fresh + stale, self.faults.values().sum::<u64>());
        format!(
            "{checked} reads checked ({fresh} fresh, {stale} stale and said so), {refused} refused, {} writes acknowledged, {faults} faults",
            self.acknowledged
        )
    }
}

fn code(text: &str) -> String {
    let document = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    document["errors"][0]["code"]
        .as_str()
        .unwrap_or("no code")
        .to_owned()
}

/// What a run has shown.
#[derive(Debug)]
pub struct Report {
    /// Reads that were judged.
    pub checked: u64,
    /// Answers that nobody expects: neither about content nor a refusal. Method, path, status and code, with the last text.
    pub odd: Vec<String>,
    /// Promises that were broken, as text, with the history around the first of each.
    pub violations: Vec<(Promise, String)>,
    /// How long clients and faults went on.
    pub took: Duration,
    /// How long after the last fault every host served everything fresh.
    pub rest: Duration,
    seed: u64,
    tally: Tally,
    unknown: (usize, usize),
}

impl Report {
    pub(super) fn new(run: &Chaos, shared: &Shared, took: Duration, rest: Duration) -> Self {
        let tally = shared.tally(|tally| tally.clone());
        let Counts { fresh, stale, .. } = tally.sum();
        let odd = tally
            .odd
            .iter()
            .map(|(what, (count, text))| format!("{count} × {what}: {text}"))
            .collect();
        let (violations, unknown) = shared.checker(|checker| {
            let found = checker
                .found()
                .iter()
                .map(|violation| (violation.promise, violation.to_string()));
            (found.collect(), checker.unknown())
        });
        Self {
            checked: fresh + stale,
            odd,
            violations,
            took,
            rest,
            seed: run.seed,
            tally,
            unknown,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tally = &self.tally;
        let (seed, took) = (self.seed, self.took.as_secs_f64());
        writeln!(f, "chaos: seed {seed}, {took:.1} s, lease {LEASE:?}")?;
        writeln!(f, "  {}", tally.line())?;
        for (
            what,
            Counts {
                fresh,
                stale,
                refused,
            },
        ) in &tally.reads
        {
            writeln!(
                f,
                "    {what}: {fresh} fresh, {stale} stale and said so, {refused} refused"
            )?;
        }
        writeln!(
            f,
            "    of these, {} named a generation, {} were 304",
            tally.asked, tally.unchanged
        )?;
        writeln!(
            f,
            "  refusals: {:?}; without an answer: {}",
            tally.codes, tally.lost
        )?;
        let Tally {
            acknowledged,
            refused,
            unknown,
            invalidations,
            ..
        } = tally;
        let (_, resolved) = self.unknown;
        writeln!(
            f,
            "  writes: {acknowledged} acknowledged, {refused} refused, {unknown} unknown ({resolved} seen to have taken effect); {invalidations} invalidations"
        )?;
        writeln!(f, "  refused writes: {:?}", tally.write_codes)?;
        writeln!(
            f,
            "  faults: {:?}; {} could not be injected",
            tally.faults, tally.missed
        )?;
        for odd in &self.odd {
            writeln!(f, "  odd answer: {odd}")?;
        }
        writeln!(f, "  all fresh on every host after {:?}", self.rest)?;
        writeln!(f, "  violations: {}", self.violations.len())?;
        for (_, text) in self.violations.iter().take(5) {
            writeln!(f, "{text}")?;
        }
        if !self.violations.is_empty() {
            writeln!(f, "the same plan again: REALM_CHAOS_SEED={seed}")?;
        }
        Ok(())
    }
}
