//! Look-ups that may have to ask a guest.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Definitions, Inner, ModuleDefinitions, document, known_as};
use crate::cache::Flight;
use crate::database::{DatabaseError, NewDefinition, NewRead, Seen, StoredDefinition};
use crate::reading::{Asked, Defined, ReadError};
use crate::realm::{Generation, LocalPath, RealmId, RealmUrl};
use crate::registry::Mounted;

/// What callers share: a module by a set of plugins, in one period between two invalidations or clears.
pub(super) type Key = (RealmId, LocalPath, Arc<str>, u64);

/// Why a look-up landed without an answer that its callers can use.
#[derive(Clone, Debug)]
pub(super) enum Interruption {
    /// Somebody has cleared the module's definitions: start anew, and the next one who says so is not obeyed.
    Cleared,
    /// What it stored would not have been true, or not been cleared: start anew, a restart is spent.
    Overtaken,
    /// There is no answer.
    Failed(ReadError),
}

impl From<ReadError> for Interruption {
    fn from(error: ReadError) -> Self {
        Self::Failed(error)
    }
}

/// A look-up that is under way.
#[derive(Debug)]
pub(super) struct Making {
    pub(super) realm: RealmUrl,
    pub(super) path: LocalPath,
    pub(super) flight: Arc<Flight>,
    /// Ends it, and with it the call that it waits for.
    pub(super) token: CancellationToken,
}

/// Takes a look-up off the list when it is over.
struct Listed<'a>(&'a Inner, u64);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.making.lock().remove(&self.1);
    }
}

impl Definitions {
    /// What the module at `path` of a realm defines, found or made; none: there is no such file.
    ///
    /// # Errors
    /// As of [`Definitions::definitions`].
    pub async fn of(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
    ) -> Result<Option<Arc<ModuleDefinitions>>, ReadError> {
        let (mut restarts, mut spared) = (0, false);
        loop {
            // Before anything is looked at: whoever comes after an invalidation shares nothing with those before it.
            let mut period = self.0.period.load(Ordering::SeqCst);
            if mutant!("definitions-joined-in-any-period") {
                period = 0;
            }
            self.0.reader.ensure_fresh(realm, asked).await?;
            let mut files = self
                .0
                .reader
                .files(realm, std::slice::from_ref(path))
                .await?;
            let Some(path) = files.remove(path).flatten() else {
                return Ok(None);
            };
            let (own, of, at) = (self.clone(), Arc::clone(realm), path.clone());
            let key = (realm.id, path, self.0.plugins(), period);
            let mut waiter = self.0.flights.join(key, |flight| async move {
                own.make(&of, &at, asked, flight).await
            });
            if spared {
                waiter.spare();
            }
            match waiter.result().await.ok_or(ReadError::Broken)? {
                Ok(found) => return Ok(found),
                Err(Interruption::Cleared) => spared = true,
                Err(Interruption::Overtaken) => restarts += 1,
                Err(Interruption::Failed(error)) => return Err(error),
            }
            if restarts > self.0.limits.restarts {
                return Err(ReadError::Overtaken(restarts));
            }
        }
    }

    async fn make(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
        flight: Arc<Flight>,
    ) -> Result<Option<Arc<ModuleDefinitions>>, Interruption> {
        let token = CancellationToken::new();
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let making = Making {
            realm: realm.url.clone(),
            path: path.clone(),
            flight: Arc::clone(&flight),
            token: token.clone(),
        };
        self.0.making.lock().insert(number, making);
        let _listed = Listed(&self.0, number);
        // Whoever stops waiting for a call that nobody else waits for ends it.
        tokio::select! {
            biased;
            () = token.cancelled() => Err(Interruption::Cleared),
            () = flight.abandoned.cancelled() => Err(ReadError::Stopping.into()),
            made = self.find_or_make(realm, path, asked) => made,
        }
    }

    async fn find_or_make(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
    ) -> Result<Option<Arc<ModuleDefinitions>>, Interruption> {
        let (cleared, mut found) = self.stored(realm, std::slice::from_ref(path)).await?;
        #[cfg(feature = "under-test")]
        crate::gates::pass("definitions-read", &realm.url.join(path)).await;
        if let Some(found) = found.remove(path) {
            count("stored");
            return Ok(Some(found));
        }
        let defined = self.0.reader.define(realm, path, asked).await?;
        if defined.file.is_none() {
            count("none");
            return Ok(None);
        }
        let made = Arc::new(ModuleDefinitions {
            url: realm.url.join(path),
            realm: realm.id,
            path: path.clone(),
            outcome: defined.outcome.clone(),
            tag: defined.tag.clone(),
        });
        match self.store(&made, &defined, cleared).await {
            Ok(StoredDefinition::Stored) => {}
            Ok(StoredDefinition::Overtaken(realms)) => {
                count("overtaken");
                self.catch_up(&realms).await?;
                return Err(Interruption::Overtaken);
            }
            Ok(StoredDefinition::Cleared) => {
                count("discarded");
                return Err(Interruption::Overtaken);
            }
            // It is true, though it is not kept: as any read is.
            Err(error) if error.is_passing() => {
                debug!(%error, module = made.url, "definitions were not stored; they will be made again");
            }
            Err(error) => warn!(%error, module = made.url, "definitions could not be stored"),
        }
        count(if defined.called { "made" } else { "found" });
        Ok(Some(made))
    }

    async fn store(
        &self,
        made: &ModuleDefinitions,
        defined: &Defined,
        cleared: Generation,
    ) -> Result<StoredDefinition, DatabaseError> {
        let mut seen = Vec::with_capacity(defined.reads.len());
        let mut reads = Vec::with_capacity(defined.reads.len());
        for read in &defined.reads {
            seen.extend(read.place.clone().map(|(realm, path)| Seen {
                realm,
                path: Some(path),
                read_at: read.read_at,
            }));
            reads.push(NewRead {
                url: read.url.clone(),
                place: read.place.clone(),
            });
        }
        reads.sort_unstable();
        reads.dedup();
        let document = document::write(&made.outcome);
        let new = NewDefinition {
            realm: made.realm,
            path: &made.path,
            plugins: &known_as(&defined.plugins),
            url: &made.url,
            tag: &made.tag,
            document: &document,
            failed: made.outcome.is_err(),
            seen: &seen,
            reads: &reads,
            registry: defined.registry,
            cleared,
        };
        let store = self.0.database.store_definition(&new);
        // Each of its statements has a bound of its own.
        crate::database::observed("store definitions", store).await
    }

    /// Has this replica apply what it did not know of: else it would come to the same again.
    async fn catch_up(&self, realms: &[RealmId]) -> Result<(), ReadError> {
        if realms.is_empty() {
            self.0.registry.catch_up().await?;
        }
        for realm in realms {
            if let Some(realm) = self.0.registry.by_id(*realm) {
                self.0.hub.catch_up(&realm.tracker).await?;
            }
        }
        Ok(())
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("realm_definitions_total", "outcome" => outcome).increment(1);
}
