//! Outcomes that were stored: found again where their reads would come out the same, and stored for the next time.

use std::sync::Arc;

use tracing::debug;

use super::Interruption;
use super::derive::{Input, KNOWN, Run};
use super::stored::{self, Stored, StoredRead, StoredSet};
use crate::cache::Stamp;
use crate::database::NewDerivation;
use crate::plugins::{InFlight, Outcome, Stage};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId};

/// Outcomes that are written to the database at one time: the pool is there for reads and writes first.
pub(super) const STORING: usize = 4;

impl Run<'_> {
    /// One stage's outcome: from what is stored and still holds, else by a call.
    pub(super) async fn stage(
        &mut self,
        stage: &Stage,
        input: &Input,
    ) -> Result<Arc<Outcome>, Interruption> {
        let key = stored::key(input.hash, self.file.path.as_str(), "browser", stage);
        if let Some(set) = self.reader.0.stored.get(self.realm.id, &key)
            && let Some(outcome) = self.first_that_holds(&set).await?
        {
            return Ok(outcome);
        }
        let set = self.load(key).await?;
        if let Some(outcome) = self.first_that_holds(&set).await? {
            self.reader
                .0
                .stored
                .insert(self.realm.id, key, set, |_| true);
            return Ok(outcome);
        }
        self.call(stage, input, key, &set).await
    }

    async fn load(&self, key: BlobHash) -> Result<StoredSet, Interruption> {
        let database = &self.reader.0.database;
        let mut set = StoredSet::default();
        for row in database
            .derivations(key, self.realm.id)
            .await?
            .into_iter()
            .rev()
        {
            let parts = database.derivation_parts(row.id).await?;
            let (reads, outcome) = (
                serde_json::from_str(&row.reads).ok(),
                stored::read(&row.outcome, parts),
            );
            if let (Some(reads), Some(outcome)) = (reads, outcome) {
                set = set.with(Arc::new(Stored {
                    reads,
                    outcome: Arc::new(outcome),
                }));
            }
        }
        Ok(set)
    }

    /// The first whose reads would come out the same in this realm, now.
    async fn first_that_holds(
        &mut self,
        set: &StoredSet,
    ) -> Result<Option<Arc<Outcome>>, Interruption> {
        for stored in &set.0 {
            if let Some((stamp, read_at)) = self.compare(&stored.reads).await? {
                self.stamp.add(&stamp);
                self.read_at.extend(read_at);
                return Ok(Some(Arc::clone(&stored.outcome)));
            }
        }
        Ok(None)
    }

    async fn compare(
        &self,
        reads: &[StoredRead],
    ) -> Result<Option<(Stamp, Vec<Generation>)>, Interruption> {
        let (mut stamp, mut read_at) = (Stamp::default(), Vec::new());
        let mut realms: Vec<Option<&String>> =
            reads.iter().map(|read| read.realm.as_ref()).collect();
        realms.sort_unstable();
        realms.dedup();
        for url in realms {
            let realm = match url {
                None => Arc::clone(self.realm),
                Some(url) => match self.reader.0.registry.find(url) {
                    Some((realm, "")) if realm.public => realm,
                    _ => return Ok(None),
                },
            };
            let of_realm: Vec<_> = reads
                .iter()
                .filter(|read| read.realm.as_ref() == url)
                .collect();
            let paths: Option<Vec<_>> = of_realm
                .iter()
                .map(|read| LocalPath::new(&read.path).ok())
                .collect();
            let Some(paths) = paths else { return Ok(None) };
            let now = self.reader.resolve_all(&realm, &paths).await?;
            for (read, path) in of_realm.iter().zip(&paths) {
                let Some(resolved) = now.get(path) else {
                    return Ok(None);
                };
                let file = resolved
                    .resolution
                    .file
                    .as_ref()
                    .map(|file| (file.path.to_string(), file.blob.to_string()));
                if file != read.found {
                    return Ok(None);
                }
                stamp.add(&resolved.stamp);
                if url.is_none() {
                    read_at.push(resolved.resolution.read_at);
                }
            }
        }
        Ok(Some((stamp, read_at)))
    }

    /// Stores an outcome under its key, beside the answer: it is true whatever happens to the realm meanwhile.
    pub(super) fn store(
        &self,
        stage: &Stage,
        input: &Input,
        key: BlobHash,
        set: &StoredSet,
        call: &InFlight,
        outcome: &Arc<Outcome>,
    ) {
        let inner = &self.reader.0;
        let asking = self.realm.id;
        let by_guest = &call.reads()[KNOWN..];
        let url = |id: RealmId| {
            inner
                .registry
                .list()
                .into_iter()
                .find(|row| row.id == id)
                .map(|row| row.url.to_string())
        };
        let Some(reads) = stored::reads(asking, by_guest, url) else {
            return;
        };
        let stored = Arc::new(Stored {
            reads: reads.clone(),
            outcome: Arc::clone(outcome),
        });
        inner.stored.insert(asking, key, set.with(stored), |_| true);
        let (database, input, outcome) =
            (inner.database.clone(), input.clone(), Arc::clone(outcome));
        let (plugin, media_type) = (stage.plugin.digest.clone(), stage.rule.media_type.clone());
        let foreign = reads.iter().any(|read| read.realm.is_some());
        let storing = Arc::clone(&inner.storing);
        inner.tasks.spawn(async move {
            let _turn = storing.acquire().await;
            let reads = serde_json::to_string(&reads).expect("plain data");
            let (summary, parts) = stored::write(&outcome, &media_type);
            let new = NewDerivation {
                key,
                reads_hash: BlobHash::of(reads.as_bytes()),
                input: input.hash,
                input_bytes: input.bytes.as_deref(),
                plugin: &plugin,
                realm: foreign.then_some(asking),
                reads: &reads,
                outcome: &summary,
                parts: &parts,
            };
            if let Err(error) = database.store_derivation(&new).await {
                debug!(%error, "an outcome was not stored; it will be made again");
            }
        });
    }
}
