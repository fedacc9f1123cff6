use std::time::Duration;

/// Time since the history began.
pub type Time = Duration;
/// A realm's change counter, as answers name it.
pub type Generation = i64;
/// What a write puts into its files; no two writes have the same.
pub type Value = u64;
/// A file's path inside the realm.
pub type FileName = &'static str;

/// A write: one commit, of one file or of several.
#[derive(Clone, Debug)]
pub struct Write {
    /// The host that was asked.
    pub host: usize,
    /// When.
    pub sent: Time,
    /// Its value: what its files have afterwards.
    pub value: Value,
    /// The files that it writes …
    pub puts: &'static [FileName],
    /// … and those that it takes away.
    pub removes: &'static [FileName],
}

/// What became of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was acknowledged, with this generation.
    Acknowledged(Generation),
    /// The answer says that nothing was written.
    Refused,
    /// There was no answer, or one that says that nobody knows.
    Unknown,
}

/// What an answer says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It has this value.
    Value(Value),
    /// It is there.
    Present,
    /// It is not there.
    Absent,
}

/// What an answer says of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which.
    pub file: FileName,
    /// What.
    pub seen: Seen,
}

/// An answer about content.
#[derive(Clone, Debug)]
pub struct Read {
    /// The host that was asked.
    pub host: usize,
    /// What for, in words.
    pub what: &'static str,
    /// When the request was sent.
    pub sent: Time,
    /// When its answer was there.
    pub received: Time,
    /// The generation that the request named.
    pub asked: Option<Generation>,
    /// The generation that the answer names.
    pub generation: Generation,
    /// Whether it says that it is stale.
    pub stale: bool,
    /// What it says.
    pub claims: Vec<Claim>,
    /// Whether all that it says comes from files that are only ever written in one commit.
    pub together: bool,
}
