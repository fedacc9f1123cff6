//! The table: a row per fault, printed when the last fault has been made.

use std::sync::Mutex;
use std::time::Duration;

use crate::history::Counts;

/// Every fault, in the order of the table.
const FAULTS: [&str; 20] = [
    "notifications dropped",
    "LISTEN backend terminated",
    "listener's connection cut",
    "listener's socket a black hole",
    "NOTIFY queue full",
    "announcer's connection ended",
    "announcer's connection ended in a send",
    "host dead after commit",
    "host dead before announcing",
    "host stopped past its lease",
    "Postgres killed and restarted",
    "Postgres killed in the middle of writes",
    "database slow (300 ms an answer)",
    "out of connections",
    "database read-only",
    "commit's answer lost",
    "commit's answer lost, in silence",
    "one host's network a black hole",
    "pooler in transaction mode",
    "pooler in session mode",
];

/// What became of one fault.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// From the fault until something noticed, and what it was.
    pub(crate) detected: Option<(Duration, String)>,
    /// From healing, or from the fault where nothing needs healing, until every host served the newest write, fresh.
    pub(crate) coherent: Option<Duration>,
    /// What the clients saw.
    pub(crate) counts: Counts,
}

const LEGEND: &str = "
detected, coherent: from the fault until something noticed it; from its healing, or from the fault where the hosts heal
themselves, until every host that lives is ready and serves the newest acknowledged write as fresh.
Reads: fresh (the newest write), behind (an older one, within the lease), stale* (and saying so), refused (503), none (no
answer: the host is dead). Writes: acknowledged, refused (503 or no answer). Must be 0: acknowledged writes lost; reads
staler than the lease, or than they said (unsaid).";

static ROWS: Mutex<Vec<(&str, Option<Row>)>> = Mutex::new(Vec::new());

/// A fault that is being made. Its row is in the table even when its test fails.
#[derive(Debug)]
pub(crate) struct Entry(&'static str, Option<Row>);

impl Entry {
    /// For the fault of this name.
    pub(crate) fn new(fault: &'static str) -> Self {
        assert!(FAULTS.contains(&fault), "{fault} has no place in the table");
        Self(fault, None)
    }

    /// Reports what became of it.
    pub(crate) fn report(mut self, row: Row) {
        self.1 = Some(row);
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let row = self.1.take();
        println!("\n{}\n{}", header(), line(self.0, row.as_ref()));
        let mut rows = ROWS.lock().expect("never poisoned");
        rows.push((self.0, row));
        if rows.len() == FAULTS.len() {
            let place = |fault: &str| FAULTS.iter().position(|known| *known == fault);
            rows.sort_by_key(|(fault, _)| place(fault));
            println!(
                "\nEvery fault, what noticed it, and what clients saw from the fault until all was coherent again:\n"
            );
            println!("{}", header());
            for (fault, row) in rows.iter() {
                println!("{}", line(fault, row.as_ref()));
            }
            println!("{LEGEND}");
        }
    }
}

fn header() -> String {
    format!(
        "{:<39}{:>9}  {:<19}{:>9} |{:>7}{:>7}{:>7}{:>8}{:>7} |{:>7}{:>8} |{:>5}{:>7}",
        "fault",
        "detected",
        "by",
        "coherent",
        "fresh",
        "behind",
        "stale*",
        "refused",
        "none",
        "writes",
        "refused",
        "lost",
        "unsaid"
    )
}

fn line(fault: &str, row: Option<&Row>) -> String {
    let Some(row) = row else {
        return format!("{fault:<39}   FAILED");
    };
    let time = |time: Option<Duration>| {
        time.map_or("-".to_owned(), |time| {
            format!("{:.3} s", time.as_secs_f64())
        })
    };
    let by = row.detected.as_ref().map_or("", |(_, by)| by.as_str());
    let counts = &row.counts;
    format!(
        "{fault:<39}{:>9}  {by:<19}{:>9} |{:>7}{:>7}{:>7}{:>8}{:>7} |{:>7}{:>8} |{:>5}{:>7}",
        time(row.detected.as_ref().map(|(after, _)| *after)),
        time(row.coherent),
        counts.fresh,
        counts.behind,
        counts.said,
        counts.refused,
        counts.unanswered,
        counts.acknowledged,
        counts.refused_writes,
        counts.lost,
        counts.unsaid
    )
}
