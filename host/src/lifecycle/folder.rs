use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use ignore::WalkBuilder;
use notify::{RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::bootstrap::FollowError;
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
    Export(Option<BlobHash>),
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
        let (found, skipped, hashes) = scanned.map_err(|problem| FollowError::Folder {
            folder: self.path.clone(),
            problem,
        })?;
        self.hashes = hashes;
        let mut steps = BTreeMap::new();
        for path in found.keys().chain(agreed.keys()).chain(stored.keys()) {
            if steps.contains_key(path) || skipped.contains(path) {
                continue;
            }
            // Ignored files are not discovered, but one that the realm knows is followed all the same.
            let in_folder = found.get(path).copied().or_else(|| {
                std::fs::read(self.path.join(path.as_str()))
                    .ok()
                    .map(|bytes| BlobHash::of(&bytes))
            });
            let (in_realm, last) = (stored.get(path).copied(), agreed.get(path).copied());
            let step = if in_folder == in_realm {
                if last == in_folder {
                    continue;
                } else {
                    Step::Agree(in_folder)
                }
            } else if in_folder == last {
                Step::Export(in_realm)
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
                Step::Export(now) => exports.push((path, now)),
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
                Err(WriteError::Precondition(_)) => return Ok(false),
                Err(WriteError::Database(error)) => return Err(error.into()),
                Err(error) => {
                    return Err(FollowError::Folder {
                        folder: self.path.clone(),
                        problem: error.to_string(),
                    });
                }
            }
        }
        for (path, blob) in exports {
            self.export(&path, blob).await?;
        }
        Ok(true)
    }

    /// Writes the realm's news through to the folder.
    async fn export(&self, path: &LocalPath, blob: Option<BlobHash>) -> Result<(), FollowError> {
        let file = self.path.join(path.as_str());
        let problem = |error: std::io::Error| FollowError::Folder {
            folder: file.clone(),
            problem: error.to_string(),
        };
        match blob {
            Some(hash) => {
                let Some(bytes) = self.lifecycle.database.blob(hash).await? else {
                    return Ok(());
                };
                let parent = file.parent().unwrap_or(&self.path);
                std::fs::create_dir_all(parent).map_err(problem)?;
                // Whole under another name first: an editor never sees half a file.
                let mut temporary = tempfile::Builder::new()
                    .prefix(".realm-")
                    .tempfile_in(parent)
                    .map_err(problem)?;
                std::io::Write::write_all(&mut temporary, &bytes).map_err(problem)?;
                std::fs::set_permissions(temporary.path(), std::fs::Permissions::from_mode(0o644))
                    .map_err(problem)?;
                temporary
                    .persist(&file)
                    .map_err(|error| problem(error.error))?;
            }
            None => match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(problem(error));
                }
                _ => {}
            },
        }
        Ok(self
            .lifecycle
            .database
            .agree(self.realm.id, path, blob)
            .await?)
    }
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

type Scanned = (
    HashMap<LocalPath, BlobHash>,
    std::collections::HashSet<LocalPath>,
    HashMap<PathBuf, Known>,
);

/// Every file of the folder that belongs to the realm, with its hash: hidden files and what `.gitignore` names do not.
fn scan(folder: &Path, mut hashes: HashMap<PathBuf, Known>, max: usize) -> Result<Scanned, String> {
    let (mut found, mut skipped, mut kept) = (
        HashMap::new(),
        std::collections::HashSet::new(),
        HashMap::new(),
    );
    for entry in WalkBuilder::new(folder)
        .require_git(false)
        .follow_links(false)
        .build()
    {
        let entry = entry.map_err(|error| error.to_string())?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let file = entry.into_path();
        let Some(local) = file.strip_prefix(folder).ok().and_then(Path::to_str) else {
            warn!(file = %file.display(), "left out: its name is not UTF-8");
            continue;
        };
        let local = match LocalPath::new(local) {
            Ok(local) => local,
            Err(error) => {
                warn!(file = %file.display(), %error, "left out");
                continue;
            }
        };
        // A file that vanishes meanwhile is absent.
        let Ok(metadata) = file.metadata() else {
            continue;
        };
        if metadata.len() > max as u64 {
            if !hashes.contains_key(&file) {
                warn!(file = %file.display(), size = metadata.len(), max, "left out: too large");
            }
            skipped.insert(local);
            continue;
        }
        let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let known = hashes
            .remove(&file)
            .filter(|known| known.modified == modified && known.size == metadata.len());
        let known = match known {
            Some(known) => known,
            None => {
                let Ok(bytes) = std::fs::read(&file) else {
                    continue;
                };
                Known {
                    modified,
                    size: metadata.len(),
                    hash: BlobHash::of(&bytes),
                }
            }
        };
        if modified.elapsed().is_ok_and(|age| age > YOUNG) {
            kept.insert(file.clone(), known);
        }
        found.insert(local, known.hash);
    }
    Ok((found, skipped, kept))
}

/// The bytes that were hashed; none when the file has changed since.
fn read_again(file: &Path, hash: BlobHash) -> Option<Bytes> {
    std::fs::read(file)
        .ok()
        .filter(|bytes| BlobHash::of(bytes) == hash)
        .map(Bytes::from)
}
