use std::collections::{BTreeMap, HashMap, VecDeque};

use super::floor::Floor;
use super::log::Log;
use super::violation::line;
use super::{Generation, Outcome, Promise, Read, Time, Violation, Write};

/// Reads of the past that are kept to be printed beside a violation.
const REMEMBERED: usize = 20_000;

/// What the promises depend on.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The freshness lease.
    pub lease: Time,
    /// What clients' and hosts' clocks may differ by.
    pub margin: Time,
}

/// The number of a write that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WriteId(u64);

/// Judges a history while it grows. A read waits until every write that was sent before its answer came is over: then all
/// that it can have seen is known.
#[derive(Debug)]
pub struct Checker {
    rules: Rules,
    log: Log,
    under_way: BTreeMap<WriteId, Write>,
    next: u64,
    waiting: VecDeque<Read>,
    judged: VecDeque<Read>,
    /// By host: what it has applied for sure.
    hosts: HashMap<usize, Floor>,
    acknowledged: Floor,
    found: Vec<Violation>,
}

impl Checker {
    /// Of a realm that is empty at `base`.
    #[must_use]
    pub fn new(rules: Rules, base: Generation) -> Self {
        Self {
            rules,
            log: Log::new(base),
            under_way: BTreeMap::new(),
            next: 0,
            waiting: VecDeque::new(),
            judged: VecDeque::new(),
            hosts: HashMap::new(),
            acknowledged: Floor::default(),
            found: Vec::new(),
        }
    }

    /// A write is about to be sent.
    pub fn begin(&mut self, write: Write) -> WriteId {
        let id = WriteId(self.next);
        self.next += 1;
        self.under_way.insert(id, write);
        id
    }

    /// A write is over.
    ///
    /// # Panics
    /// When it was over before.
    pub fn end(&mut self, id: WriteId, outcome: Outcome, at: Time) {
        let write = self
            .under_way
            .remove(&id)
            .expect("a write that is under way");
        match outcome {
            Outcome::Refused => {}
            Outcome::Unknown => self.log.doubt(write),
            Outcome::Acknowledged(generation) => self.acknowledge(write, generation, at),
        }
    }

    fn acknowledge(&mut self, write: Write, generation: Generation, at: Time) {
        let before = self.acknowledged.at(write.sent);
        let (host, value) = (write.host, write.value);
        let files: Vec<_> = write.puts.iter().chain(write.removes).copied().collect();
        if generation <= before {
            let detail = format!(
                "host {host} wrote {value} at {generation}, after {before} had been acknowledged"
            );
            self.report(Promise::Order, detail, None, &files, generation);
        }
        if !self.log.acknowledge(write, generation, at) {
            let detail =
                format!("host {host} wrote {value} at {generation}, which another write has");
            self.report(Promise::Order, detail, None, &files, generation);
        }
        self.hosts.entry(host).or_default().raise(at, generation);
        self.acknowledged.raise(at, generation);
    }

    /// An answer about content has come.
    pub fn read(&mut self, read: Read) {
        if let Some(asked) = read.asked {
            self.hosts
                .entry(read.host)
                .or_default()
                .raise(read.received, asked.min(read.generation));
        }
        self.waiting.push_back(read);
    }

    /// Judges what can be judged; how many reads that were.
    pub fn settle(&mut self) -> usize {
        let until = self.under_way.values().map(|write| write.sent).min();
        let mut judged = 0;
        for _ in 0..self.waiting.len() {
            let Some(read) = self.waiting.pop_front() else {
                break;
            };
            if until.is_some_and(|until| read.received > until) {
                self.waiting.push_back(read);
                continue;
            }
            judged += 1;
            self.judge(&read);
            if self.judged.len() == REMEMBERED {
                self.judged.pop_front();
            }
            self.judged.push_back(read);
        }
        judged
    }

    fn judge(&mut self, read: &Read) {
        let Read {
            host, generation, ..
        } = *read;
        if let Some(asked) = read.asked.filter(|asked| generation < *asked) {
            self.breaks(
                Promise::Asked,
                format!("at {generation}, though {asked} was asked for"),
                read,
            );
        }
        let own = self.hosts.get(&host).map_or(0, |floor| floor.at(read.sent));
        if generation < own {
            let detail =
                format!("at {generation}, though host {host} had acknowledged {own} before");
            self.breaks(Promise::OwnWrite, detail, read);
        }
        let bound = read
            .sent
            .saturating_sub(self.rules.lease + self.rules.margin);
        let due = self.acknowledged.at(bound);
        if !read.stale && generation < due {
            let detail = format!(
                "at {generation} without a word, though {due} had been acknowledged for longer than the lease"
            );
            self.breaks(Promise::Bound, detail, read);
        }
        let nobodys = self.log.nobodys(generation);
        if nobodys > 0 {
            self.breaks(
                Promise::Order,
                format!("up to {generation} there are {nobodys} generations that nobody wrote"),
                read,
            );
        }
        for claim in &read.claims {
            if !self
                .log
                .allows(claim.file, claim.seen, generation, read.received)
            {
                let (since, value) = self.log.at(claim.file, generation);
                let detail = format!(
                    "{} was {value:?} at {generation} (since {since}), not {:?}",
                    claim.file, claim.seen
                );
                self.breaks(Promise::Snapshot, detail, read);
            }
        }
        if read.together && read.claims.windows(2).any(|two| two[0].seen != two[1].seen) {
            self.breaks(
                Promise::Together,
                "files of one commit were seen in two states".into(),
                read,
            );
        }
    }

    fn breaks(&mut self, promise: Promise, detail: String, read: &Read) {
        let files: Vec<_> = read.claims.iter().map(|claim| claim.file).collect();
        self.report(promise, detail, Some(read), &files, read.generation);
    }

    fn report(
        &mut self,
        promise: Promise,
        detail: String,
        read: Option<&Read>,
        files: &[super::FileName],
        generation: Generation,
    ) {
        let mut around = self.log.around(files, generation);
        if let Some(read) = read {
            let same = |other: &&Read| {
                other.host == read.host
                    && other.claims.iter().any(|claim| files.contains(&claim.file))
            };
            let mut reads: Vec<_> = self
                .judged
                .iter()
                .rev()
                .filter(same)
                .take(8)
                .map(line)
                .collect();
            reads.reverse();
            around.extend(reads);
        }
        self.found.push(Violation {
            promise,
            detail,
            read: read.cloned(),
            around,
        });
    }

    /// The last generation that was acknowledged.
    #[must_use]
    pub fn last(&self) -> Generation {
        self.acknowledged.last()
    }

    /// How many outcomes are unknown still, and how many were found out.
    #[must_use]
    pub fn unknown(&self) -> (usize, usize) {
        self.log.unknown()
    }

    /// What has been found, in order.
    #[must_use]
    pub fn found(&self) -> &[Violation] {
        &self.found
    }
}
