//! What a realm's log says of reads.

use std::collections::HashMap;

use crate::database::Changes;
use crate::realm::{Generation, LocalPath};

/// A part of a realm's log, by what its changes meet. As many reads as there may be are compared with it, each at once.
#[derive(Debug)]
pub(super) struct Log {
    /// The realm's generation when it was read.
    pub(super) generation: Generation,
    /// When each path was last changed, under its own name and those that may lead to it.
    paths: HashMap<String, Generation>,
    /// When everything was.
    whole: Generation,
    /// The generations that it has, in order.
    generations: Vec<Generation>,
}

impl Log {
    pub(super) fn new(changes: &Changes) -> Self {
        let mut log = Self {
            generation: changes.generation,
            paths: HashMap::new(),
            whole: 0,
            generations: changes.rows.iter().map(|row| row.generation).collect(),
        };
        log.generations.dedup();
        for row in &changes.rows {
            // In order: the last one is the newest.
            match &row.path {
                Some(path) => {
                    for name in std::iter::once(path.as_str()).chain(path.aliases()) {
                        log.paths.insert(name.to_owned(), row.generation);
                    }
                }
                None => log.whole = row.generation,
            }
        }
        log
    }

    /// Whether nothing that was read has changed after this generation, and the log has everything since.
    pub(super) fn says_nothing_of<'p>(
        &self,
        paths: &mut impl Iterator<Item = &'p LocalPath>,
        after: Generation,
    ) -> bool {
        let known =
            self.generations.len() - self.generations.partition_point(|known| *known <= after);
        let whole = self.generation >= after && known as i64 == self.generation - after;
        let untouched = |path: &LocalPath| {
            let changed = self.paths.get(path.as_str());
            changed.is_none_or(|changed| *changed <= after)
        };
        whole && self.whole <= after && paths.all(untouched)
    }
}

#[cfg(test)]
mod tests {
    use super::Log;
    use crate::database::{ChangeRow, Changes};
    use crate::realm::LocalPath;

    fn path(text: &str) -> LocalPath {
        LocalPath::new(text).unwrap()
    }

    fn log(generation: i64, rows: &[(i64, Option<&str>)]) -> Log {
        let row = |(generation, of): &(i64, Option<&str>)| ChangeRow {
            generation: *generation,
            path: of.map(path),
        };
        let rows = rows.iter().map(row).collect();
        Log::new(&Changes { generation, rows })
    }

    fn holds(log: &Log, read: &str, after: i64) -> bool {
        log.says_nothing_of(&mut [path(read)].iter(), after)
    }

    #[test]
    fn a_change_meets_its_path_and_its_aliases_from_then_on() {
        let log = log(6, &[(4, Some("a/b.d.ts")), (5, Some("c")), (6, Some("d"))]);
        for read in ["a/b.d.ts", "a/b.d", "a/b"] {
            assert!(!holds(&log, read, 3), "{read}");
            assert!(holds(&log, read, 4), "{read}");
        }
        for read in ["a", "a/b.d.tsx", "a/b.ts", "e"] {
            assert!(holds(&log, read, 3), "{read}");
        }
    }

    #[test]
    fn a_change_of_everything_meets_everything() {
        let log = log(5, &[(4, None), (5, Some("x"))]);
        assert!(!holds(&log, "a", 3) && holds(&log, "a", 4));
    }

    #[test]
    fn a_log_that_lacks_something_says_nothing() {
        assert!(
            !holds(&log(5, &[(5, Some("x"))]), "a", 3),
            "the first is gone"
        );
        assert!(!holds(&log(6, &[(4, Some("x")), (6, Some("x"))]), "a", 3));
        assert!(
            !holds(&log(6, &[(4, Some("x")), (5, Some("x"))]), "a", 3),
            "the last was cut off"
        );
        assert!(!holds(&log(2, &[]), "a", 3), "the database has gone back");
        assert!(holds(&log(3, &[]), "a", 3));
    }
}
