//! What hosts have promised, held against what clients have seen: a history of writes and reads, and the judgement of
//! every read. Pure: it asks nobody and knows nothing of a host's insides but what the surface promises. Every write
//! carries a value that no other write has, so that what a read shows names the write behind it.
//!
//! What is judged, of every answer about content:
//!
//! - *Snapshot*: what is answered at generation N is what the realm had at N, for every file that the answer tells of: a
//!   raw file, the file that an alias means, a style sheet together with the partial that it uses. A write whose outcome
//!   nobody knows may or may not be there, as long as there is a generation that it can have; once an answer shows it and
//!   only one generation fits, it is taken for written at that one.
//! - *Together*: files that are only ever written in one commit never show two commits, stale or not.
//! - *Own write*: a read sent to a host after that host has acknowledged generation g, or has answered a request that
//!   named g, is answered at g or later. That holds for stale answers and for a host that was started anew: `applied` is in
//!   memory, and a new process begins with what the database has.
//! - *Bound*: a read sent later than the lease after *any* host has acknowledged g is answered at g or later, or says that
//!   it is stale. The lease is judged when a request arrives and runs from before the poll was sent, so no margin is
//!   needed; [`Rules`] has one for clocks that are not the same.
//! - *Asked*: a read that names generation g is answered at g or later, or not at all (503).
//! - *Order*: generations are unique, nobody's are missing, and a write sent after g was acknowledged comes after g.
//!
//! What is weaker than one might think, and judged as such: answers of one host are *not* monotone in the generation that
//! they name. A look at one file may have seen further than what the host has applied, and the next answer, about another
//! file, is at what has been applied; both are true at what they name. Only the floors under *own write* may be relied on.
//! Without a bound on staleness for answers that say that they are stale, that bound (`stale-limit`) is not judged here.

mod checker;
mod floor;
mod log;
mod record;
mod violation;

#[cfg(test)]
mod tests;

pub use self::checker::{Checker, Rules, WriteId};
pub use self::record::{Claim, FileName, Generation, Outcome, Read, Seen, Time, Value, Write};
pub use self::violation::{Promise, Violation};
