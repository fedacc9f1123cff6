use std::collections::{BTreeMap, HashMap};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::bootstrap::FollowError;
use super::walk::{Unfit, walk};
use super::{Change, Condition, Lifecycle, WriteError, WriteSet};
use crate::changes::{Invalidation, Subscriber};
use crate::database::DatabaseError;
use crate::realm::{BlobHash, LocalPath, RealmId};
use crate::registry::Mounted;

/// Files of one import commit.
const BATCH: usize = 500;
/// How long to gather events before the folder is looked at.
const SETTLE: Duration = Duration::from_millis(15);
/// How often the folder is looked at though nothing was heard.
const IDLE: Duration = Duration::from_secs(30);
/// A file younger than this may change again without its time telling.
const YOUNG: Duration = Duration::from_millis(100);

/// A folder and the realm that it is.
pub(super) struct Folder {
    lifecycle: Arc<Lifecycle>,
    realm: Arc<Mounted>,
    path: PathBuf,
    hashes: HashMap<PathBuf, Known>,
    wake: mpsc::Sender<()>,
    events: mpsc::Receiver<()>,
}

#[derive(Clone, Copy)]
struct Known {
    modified: SystemTime,
    size: u64,
    hash: BlobHash,
}

/// What is to be done about one path.
enum Step {
    /// The folder has news.
    Import {
        bytes: Option<Bytes>,
        before: Option<BlobHash>,
        now: Option<BlobHash>,
    },
    /// The realm has news.
    Export {
        before: Option<BlobHash>,
        now: Option<BlobHash>,
    },
    /// Both have the same, which is new to the books.
    Agree(Option<BlobHash>),
}

impl Folder {
    pub(super) fn new(lifecycle: Arc<Lifecycle>, realm: Arc<Mounted>, path: PathBuf) -> Self {
        // One pending wake-up is enough: whoever wakes looks at everything.
        let (wake, events) = mpsc::channel(1);
        let news = RealmNews {
            realm: realm.id,
            wake: wake.clone(),
        };
        lifecycle.hub.subscribe(Arc::new(news));
        Self {
            lifecycle,
            realm,
            path,
            hashes: HashMap::new(),
            wake,
            events,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Follows both ways until `held` says no.
    pub(super) async fn follow_while<F: Future<Output = bool> + Send>(
        &mut self,
        held: impl Fn() -> F + Send,
    ) {
        let wake = self.wake.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if !event.is_ok_and(|event| event.kind.is_access()) {
                let _ = wake.try_send(());
            }
        });
        let watching = watcher.and_then(|mut watcher| {
            watcher
                .watch(&self.path, RecursiveMode::Recursive)
                .map(|()| watcher)
        });
        if let Err(error) = &watching {
            warn!(folder = %self.path.display(), %error, "the folder cannot be watched; it is looked at every {} s", IDLE.as_secs());
        }
        loop {
            if let Err(error) = self.reconcile().await {
                warn!(folder = %self.path.display(), %error, "folder and realm could not be brought together; trying again");
                tokio::time::sleep(Duration::from_millis(500)).await;
            } else {
                let _ = tokio::time::timeout(IDLE, self.events.recv()).await;
                tokio::time::sleep(SETTLE).await;
            }
            if !held().await {
                warn!(folder = %self.path.display(), "no longer the one that follows the folder");
                return;
            }
        }
    }

    /// Brings folder and realm together, whichever has news. If both have, the folder wins.
    pub(super) async fn reconcile(&mut self) -> Result<(), FollowError> {
        for _ in 0..10 {
            let steps = self.steps().await?;
            if steps.is_empty() || self.take(steps).await? {
                return Ok(());
            }
            // The realm changed while we looked: look again.
        }
        Ok(())
    }

    async fn steps(&mut self) -> Result<BTreeMap<LocalPath, Step>, FollowError> {
        let database = &self.lifecycle.database;
        // Before the folder is looked at: a write that comes in between shows as a condition that fails, and is seen next time.
        let agreed: HashMap<_, _> = database
            .folder_files(self.realm.id)
            .await?
            .into_iter()
            .collect();
        let listed = database.list(self.realm.id, "").await?;
        let listed = listed
            .ok_or_else(|| DatabaseError::Unavailable(format!("{} is gone", self.realm.url)))?;
        let stored: HashMap<_, _> = listed
            .files
            .into_iter()
            .map(|file| (file.path, file.blob))
            .collect();
        let max = self.lifecycle.limits.max_file_bytes;
        let (path, hashes) = (self.path.clone(), std::mem::take(&mut self.hashes));
        let scanned = tokio::task::spawn_blocking(move || scan(&path, hashes, max)).await;
        let scanned = scanned.map_err(|error| FollowError::Folder {
            folder: self.path.clone(),
            problem: error.to_string(),
        })?;
        let scanned = scanned.map_err(|problem| FollowError::Folder {
            folder: self.path.clone(),
            problem,
        })?;
        self.hashes = scanned.hashes;
        let (found, skipped) = (scanned.found, scanned.skipped);
        let mut steps = BTreeMap::new();
        for path in found.keys().chain(agreed.keys()).chain(stored.keys()) {
            if steps.contains_key(path)
                || skipped
                    .iter()
                    .any(|place| self.path.join(path.as_str()).starts_with(place))
            {
                continue;
            }
            let in_folder = found.get(path).copied();
            // What is hidden, ignored or behind a link is the folder's own affair: neither read nor written.
            if in_folder.is_none() && !is_free(&self.path, path) {
                continue;
            }
            let (in_realm, last) = (stored.get(path).copied(), agreed.get(path).copied());
            let step = if in_folder == in_realm {
                if last == in_folder {
                    continue;
                } else {
                    Step::Agree(in_folder)
                }
            } else if in_folder == last {
                Step::Export {
                    before: in_folder,
                    now: in_realm,
                }
            } else {
                if in_realm != last {
                    let replaced =
                        in_realm.map_or_else(|| "its removal".to_owned(), |blob| blob.to_string());
                    warn!(%path, realm = %self.realm.url, %replaced, "changed both in the folder and in the realm: the folder wins");
                }
                let bytes = in_folder.map(|hash| read_again(&self.path.join(path.as_str()), hash));
                // It is being written right now: its next event brings us back.
                let Some(bytes) = bytes.map_or(Some(None), |read| read.map(Some)) else {
                    continue;
                };
                Step::Import {
                    bytes,
                    before: in_realm,
                    now: in_folder,
                }
            };
            steps.insert(path.clone(), step);
        }
        Ok(steps)
    }

    /// Whether all went as planned.
    async fn take(&self, steps: BTreeMap<LocalPath, Step>) -> Result<bool, FollowError> {
        let mut sets = vec![WriteSet::default()];
        let mut exports = Vec::new();
        for (path, step) in steps {
            if sets.last().is_some_and(|set| set.agreed.len() >= BATCH) {
                sets.push(WriteSet::default());
            }
            let set = sets.last_mut().expect("never empty");
            match step {
                Step::Import { bytes, before, now } => {
                    set.changes.push(Change {
                        path: path.clone(),
                        bytes,
                        condition: Condition::Blob(before),
                    });
                    set.agreed.push((path, now));
                }
                Step::Agree(now) => set.agreed.push((path, now)),
                Step::Export { before, now } => exports.push((path, before, now)),
            }
        }
        for set in sets {
            if set.agreed.is_empty() {
                continue;
            }
            let files = set.changes.len();
            match self.lifecycle.write(Arc::clone(&self.realm), set).await {
                Ok(written) if files > 0 => {
                    info!(realm = %self.realm.url, files, generation = written.generation, "imported from the folder")
                }
                Ok(_) => {}
                Err(WriteError::Precondition(_) | WriteError::Several(_)) => return Ok(false),
                Err(WriteError::Database(error)) => return Err(error.into()),
                Err(error) => {
                    return Err(FollowError::Folder {
                        folder: self.path.clone(),
                        problem: error.to_string(),
                    });
                }
            }
        }
        for (path, before, now) in exports {
            self.export(&path, before, now).await?;
        }
        Ok(true)
    }

    /// Writes the realm's news through to the folder.
    async fn export(
        &self,
        path: &LocalPath,
        before: Option<BlobHash>,
        blob: Option<BlobHash>,
    ) -> Result<(), FollowError> {
        let file = self.path.join(path.as_str());
        let bytes = match blob {
            Some(hash) => match self.lifecycle.database.blob(hash).await? {
                Some(bytes) => Some(bytes),
                None => return Ok(()),
            },
            None => None,
        };
        match place(&self.path, &file, before, bytes.as_deref()) {
            Ok(true) => Ok(self
                .lifecycle
                .database
                .agree(self.realm.id, path, blob)
                .await?),
            // Somebody has saved the file since it was looked at: their bytes come first, with the next look.
            Ok(false) => Ok(()),
            Err(error) => {
                // One file that cannot be written (a folder has its name) must not keep the others.
                warn!(file = %file.display(), %error, "could not be written through to the folder");
                Ok(())
            }
        }
    }
}

/// Puts bytes at a file, or takes it away; whether the file was still as it was `before`.
fn place(
    folder: &Path,
    file: &Path,
    before: Option<BlobHash>,
    bytes: Option<&[u8]>,
) -> std::io::Result<bool> {
    let Some(bytes) = bytes else {
        if hash_of(file)? != before {
            return Ok(false);
        }
        return match std::fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(true),
        };
    };
    let parent = file.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent)?;
    // Whole under another name first: an editor never sees half a file.
    let mut temporary = tempfile::Builder::new()
        .prefix(".realm-")
        .tempfile_in(parent)?;
    std::io::Write::write_all(&mut temporary, bytes)?;
    let mode = file
        .metadata()
        .map_or(0o644, |metadata| metadata.permissions().mode());
    std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(mode))?;
    if hash_of(file)? != before {
        return Ok(false);
    }
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(true)
}

/// Wakes the follower when the realm has changed.
struct RealmNews {
    realm: RealmId,
    wake: mpsc::Sender<()>,
}

impl Subscriber for RealmNews {
    fn invalidate(&self, invalidation: Invalidation<'_>) {
        if invalidation.realm == self.realm && invalidation.generation.is_some() {
            let _ = self.wake.try_send(());
        }
    }
}

/// What a folder has.
#[derive(Default)]
struct Scanned {
    /// The files that belong to the realm, with the hashes of their bytes.
    found: HashMap<LocalPath, BlobHash>,
    /// Places of which nobody knows what is there: what cannot be seen must not be taken for removed.
    skipped: Vec<PathBuf>,
    /// What need not be read again while its time and size stay.
    hashes: HashMap<PathBuf, Known>,
}

/// Looks at every file of the folder that belongs to the realm.
fn scan(folder: &Path, mut hashes: HashMap<PathBuf, Known>, max: usize) -> Result<Scanned, String> {
    let mut scanned = Scanned::default();
    for entry in walk(folder) {
        let (local, file) = match entry {
            Ok(entry) => entry,
            Err(Unfit::Unreadable {
                place: Some(place),
                problem,
            }) if place != folder => {
                warn!(place = %place.display(), problem, "left out");
                scanned.skipped.push(place);
                continue;
            }
            Err(Unfit::Unreadable { problem, .. }) => return Err(problem),
            Err(unfit) => {
                warn!(%unfit, "left out");
                continue;
            }
        };
        // A file that vanishes meanwhile is absent.
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        if metadata.len() > max as u64 {
            warn!(file = %file.display(), size = metadata.len(), max, "left out: too large");
            scanned.skipped.push(file);
            continue;
        }
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let known = hashes
            .remove(&file)
            .filter(|known| known.modified == modified && known.size == metadata.len());
        let known = match known.map_or_else(|| hash_of(&file), |known| Ok(Some(known.hash))) {
            Ok(Some(hash)) => Known {
                modified,
                size: metadata.len(),
                hash,
            },
            Ok(None) => continue,
            Err(error) => {
                warn!(file = %file.display(), %error, "left out");
                scanned.skipped.push(file);
                continue;
            }
        };
        if modified.elapsed().is_ok_and(|age| age > YOUNG) {
            scanned.hashes.insert(file, known);
        }
        scanned.found.insert(local, known.hash);
    }
    Ok(scanned)
}

/// The hash of a file's bytes; none when it is not there.
fn hash_of(file: &Path) -> std::io::Result<Option<BlobHash>> {
    match std::fs::read(file) {
        Ok(bytes) => Ok(Some(BlobHash::of(&bytes))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether a path that was not found may become a file: nothing on the way to it is hidden or a link, and nothing is there.
fn is_free(folder: &Path, path: &LocalPath) -> bool {
    let mut place = folder.to_owned();
    let mut segments = path.as_str().split('/').peekable();
    while let Some(segment) = segments.next() {
        place.push(segment);
        let fits = match place.symlink_metadata() {
            Ok(metadata) => metadata.is_dir() && segments.peek().is_some(),
            Err(error) => error.kind() == ErrorKind::NotFound,
        };
        if segment.starts_with('.') || !fits {
            return false;
        }
    }
    true
}

/// The bytes that were hashed; none when the file has changed since.
fn read_again(file: &Path, hash: BlobHash) -> Option<Bytes> {
    std::fs::read(file)
        .ok()
        .filter(|bytes| BlobHash::of(bytes) == hash)
        .map(Bytes::from)
}
