//! Outcomes that were stored: found again where their reads would come out the same, and stored for the next time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::debug;

use super::derive::{Input, Run};
use super::stored::{self, Stored, StoredRead, StoredSet};
use super::{Asked, Interruption};
use crate::changes::BootTime;
use crate::database::{NewDerivation, bounded};
use crate::plugins::{Found, InFlight, Outcome, ReadEntry, ReadKind, Stage, Work};
use crate::realm::{BlobHash, LocalPath, RealmId};
use crate::registry::Mounted;

/// Outcomes that are written to the database at one time: the pool is there for reads and writes first.
pub(super) const STORING: usize = 4;

impl Run<'_> {
    /// One stage's outcome: from what is stored and still holds, else by a call.
    pub(super) async fn stage(
        &mut self,
        stage: &Stage,
        input: &Input,
    ) -> Result<Arc<Outcome>, Interruption> {
        let imports = &self.resolved.resolution.settings.imports;
        let key = stored::key(
            input.hash,
            self.file.path.as_str(),
            self.work,
            stage,
            imports,
        );
        self.keys.push(key);
        self.plugin = Some(stage.plugin.digest.clone());
        let known = self
            .reader
            .0
            .stored
            .get(self.realm.id, &key)
            .map(|set| (*set).clone());
        let known = known.unwrap_or_default();
        for stored in &known.0 {
            if self.holds(&stored.reads).await? {
                return Ok(Arc::clone(&stored.outcome));
            }
        }
        if let Some(stored) = self.load(key).await? {
            let outcome = Arc::clone(&stored.outcome);
            self.keep(key, &known, stored);
            return Ok(outcome);
        }
        self.call(stage, input, key, &known).await
    }

    fn keep(&self, key: BlobHash, known: &StoredSet, stored: Arc<Stored>) {
        // A document is rendered once, and read from the index from there on.
        if matches!(self.work, Work::Render | Work::Define) {
            return;
        }
        self.reader
            .0
            .stored
            .insert(self.realm.id, key, known.with(stored));
    }

    /// The newest one in the database that holds in this realm, now.
    async fn load(&mut self, key: BlobHash) -> Result<Option<Arc<Stored>>, Interruption> {
        let database = self.reader.0.database.clone();
        let limit = self.reader.0.limits.database_timeout;
        let rows = {
            // Given back before the reads are compared: modules among them may have to be made, with turns of their own.
            let _turn = self.reader.turn().await?;
            let rows = database.derivations(key, self.realm.id);
            bounded(limit, "derivations", rows).await?
        };
        for row in rows {
            let Ok(reads) = serde_json::from_str::<Vec<StoredRead>>(&row.reads) else {
                continue;
            };
            if !self.holds(&reads).await? {
                continue;
            }
            let parts = database.derivation_parts(row.id);
            let parts = bounded(limit, "derivation_parts", parts).await?;
            if let Some(outcome) = stored::read(&row.outcome, parts) {
                return Ok(Some(Arc::new(Stored {
                    reads,
                    outcome: Arc::new(outcome),
                })));
            }
        }
        Ok(None)
    }

    /// Whether reads would come out the same in this realm, now; if so they are this flight's reads too.
    async fn holds(&mut self, reads: &[StoredRead]) -> Result<bool, Interruption> {
        if mutant!("stored-reads-not-compared") {
            return Ok(true);
        }
        let Some(entries) = self.compare(reads).await? else {
            return Ok(false);
        };
        for entry in entries {
            self.take_read(entry);
        }
        Ok(true)
    }

    async fn compare(&self, reads: &[StoredRead]) -> Result<Option<Vec<ReadEntry>>, Interruption> {
        let mut entries = Vec::with_capacity(reads.len());
        let mut realms: Vec<Option<&String>> =
            reads.iter().map(|read| read.realm.as_ref()).collect();
        realms.sort_unstable();
        realms.dedup();
        for url in realms {
            let realm = match url {
                None => Arc::clone(self.realm),
                Some(url) => match self.reader.0.registry.find(url) {
                    Some((realm, "")) => {
                        if !mutant!("foreign-not-asked-when-compared") {
                            self.reader.ensure_fresh(&realm, Asked::now()).await?;
                        }
                        let public = self.reader.is_public(&realm).await?;
                        if !public && !mutant!("outputs-of-private-realms-reused") {
                            return Ok(None);
                        }
                        realm
                    }
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
            // A nearer realm may have come, or gone, since it was read.
            let lies_in = |path: &LocalPath| {
                let url = realm.url.join(path);
                let found = self.reader.0.registry.find(&url);
                found.is_some_and(|(nearest, _)| nearest.id == realm.id)
            };
            let foreign = url.is_some() && !mutant!("read-of-a-farther-realm-reused");
            if foreign && !paths.iter().all(lies_in) {
                return Ok(None);
            }
            let now = self.reader.resolve_all(&realm, &paths).await?;
            for (read, path) in of_realm.iter().zip(&paths) {
                if let Some(tag) = &read.made {
                    let Some(beneath) = self.compare_module(&realm, path, read, tag).await? else {
                        return Ok(None);
                    };
                    entries.extend(beneath);
                    continue;
                }
                let Some(resolved) = now.get(path) else {
                    return Ok(None);
                };
                let found = resolved.found();
                if !is_same(&found, read) {
                    return Ok(None);
                }
                entries.push(ReadEntry {
                    realm: realm.id,
                    path: path.clone(),
                    found: Some(found),
                    kind: ReadKind::File,
                });
            }
        }
        Ok(Some(entries))
    }

    /// Whether a module would be served as it was then, now; what it is made from if so.
    async fn compare_module(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        read: &StoredRead,
        tag: &str,
    ) -> Result<Option<Vec<ReadEntry>>, Interruption> {
        let asked = Asked {
            at: BootTime::now(),
            since: self.since,
        };
        let loaded = self
            .reader
            .load_module(realm, path, self.plugins, asked)
            .await?;
        if !is_same(&loaded.found, read) || *loaded.tag != *tag {
            return Ok(None);
        }
        let own = ReadEntry {
            realm: realm.id,
            path: path.clone(),
            found: Some(loaded.found),
            kind: ReadKind::Module(loaded.tag),
        };
        let beneath = loaded.beneath.iter().map(|read| ReadEntry {
            kind: ReadKind::Around,
            ..read.clone()
        });
        Ok(Some(std::iter::once(own).chain(beneath).collect()))
    }

    /// Stores an outcome under its key: it is true whatever happens to the realm meanwhile. Nobody waits for that who waits
    /// for a module; a document's next visit may come at once, and must find it.
    pub(super) async fn store(
        &self,
        stage: &Stage,
        input: &Input,
        key: BlobHash,
        set: &StoredSet,
        (call, known): (&InFlight, usize),
        outcome: &Arc<Outcome>,
    ) {
        let inner = &self.reader.0;
        let asking = self.realm.id;
        if call.untold.load(Ordering::SeqCst) && !mutant!("untellable-outcome-kept") {
            return;
        }
        let by_guest = &call.reads()[known..];
        let url = |id: RealmId| inner.registry.by_id(id).map(|realm| realm.url.to_string());
        let Some(reads) = stored::reads(asking, by_guest, url) else {
            return;
        };
        let foreign =
            reads.iter().any(|read| read.realm.is_some()) || call.bound.load(Ordering::SeqCst);
        let foreign = foreign && !mutant!("bound-outcome-shared");
        let stored = Arc::new(Stored {
            reads: reads.clone(),
            outcome: Arc::clone(outcome),
        });
        self.keep(key, set, stored);
        let (database, input, outcome) =
            (inner.database.clone(), input.clone(), Arc::clone(outcome));
        let (plugin, media_type) = (stage.plugin.digest.clone(), stage.rule.media_type.clone());
        let storing = Arc::clone(&inner.storing);
        let waiting = metrics::gauge!("realm_derivations_waiting");
        waiting.increment(1.0);
        let storing = inner.tasks.spawn(async move {
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
            waiting.decrement(1.0);
        });
        if matches!(self.work, Work::Render | Work::Define) {
            let _ = storing.await;
        }
    }
}

fn is_same(found: &Found, read: &StoredRead) -> bool {
    match (&found.file, &read.found) {
        (Some((path, blob)), Some(known)) => {
            path.as_str() == known.0 && blob.to_string() == known.1
        }
        (None, None) => true,
        _ => false,
    }
}
