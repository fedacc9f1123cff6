use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::database::ChangeRow;
use crate::realm::{Generation, LocalPath};

/// What one commit changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its generation.
    pub generation: Generation,
    /// What changed; none: the whole realm.
    pub paths: Option<Vec<LocalPath>>,
}

/// The newest commits of a realm, so that those who follow it need not ask the log.
#[derive(Debug, Default)]
pub(super) struct Feed(Mutex<VecDeque<Commit>>);

/// Commits that are kept.
const KEPT: usize = 64;
/// A commit of more paths than this is kept as the whole realm.
const MOST_PATHS: usize = 64;

impl Feed {
    /// Adds what has been applied; each commit comes once, in order.
    pub(super) fn push(&self, commit: Commit) {
        let mut kept = self.0.lock();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(Commit {
            paths: commit.paths.filter(|paths| paths.len() <= MOST_PATHS),
            ..commit
        });
    }

    /// The commits after `after`; none when it does not reach back that far.
    pub(super) fn after(&self, after: Generation) -> Option<Vec<Commit>> {
        let kept = self.0.lock();
        let first = kept.front()?;
        (first.generation <= after + 1).then(|| {
            kept.iter()
                .filter(|commit| commit.generation > after)
                .cloned()
                .collect()
        })
    }
}

/// Rows of the log, in order, as commits.
pub(super) fn commits(rows: &[ChangeRow]) -> Vec<Commit> {
    let each = rows.chunk_by(|a, b| a.generation == b.generation);
    each.map(|rows| Commit {
        generation: rows[0].generation,
        paths: rows.iter().map(|row| row.path.clone()).collect(),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{Commit, Feed, KEPT, commits};
    use crate::database::ChangeRow;
    use crate::realm::LocalPath;

    fn row(generation: i64, path: Option<&str>) -> ChangeRow {
        let path = path.map(|path| LocalPath::new(path).unwrap());
        ChangeRow { generation, path }
    }

    #[test]
    fn rows_of_one_generation_are_one_commit() {
        let rows = [row(3, Some("a")), row(3, Some("b")), row(4, None)];
        let commits = commits(&rows);
        assert_eq!(commits.len(), 2);
        assert_eq!(commits[0].paths.as_ref().map(Vec::len), Some(2));
        assert_eq!(commits[1].paths, None);
    }

    #[test]
    fn it_says_when_it_does_not_reach_back() {
        let feed = Feed::default();
        assert_eq!(feed.after(0), None, "nothing is known yet");
        for generation in 1..=KEPT as i64 + 10 {
            feed.push(Commit {
                generation,
                paths: None,
            });
        }
        assert_eq!(feed.after(9), None);
        assert_eq!(feed.after(10).unwrap().len(), KEPT);
        assert_eq!(feed.after(KEPT as i64 + 10).unwrap(), []);
    }
}
