use std::fmt;

use super::{Generation, Read};

/// A promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// What is answered at a generation is what the realm had then.
    Snapshot,
    /// Files of one commit are seen together.
    Together,
    /// A host answers no older than what it has acknowledged.
    OwnWrite,
    /// Nobody answers older than the lease without saying so.
    Bound,
    /// Nobody answers older than the generation that was asked for.
    Asked,
    /// Generations are unique, without a gap, and in the order of the writes.
    Order,
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub struct Violation {
    /// Which.
    pub promise: Promise,
    /// What is wrong.
    pub detail: String,
    /// The read, if one shows it.
    pub read: Option<Read>,
    /// The writes around it, a line each.
    pub around: Vec<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} broken: {}", self.promise, self.detail)?;
        if let Some(read) = &self.read {
            writeln!(f, "  {}", line(read))?;
        }
        self.around
            .iter()
            .try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// A read as a line for people.
pub(super) fn line(read: &Read) -> String {
    let says: Vec<_> = read
        .claims
        .iter()
        .map(|claim| format!("{} {:?}", claim.file, claim.seen))
        .collect();
    let asked = read
        .asked
        .map(|asked: Generation| format!(", asked for {asked}"))
        .unwrap_or_default();
    format!(
        "read   host {} {:.6}..{:.6} {}{asked}: at {}{}: {}",
        read.host,
        read.sent.as_secs_f64(),
        read.received.as_secs_f64(),
        read.what,
        read.generation,
        if read.stale {
            " (says that it is stale)"
        } else {
            ""
        },
        says.join(", ")
    )
}
