use std::collections::BTreeMap;

use super::{Generation, Time};

/// From when on which generation is the least that may be answered.
#[derive(Debug, Default)]
pub(super) struct Floor(BTreeMap<Time, Generation>);

impl Floor {
    /// From `at` on, `generation` is known.
    pub(super) fn raise(&mut self, at: Time, generation: Generation) {
        if self
            .0
            .range(..=at)
            .next_back()
            .is_some_and(|(_, known)| *known >= generation)
        {
            return;
        }
        let lower: Vec<_> = self
            .0
            .range(at..)
            .take_while(|(_, known)| **known <= generation)
            .map(|(at, _)| *at)
            .collect();
        for at in lower {
            self.0.remove(&at);
        }
        self.0.insert(at, generation);
    }

    /// The least generation for whoever asks at `at`.
    pub(super) fn at(&self, at: Time) -> Generation {
        self.0
            .range(..at)
            .next_back()
            .map_or(0, |(_, generation)| *generation)
    }

    /// The highest of all.
    pub(super) fn last(&self) -> Generation {
        self.0.values().next_back().copied().unwrap_or(0)
    }
}
