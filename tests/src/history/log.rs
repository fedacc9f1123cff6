use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{FileName, Generation, Seen, Time, Value, Write};

/// An acknowledged write.
#[derive(Clone, Debug)]
struct Known {
    write: Write,
    acknowledged: Time,
}

/// What is known to have been written, and what may have been.
#[derive(Debug)]
pub(super) struct Log {
    known: BTreeMap<Generation, Known>,
    /// By file: generation → its value from then on.
    files: HashMap<FileName, BTreeMap<Generation, Option<Value>>>,
    /// Generations up to `top` that no known write has.
    missing: BTreeSet<Generation>,
    top: Generation,
    unknown: Vec<Write>,
    resolved: usize,
}

impl Log {
    /// Of a realm that is empty at `base`.
    pub(super) fn new(base: Generation) -> Self {
        Self {
            known: BTreeMap::new(),
            files: HashMap::new(),
            missing: BTreeSet::new(),
            top: base,
            unknown: Vec::new(),
            resolved: 0,
        }
    }

    /// A write was acknowledged. Whether its generation can be so: nobody else has it.
    pub(super) fn acknowledge(
        &mut self,
        write: Write,
        generation: Generation,
        acknowledged: Time,
    ) -> bool {
        if self.known.contains_key(&generation)
            || (generation <= self.top && !self.missing.contains(&generation))
        {
            return false;
        }
        self.missing.extend(self.top + 1..generation);
        self.missing.remove(&generation);
        self.top = self.top.max(generation);
        let puts = write.puts.iter().map(|file| (*file, Some(write.value)));
        let removes = write.removes.iter().map(|file| (*file, None));
        for (file, value) in puts.chain(removes) {
            self.files
                .entry(file)
                .or_default()
                .insert(generation, value);
        }
        self.known.insert(
            generation,
            Known {
                write,
                acknowledged,
            },
        );
        true
    }

    /// Nobody knows whether a write took effect.
    pub(super) fn doubt(&mut self, write: Write) {
        self.unknown.push(write);
    }

    /// How many outcomes are unknown still, and how many were found out.
    pub(super) fn unknown(&self) -> (usize, usize) {
        (self.unknown.len(), self.resolved)
    }

    /// How many generations up to `generation` nobody can have written.
    pub(super) fn nobodys(&self, generation: Generation) -> usize {
        let missing = self.missing.range(..=generation).count();
        let beyond = usize::try_from(generation - self.top).unwrap_or(0);
        (missing + beyond).saturating_sub(self.unknown.len())
    }

    /// What `file` has at `generation` as far as is known, and since when.
    pub(super) fn at(&self, file: FileName, generation: Generation) -> (Generation, Option<Value>) {
        let changes = self.files.get(file);
        let last = changes.and_then(|changes| changes.range(..=generation).next_back());
        last.map_or((0, None), |(since, value)| (*since, *value))
    }

    /// Whether `file` can have been so at `generation`. What shows an unknown outcome resolves it where it can.
    pub(super) fn allows(
        &mut self,
        file: FileName,
        seen: Seen,
        generation: Generation,
        now: Time,
    ) -> bool {
        let (since, value) = self.at(file, generation);
        let as_known = match seen {
            Seen::Value(seen) => value == Some(seen),
            Seen::Present => value.is_some(),
            Seen::Absent => value.is_none(),
        };
        if as_known {
            return true;
        }
        let fits = |write: &Write| match seen {
            Seen::Value(seen) => write.value == seen && write.puts.contains(&file),
            Seen::Present => write.puts.contains(&file),
            Seen::Absent => write.removes.contains(&file),
        };
        let Some(index) = self.unknown.iter().position(fits) else {
            return false;
        };
        let mut free = self
            .missing
            .range(since + 1..=generation)
            .copied()
            .chain(self.top + 1..=generation);
        let Some(first) = free.next() else {
            return false;
        };
        let only = free.next().is_none();
        // A removal could be any of several: only a value says who wrote it.
        if only && matches!(seen, Seen::Value(_)) {
            let write = self.unknown.swap_remove(index);
            self.resolved += 1;
            return self.acknowledge(write, first, now);
        }
        true
    }

    /// The writes around `generation` that touch one of `files`, and the unknown ones that do: a line each.
    pub(super) fn around(&self, files: &[FileName], generation: Generation) -> Vec<String> {
        let touches = |write: &Write| {
            files
                .iter()
                .any(|file| write.puts.contains(file) || write.removes.contains(file))
        };
        let line = |at: String, write: &Write| {
            let (host, sent, value) = (write.host, write.sent.as_secs_f64(), write.value);
            format!(
                "write  host {host} {sent:.6}..{at}: {value} to {:?}, removes {:?}",
                write.puts, write.removes
            )
        };
        let known = |(generation, known): (&Generation, &Known)| {
            line(
                format!("{:.6} at {generation}", known.acknowledged.as_secs_f64()),
                &known.write,
            )
        };
        let fits = |entry: &(&Generation, &Known)| touches(&entry.1.write);
        let mut before: Vec<_> = self
            .known
            .range(..=generation)
            .rev()
            .filter(fits)
            .take(6)
            .map(known)
            .collect();
        before.reverse();
        before.extend(
            self.known
                .range(generation + 1..)
                .filter(fits)
                .take(4)
                .map(known),
        );
        before.extend(
            self.unknown
                .iter()
                .filter(|write| touches(write))
                .map(|write| line("? unknown".into(), write)),
        );
        before
    }
}
