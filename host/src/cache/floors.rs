use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use crate::realm::{Generation, LocalPath};

/// How many slots a realm's paths share. Two paths in one slot cost each other a reload, never a wrong answer.
const SLOTS: usize = 512;

/// What invalidations have raised.
///
/// A change row of generation g touches only what was read before g, so it raises `generation`; a payload that came
/// without a generation touches everything that was read before it came, so it raises `notices`.
#[derive(Debug, Default)]
struct Floor {
    generation: AtomicI64,
    notices: AtomicU64,
}

impl Floor {
    fn raise(&self, generation: Option<Generation>) {
        match generation {
            Some(generation) => self.generation.fetch_max(generation, Ordering::SeqCst),
            None => self.notices.fetch_add(1, Ordering::SeqCst) as i64,
        };
    }

    fn read(&self) -> (Generation, u64) {
        (
            self.generation.load(Ordering::SeqCst),
            self.notices.load(Ordering::SeqCst),
        )
    }
}

/// The floors of one mounted realm: one for all of it, and a fixed hashed array for its paths.
#[derive(Debug)]
pub struct Floors {
    realm: Floor,
    slots: Box<[Floor]>,
    /// Tells these floors from those of the same realm mounted at another time.
    number: u64,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Default for Floors {
    fn default() -> Self {
        Self {
            realm: Floor::default(),
            slots: (0..=SLOTS).map(|_| Floor::default()).collect(),
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl Floors {
    /// The same in every process, so that whoever shares a slot does so every time.
    fn slot(&self, path: &str) -> usize {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(path);
        usize::try_from(hash % SLOTS as u64).unwrap_or(0)
    }

    /// Raises the floor of a path, and of each alias that it may take over or leave; of the whole realm for `None`.
    pub fn raise(&self, path: Option<&LocalPath>, generation: Option<Generation>) {
        let Some(path) = path else {
            if !mutant!("realm-floor-not-raised") {
                self.realm.raise(generation);
            }
            return;
        };
        self.slots[self.slot(path.as_str())].raise(generation);
        if mutant!("alias-not-raised") {
            return;
        }
        for alias in path.aliases() {
            self.slots[self.slot(alias)].raise(generation);
        }
    }

    /// The floors of a path as they are now: to be taken before its load begins.
    #[must_use]
    pub fn mark(self: &Arc<Self>, path: &str) -> Mark {
        self.mark_slot(self.slot(path))
    }

    /// The floor of the realm alone, for what no file's change touches.
    #[must_use]
    pub fn mark_realm(self: &Arc<Self>) -> Mark {
        // The last slot is no path's.
        self.mark_slot(SLOTS)
    }

    fn mark_slot(self: &Arc<Self>, slot: usize) -> Mark {
        Mark {
            slot,
            realm: self.realm.read(),
            path: self.slots[slot].read(),
            floors: Arc::clone(self),
        }
    }
}

/// The floors of one path at one moment.
#[derive(Clone, Debug)]
pub struct Mark {
    floors: Arc<Floors>,
    slot: usize,
    realm: (Generation, u64),
    path: (Generation, u64),
}

impl Mark {
    /// What tells one period between two invalidations from the next: part of every flight's key, so that nobody joins
    /// a load that began before an invalidation which the joiner has lived through.
    #[must_use]
    pub fn period(&self) -> [u64; 5] {
        [
            self.floors.number,
            self.realm.0.cast_unsigned(),
            self.realm.1,
            self.path.0.cast_unsigned(),
            self.path.1,
        ]
    }

    /// Whether no change row has touched the path since it was read at `read_at`.
    fn holds(&self, read_at: Generation) -> bool {
        mutant!("floors-unchecked")
            || (self.floors.realm.read().0 <= read_at
                && self.floors.slots[self.slot].read().0 <= read_at)
    }

    /// Whether no payload has touched it since the mark was taken.
    fn unnoticed(&self) -> bool {
        mutant!("notices-unchecked")
            || (self.floors.realm.read().1 == self.realm.1
                && self.floors.slots[self.slot].read().1 == self.path.1)
    }
}

/// What a cached value was made from: each read's mark, with the generation that the read saw.
#[derive(Clone, Debug, Default)]
pub struct Stamp(Vec<(Mark, Generation)>);

impl Stamp {
    /// The stamp of one read.
    #[must_use]
    pub fn of(mark: Mark, read_at: Generation) -> Self {
        Self(vec![(mark, read_at)])
    }

    /// Whether its first read was of the realm that has these floors, as it is mounted now.
    #[must_use]
    pub fn is_of(&self, floors: &Arc<Floors>) -> bool {
        mutant!("old-mount-trusted")
            || self
                .0
                .first()
                .is_some_and(|(mark, _)| Arc::ptr_eq(&mark.floors, floors))
    }

    /// Adds another's reads.
    pub fn add(&mut self, other: &Self) {
        for (mark, read_at) in &other.0 {
            let same = |(known, at): &(Mark, Generation)| {
                known.slot == mark.slot
                    && at == read_at
                    && known.period() == mark.period()
                    && Arc::ptr_eq(&known.floors, &mark.floors)
            };
            if !self.0.iter().any(same) {
                self.0.push((mark.clone(), *read_at));
            }
        }
    }

    /// Whether the value may be stored or served from a cache: nothing it was made from has been invalidated.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.0
            .iter()
            .all(|(mark, read_at)| mark.holds(*read_at) && mark.unnoticed())
    }

    /// Whether something it was made from has changed, by a change row.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        !self.0.iter().all(|(mark, read_at)| mark.holds(*read_at))
    }

    /// Bytes that the stamp itself takes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.0.len() * size_of::<(Mark, Generation)>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Floors, Stamp};
    use crate::realm::LocalPath;

    fn path(text: &str) -> LocalPath {
        LocalPath::new(text).unwrap()
    }

    #[test]
    fn a_row_touches_only_what_was_read_before_it() {
        let floors = Arc::new(Floors::default());
        let (old, new) = (
            Stamp::of(floors.mark("a.ts"), 4),
            Stamp::of(floors.mark("a.ts"), 5),
        );
        floors.raise(Some(&path("a.ts")), Some(5));
        assert!(!old.is_current() && old.is_overtaken());
        assert!(new.is_current() && !new.is_overtaken());
    }

    #[test]
    fn a_payload_touches_what_was_read_before_it_came_but_overtakes_nothing() {
        let floors = Arc::new(Floors::default());
        let before = Stamp::of(floors.mark("a.ts"), 4);
        floors.raise(Some(&path("a.ts")), None);
        let after = Stamp::of(floors.mark("a.ts"), 4);
        assert!(!before.is_current() && !before.is_overtaken());
        assert!(after.is_current());
    }

    #[test]
    fn aliases_are_raised_with_their_file_and_others_are_not() {
        let floors = Arc::new(Floors::default());
        let alias = Stamp::of(floors.mark("foo"), 1);
        let other = Stamp::of(floors.mark("bar"), 1);
        floors.raise(Some(&path("foo.gts")), Some(2));
        assert!(!alias.is_current());
        assert!(
            other.is_current()
                || floors.slot("bar") == floors.slot("foo")
                || floors.slot("bar") == floors.slot("foo.gts")
        );
    }

    #[test]
    fn the_whole_realm_is_one_number() {
        let floors = Arc::new(Floors::default());
        let mut stamp = Stamp::of(floors.mark("a"), 1);
        stamp.add(&Stamp::of(floors.mark("b"), 3));
        floors.raise(None, Some(3));
        assert!(stamp.is_overtaken(), "the read of `a` saw generation 1");
        assert!(Stamp::of(floors.mark("b"), 3).is_current());
    }

    #[test]
    fn a_new_period_begins_with_every_invalidation() {
        let floors = Arc::new(Floors::default());
        let first = floors.mark("foo").period();
        floors.raise(Some(&path("foo.ts")), Some(1));
        let second = floors.mark("foo").period();
        floors.raise(None, None);
        let third = floors.mark("foo").period();
        assert!(first != second && second != third);
    }
}
