use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// How long nothing may happen before what has happened is looked at: editors write in several steps.
const SETTLE: Duration = Duration::from_millis(30);
/// The longest that is waited for that.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often one looks though nothing was heard: not every file system tells.
const IDLE: Duration = Duration::from_secs(2);

/// A folder with all that is below it, or a file, whose changes matter.
#[derive(Clone, Debug)]
pub struct Place {
    /// Which.
    pub root: PathBuf,
    /// What in it does not matter: what tools write.
    pub without: Vec<PathBuf>,
}

/// What is in some places at one moment: which files, when each was changed, and its size. Hidden files and those that
/// `.gitignore` names are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    files: BTreeMap<PathBuf, (SystemTime, u64)>,
    folders: BTreeSet<PathBuf>,
}

impl Look {
    /// What is there now.
    #[must_use]
    pub fn at(places: &[Place]) -> Self {
        let mut look = Self::default();
        places.iter().for_each(|place| look.walk(place));
        look
    }

    fn walk(&mut self, place: &Place) {
        // An editor may put a new file in the place of the old one.
        if !place.root.is_dir()
            && let Some(folder) = place.root.parent()
        {
            self.folders.insert(folder.to_owned());
        }
        let mut without = place.without.clone();
        if mutant!("own-files-watched") {
            without.clear();
        }
        let walk = ignore::WalkBuilder::new(&place.root)
            .require_git(false)
            .filter_entry(move |entry| !without.iter().any(|path| path == entry.path()))
            .build();
        for entry in walk.flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            let path = entry.into_path();
            if metadata.is_dir() {
                self.folders.insert(path);
            } else {
                let changed = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                self.files.insert(path, (changed, metadata.len()));
            }
        }
    }

    /// A file that was changed after that time.
    #[must_use]
    pub fn changed_after(&self, time: SystemTime) -> Option<PathBuf> {
        let mut files = self.files.iter();
        let newer = files.find(|(_, (changed, _))| *changed > time);
        newer.map(|(path, _)| path.clone())
    }

    /// A file that is there, is gone, or is otherwise since `before`.
    #[must_use]
    pub fn news<'a>(&'a self, before: &'a Self) -> Option<&'a Path> {
        let new = self.files.iter();
        let new = new.filter(|(path, file)| before.files.get(*path) != Some(file));
        let gone = before.files.iter();
        let gone = gone.filter(|(path, _)| !self.files.contains_key(*path));
        new.chain(gone).next().map(|(path, _)| path.as_path())
    }
}

/// Hears of changes. What is heard only wakes: whether something has changed is seen by looking.
#[derive(Debug)]
pub struct Watch {
    /// None: nothing is heard here.
    watcher: Option<RecommendedWatcher>,
    heard: mpsc::Receiver<()>,
    folders: BTreeSet<PathBuf>,
}

impl Watch {
    /// Hears of nothing yet.
    #[must_use]
    pub fn new() -> Self {
        // One that is waiting is enough: whoever is woken looks at everything.
        let (wake, heard) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = wake.try_send(());
            }
        });
        let mut watch = Self {
            watcher: None,
            heard,
            folders: BTreeSet::new(),
        };
        match watcher {
            Ok(watcher) => watch.watcher = Some(watcher),
            Err(error) => watch.is_deaf(&error),
        }
        watch
    }

    fn is_deaf(&mut self, error: &notify::Error) {
        self.watcher = None;
        tracing::warn!(%error, "changes are not heard; files are looked at every {} s", IDLE.as_secs());
    }

    /// Looks at the places, and hears from now on of what changes there.
    pub fn look(&mut self, places: &[Place]) -> Look {
        loop {
            let look = Look::at(places);
            // A folder that went and came again is another one.
            self.folders.retain(|folder| look.folders.contains(folder));
            let new: Vec<_> = look.folders.difference(&self.folders).cloned().collect();
            if new.is_empty() {
                return look;
            }
            for folder in new {
                let watcher = self.watcher.as_mut();
                let watching = watcher.map(|it| it.watch(&folder, RecursiveMode::NonRecursive));
                self.folders.insert(folder);
                if let Some(Err(error)) = watching
                    && !matches!(error.kind, notify::ErrorKind::PathNotFound)
                {
                    self.is_deaf(&error);
                }
            }
            // What has changed before somebody listened there.
        }
    }

    /// Waits until the places are not as they were.
    pub async fn changed(&mut self, places: &[Place], before: &Look) -> Look {
        loop {
            let now = self.look(places);
            if now.news(before).is_some() {
                return now;
            }
            match self.watcher {
                Some(_) => drop(tokio::time::timeout(IDLE, self.heard.recv()).await),
                None => tokio::time::sleep(IDLE).await,
            }
            let quiet = async {
                while let Ok(Some(())) = tokio::time::timeout(SETTLE, self.heard.recv()).await {}
            };
            let _ = tokio::time::timeout(PATIENCE, quiet).await;
        }
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, Place, Watch};

    #[test]
    fn a_look_tells_what_is_new_gone_or_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for made in ["src", "target"] {
            std::fs::create_dir(at(made)).unwrap();
        }
        std::fs::write(at("src/a"), "a").unwrap();
        std::fs::write(at(".gitignore"), "*.log\n").unwrap();
        let places = [Place {
            root: folder.path().to_owned(),
            without: vec![at("target")],
        }];
        let before = Look::at(&places);
        for none in ["target/x", "a.log", ".hidden"] {
            std::fs::write(at(none), "x").unwrap();
        }
        assert_eq!(Look::at(&places).news(&before), None);
        std::fs::write(at("src/a"), "other").unwrap();
        let changed = Look::at(&places);
        assert_eq!(changed.news(&before), Some(&*at("src/a")));
        std::fs::remove_file(at("src/a")).unwrap();
        assert_eq!(Look::at(&places).news(&changed), Some(&*at("src/a")));
        std::fs::write(at("src/b"), "").unwrap();
        assert_eq!(Look::at(&places).news(&changed), Some(&*at("src/b")));
    }

    #[tokio::test]
    async fn what_changes_in_a_folder_that_is_new_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let places = [Place {
            root: folder.path().to_owned(),
            without: Vec::new(),
        }];
        let mut watch = Watch::new();
        let before = watch.look(&places);
        let new = folder.path().join("new");
        std::fs::create_dir(&new).unwrap();
        std::fs::write(new.join("a"), "a").unwrap();
        let now = watch.changed(&places, &before).await;
        assert_eq!(now.news(&before), Some(&*new.join("a")));
        let (changed, ()) = tokio::join!(watch.changed(&places, &now), async {
            std::fs::write(new.join("a"), "other").unwrap();
        });
        assert_eq!(changed.news(&now), Some(&*new.join("a")));
    }
}
