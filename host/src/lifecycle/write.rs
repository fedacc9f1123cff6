use std::sync::Arc;

use bytes::Bytes;
use tracing::warn;

use super::collect::{despite_the_collector, is_lost};
use super::{Lifecycle, panicked};
use crate::database::{
    ChangeRow, Changes, DatabaseError, FileRow, Lane, RealmKind, Transaction, WriteTarget, observed,
};
use crate::plugins::Plugins;
use crate::realm::{BlobHash, Generation, LocalPath, RealmSettings, SETTINGS_FILE};
use crate::registry::Mounted;

/// What must hold for a change to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// The file is there.
    Exists,
    /// The file is not there.
    Absent,
    /// The file is there and has one of these `ETag`s.
    Tagged(Vec<String>),
    /// The file is not there, or has none of these `ETag`s.
    Untagged(Vec<String>),
    /// The file is not there, or its bytes are no newer than this second since 1970.
    Unmodified(i64),
    /// The file has exactly these bytes; `None`: it is not there.
    Blob(Option<BlobHash>),
}

/// One file's change.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which file.
    pub path: LocalPath,
    /// Its bytes from now on; none: it goes.
    pub bytes: Option<Bytes>,
    /// What must hold.
    pub condition: Condition,
}

/// Changes of one commit: all of them, or none.
#[derive(Clone, Debug, Default)]
pub struct WriteSet {
    /// The changes, no path twice.
    pub changes: Vec<Change>,
    /// Paths on which a followed folder and the realm agree once this is committed, with their bytes' hashes.
    pub agreed: Vec<(LocalPath, Option<BlobHash>)>,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The file is new.
    Created(BlobHash),
    /// The file has other bytes.
    Replaced(BlobHash),
    /// The file had these bytes already.
    Unchanged(BlobHash),
    /// The file is gone.
    Removed,
}

/// What a write came to.
#[derive(Clone, Debug)]
pub struct Written {
    /// The realm's generation that has it.
    pub generation: Generation,
    /// In the order of the changes.
    pub effects: Vec<Effect>,
}

/// Why nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WriteError {
    /// The realm is gone.
    #[error("there is no such realm any more")]
    NoRealm,
    /// Published realms are copies.
    #[error("a published realm is a copy: write to its source, and publish that again")]
    IsPublished,
    /// The realm is sealed.
    #[error("the realm is archived; `realm unarchive` opens it again")]
    Archived,
    /// Files of several changes of a write are, or are not, where they should be.
    #[error("{}", said(.0))]
    Several(Vec<WriteError>),
    /// A file that should be there is not.
    #[error("there is no file `{0}`")]
    NotFound(LocalPath),
    /// A file that should not be there is.
    #[error("there is a file `{0}` already")]
    Exists(LocalPath),
    /// The file is another one than the client thinks.
    #[error("`{0}` is not what the request's condition says: it has changed, or it is not there")]
    Precondition(LocalPath),
    /// Too many bytes.
    #[error("`{path}` has {size} bytes; at most {max} are allowed (`max-file-bytes`)")]
    TooLarge {
        /// Which file.
        path: LocalPath,
        /// How many it has.
        size: usize,
        /// How many it may have.
        max: usize,
    },
    /// The same path twice.
    #[error("`{0}` is changed twice in one write")]
    Twice(LocalPath),
    /// Too many writers.
    #[error("{0} writes of this realm are waiting already")]
    Busy(usize),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

fn said(errors: &[WriteError]) -> String {
    let each: Vec<_> = errors.iter().map(ToString::to_string).collect();
    each.join("; ")
}

impl Lifecycle {
    /// Commits a write set. What it returns is applied on this replica: the next read sees it.
    ///
    /// # Errors
    /// See [`WriteError`]; nothing is written then, unless the database says that it does not know.
    pub async fn write(
        self: &Arc<Self>,
        realm: Arc<Mounted>,
        set: WriteSet,
    ) -> Result<Written, WriteError> {
        self.check(&set)?;
        let own = Arc::clone(self);
        if mutant!("write-ends-with-its-client") {
            return own.write_now(&realm, set).await;
        }
        // A task of its own: a client that leaves between commit and answer must not keep the peers from hearing of it.
        let task = self
            .tasks
            .spawn(async move { own.write_now(&realm, set).await });
        task.await
            .unwrap_or_else(|error| Err(panicked(&error).into()))
    }

    fn check(&self, set: &WriteSet) -> Result<(), WriteError> {
        let mut seen = std::collections::HashSet::new();
        for change in &set.changes {
            if !seen.insert(&change.path) {
                return Err(WriteError::Twice(change.path.clone()));
            }
            let size = change.bytes.as_ref().map_or(0, Bytes::len);
            if size > self.limits.max_file_bytes {
                return Err(WriteError::TooLarge {
                    path: change.path.clone(),
                    size,
                    max: self.limits.max_file_bytes,
                });
            }
        }
        Ok(())
    }

    async fn write_now(&self, realm: &Mounted, set: WriteSet) -> Result<Written, WriteError> {
        let lost =
            |error: &WriteError| matches!(error, WriteError::Database(error) if is_lost(error));
        despite_the_collector(|| self.write_once(realm, &set), lost).await
    }

    async fn write_once(&self, realm: &Mounted, set: &WriteSet) -> Result<Written, WriteError> {
        let mut turn = self
            .queues
            .enter(&realm.url)
            .await
            .ok_or(WriteError::Busy(self.limits.queue))?;
        let _room = self.room().await?;
        let urls = [&realm.url];
        let begun = self.begin(Some(&mut turn), &urls);
        let mut transaction = observed("lock", begun).await?;
        let work = async {
            let target = transaction
                .write_target(&realm.url)
                .await?
                .filter(|target| is_same(target, realm));
            let done = match target {
                Some(target) if target.kind == RealmKind::Published => Err(WriteError::IsPublished),
                Some(target) if target.archived => Err(WriteError::Archived),
                Some(target) => {
                    let plugins = self.plugins.get().map(|plugins| plugins.current());
                    apply_set(&mut transaction, target, set, plugins.as_deref()).await
                }
                None => Err(WriteError::NoRealm),
            };
            let seen = seen_by(&mut transaction, realm, target, &done).await;
            Ok::<_, DatabaseError>((done, seen))
        };
        let (done, seen) = observed("write", work).await?;
        let done = match done {
            Ok(done) => done,
            Err(refusal) => {
                drop(transaction);
                // It was refused for what others have written: whoever is told so must not read older bytes here.
                // (After a statement that failed, the log may show what is being rolled back.)
                if let Ok(Some(seen)) = seen
                    && !mutant!("refused-on-what-is-not-applied")
                    && !matches!(refusal, WriteError::Database(_))
                {
                    self.apply_to(realm, &seen).await;
                }
                return Err(refusal);
            }
        };
        let seen = seen?.ok_or(WriteError::NoRealm)?;
        if mutant!("announced-before-the-commit") {
            self.announce(&realm.url, Some(&done.changed));
        }
        #[cfg(feature = "under-test")]
        crate::gates::pass("before-commit", about(set)).await;
        let committed = observed("commit", transaction.commit()).await;
        #[cfg(feature = "under-test")]
        crate::gates::pass("after-commit", about(set)).await;
        if let Err(error) = committed {
            // It may have taken effect, and then nobody else will say so.
            for tracker in self.followed(realm) {
                self.hub.doubt(&tracker);
            }
            self.announce(&realm.url, None);
            self.hub.want_jobs(Lane::Index, &[realm.id]);
            return Err(error.into());
        }
        self.committed(realm, &seen, &done).await;
        Ok(Written {
            generation: seen.generation,
            effects: done.effects,
        })
    }

    async fn committed(&self, realm: &Mounted, seen: &Changes, done: &Done) {
        let unchanged = done.changed.is_empty();
        if unchanged && mutant!("unchanged-on-what-is-not-applied") {
            return;
        }
        self.apply_to(realm, seen).await;
        if !unchanged && !mutant!("commit-not-announced") && !mutant!("announced-before-the-commit")
        {
            self.announce(&realm.url, Some(&done.changed));
            self.hub.want_jobs(Lane::Index, &[realm.id]);
        }
    }
}

/// Whether the realm is the one that the writer was let into: at its URL there may be somebody else's by now.
fn is_same(target: &WriteTarget, realm: &Mounted) -> bool {
    let same = target.id == realm.id && target.created_at == realm.created_at;
    same || mutant!("other-realm-written")
}

/// What a gate is told that a write is about.
#[cfg(feature = "under-test")]
fn about(set: &WriteSet) -> &str {
    let first = set.changes.first();
    first.map_or("", |change| change.path.as_str())
}

/// Under the lock: what others have committed since `applied`, and this commit's own rows after them. Nothing is asked
/// where nobody else has committed.
async fn seen_by(
    transaction: &mut Transaction,
    realm: &Mounted,
    target: Option<WriteTarget>,
    done: &Result<Done, WriteError>,
) -> Result<Option<Changes>, DatabaseError> {
    let applied = realm.tracker.applied();
    if let (Some(target), Ok(done)) = (target, done)
        && target.generation == applied
    {
        let row = |path: &LocalPath| ChangeRow {
            generation: applied + 1,
            path: Some(path.clone()),
        };
        let rows: Vec<_> = done.changed.iter().map(row).collect();
        return Ok(Some(Changes {
            generation: applied + i64::from(!rows.is_empty()),
            rows,
        }));
    }
    transaction.changes_since(realm.id, applied).await
}

struct Done {
    effects: Vec<Effect>,
    changed: Vec<LocalPath>,
}

async fn apply_set(
    transaction: &mut Transaction,
    target: WriteTarget,
    set: &WriteSet,
    plugins: Option<&Plugins>,
) -> Result<Done, WriteError> {
    let mut plans = Vec::with_capacity(set.changes.len());
    let mut refused = Vec::new();
    for change in &set.changes {
        let before = transaction.file(target, &change.path).await?;
        if let Err(refusal) = require(change, before.as_ref()) {
            refused.push(refusal);
        }
        plans.push((
            change,
            before,
            change.bytes.as_ref().map(|bytes| BlobHash::of(bytes)),
        ));
    }
    match refused.len() {
        0 => {}
        1 => return Err(refused.remove(0)),
        _ => return Err(WriteError::Several(refused)),
    }
    let mut blobs: Vec<_> = plans
        .iter()
        .filter_map(|(change, _, hash)| Some((hash.as_ref()?, change.bytes.as_ref()?)))
        .collect();
    blobs.sort_unstable_by_key(|(hash, _)| **hash);
    blobs.dedup_by_key(|(hash, _)| **hash);
    for (hash, bytes) in blobs {
        transaction.keep_blob(*hash, bytes).await?;
    }
    #[cfg(feature = "under-test")]
    crate::gates::pass("blobs-kept", about(set)).await;
    let mut done = Done {
        effects: Vec::with_capacity(plans.len()),
        changed: Vec::new(),
    };
    for (change, before, hash) in plans {
        let effect = match (hash, before) {
            (Some(hash), Some(before)) if before.blob == hash => Effect::Unchanged(hash),
            (Some(hash), before) => {
                transaction
                    .put_file(
                        target,
                        &change.path,
                        hash,
                        change.bytes.as_ref().map_or(0, Bytes::len),
                    )
                    .await?;
                if before.is_some() {
                    Effect::Replaced(hash)
                } else {
                    Effect::Created(hash)
                }
            }
            (None, _) => {
                transaction.remove_file(target, &change.path).await?;
                Effect::Removed
            }
        };
        if !matches!(effect, Effect::Unchanged(_)) {
            done.changed.push(change.path.clone());
            if change.path.as_str() == SETTINGS_FILE {
                remember_settings(transaction, target, change, hash, plugins).await?;
            }
        }
        done.effects.push(effect);
    }
    for (path, blob) in &set.agreed {
        transaction.agree(target.id, path, *blob).await?;
    }
    if !done.changed.is_empty() {
        transaction.log_change(target, Some(&done.changed)).await?;
    }
    Ok(done)
}

fn require(change: &Change, before: Option<&FileRow>) -> Result<(), WriteError> {
    let path = || change.path.clone();
    match (&change.condition, before) {
        (Condition::Blob(expected), before) if *expected != before.map(|file| file.blob) => {
            Err(WriteError::Precondition(path()))
        }
        (Condition::Blob(_), _) => Ok(()),
        // Taking away what is not there is a mistake whatever else was asked (RFC 9110, section 13.2.1).
        (_, None) if change.bytes.is_none() => Err(WriteError::NotFound(path())),
        (Condition::Exists, None) => Err(WriteError::NotFound(path())),
        (Condition::Absent, Some(_)) => Err(WriteError::Exists(path())),
        (Condition::Tagged(tags), before) => match before {
            Some(file)
                if tags
                    .iter()
                    .any(|tag| tag == "*" || *tag == file.blob.short()) =>
            {
                Ok(())
            }
            _ => Err(WriteError::Precondition(path())),
        },
        (Condition::Untagged(tags), Some(file)) if tags.contains(&file.blob.short()) => {
            Err(WriteError::Precondition(path()))
        }
        (Condition::Unmodified(second), Some(file)) if file.modified_at / 1000 > *second => {
            Err(WriteError::Precondition(path()))
        }
        _ => Ok(()),
    }
}

/// A `realm.json` that makes no sense, or gives a plugin options that it does not take, is kept as a file, and the last good one stays in force.
async fn remember_settings(
    transaction: &mut Transaction,
    target: WriteTarget,
    change: &Change,
    hash: Option<BlobHash>,
    plugins: Option<&Plugins>,
) -> Result<(), WriteError> {
    let parse = |bytes: &Bytes| {
        let settings = RealmSettings::parse(bytes)?;
        let judge = plugins.filter(|_| !mutant!("options-not-checked-when-written"));
        let misfit = judge.and_then(|plugins| plugins.misfit(&settings, bytes));
        misfit.map_or(Ok(settings), Err)
    };
    match change.bytes.as_ref().map(parse) {
        Some(Err(error)) => {
            warn!(realm = target.id.0, %error, "realm.json has a mistake; the last good settings stay in force");
            Ok(())
        }
        Some(Ok(_)) | None => Ok(transaction.set_settings(target.id, hash).await?),
    }
}
