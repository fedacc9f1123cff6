use std::sync::{Arc, LazyLock};

use super::derive::{DeriveKey, Derived};
use super::resolve::Resolved;
use super::stored::said;
use super::{Asked, Failure, Interruption, Made, Origin, Prepared, Read, ReadError, Reader};
use crate::cache::Weigh;
use crate::changes::Freshness;
use crate::database::FileRow;
use crate::realm::{BlobHash, Generation, LocalPath, RealmSettings, SETTINGS_FILE};
use crate::registry::Mounted;

/// What a path is served as.
#[derive(Clone, Debug)]
pub struct Module {
    /// The file that the path means; none: there is none.
    pub file: Option<FileRow>,
    /// What its pipeline made of it; [`Made::AsIs`] where nothing takes it.
    pub made: Arc<Made>,
    /// The realm's settings.
    pub settings: Arc<RealmSettings>,
    /// Headers for the file as it is stored.
    pub prepared: Prepared,
}

/// How often a look and a cached output of different generations are looked at again.
const DISAGREEMENTS: usize = 20;

/// What a file's pipeline made, as the cache holds it.
#[derive(Clone, Debug)]
pub(crate) struct ModuleEntry {
    derived: Derived,
    input: BlobHash,
    settings: Option<BlobHash>,
}

impl Weigh for ModuleEntry {
    fn weight(&self) -> usize {
        let made = match &*self.derived.made {
            Made::Output(output) => {
                let assets: usize = output.assets.iter().map(|asset| asset.contents.len()).sum();
                output.contents.len()
                    + output.source_map.as_ref().map_or(0, bytes::Bytes::len)
                    + assets
                    + said(&output.diagnostics)
            }
            Made::Failed(Failure { diagnostics, .. }) => said(diagnostics),
            Made::AsIs => 0,
        };
        size_of::<Self>() + self.derived.stamp.weight() + made + 256
    }
}

impl Reader {
    /// The file that a path means, as it is stored.
    ///
    /// # Errors
    /// When the realm is gone, or the database is away and was needed.
    pub async fn source(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
    ) -> Result<Read<Module>, ReadError> {
        let applied = realm.tracker.applied();
        let (resolved, origin) = self.look_up(realm, path).await?;
        Ok(as_is(&resolved, applied, origin))
    }

    /// The file that a path means, and what its pipeline makes of it.
    ///
    /// # Errors
    /// When the realm is gone, the database is away and was needed, a plugin failed, or what was read changed faster than
    /// it could be made.
    pub async fn module(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
    ) -> Result<Read<Module>, ReadError> {
        // Sampled before anything is looked up: what is answered is no older than this.
        let applied = realm.tracker.applied();
        let (mut restarts, mut disagreements, mut spared) = (0, 0, false);
        loop {
            let (resolved, looked) = self.look_up(realm, path).await?;
            let applied = if mutant!("generation-sampled-late") {
                realm.tracker.applied()
            } else {
                applied
            };
            let Some(file) = resolved.resolution.file.clone() else {
                return Ok(as_is(&resolved, applied, looked));
            };
            if !self.0.plugins.takes(&file.path) {
                return Ok(as_is(&resolved, applied, looked));
            }
            let settings_hash = resolved.resolution.settings_hash;
            if let Some(derived) = self.known_module(realm, &file, settings_hash, asked) {
                if self.agree(realm, &resolved, &derived, applied).await? {
                    return Ok(answer(file, &resolved, derived, applied, looked));
                }
                disagreements += 1;
                if disagreements > DISAGREEMENTS {
                    return Err(ReadError::Overtaken(disagreements));
                }
                continue;
            }
            let marks = [
                realm.floors.mark(file.path.as_str()),
                realm.floors.mark(SETTINGS_FILE),
            ];
            let key = DeriveKey {
                realm: realm.id,
                path: file.path.clone(),
                input: file.blob,
                settings: settings_hash,
                periods: if mutant!("module-joined-in-any-period") {
                    Default::default()
                } else {
                    [marks[0].period(), marks[1].period()]
                },
            };
            let (own, wanted, by, found) = (
                self.clone(),
                Arc::clone(realm),
                Arc::clone(&resolved),
                file.clone(),
            );
            let mut waiter = self.0.module_flights.join(key, |flight| {
                own.derive(wanted, found, by, flight, asked.since)
            });
            if spared {
                waiter.spare();
            }
            match waiter.result().await.ok_or(ReadError::Broken)? {
                // What others started is good enough if it is no older than this request, or still true.
                Ok(derived) if derived.read_at >= applied || derived.stamp.is_current() => {
                    if self.agree(realm, &resolved, &derived, applied).await? {
                        return Ok(answer(
                            file,
                            &resolved,
                            derived,
                            applied,
                            Origin::Derivation,
                        ));
                    }
                    restarts += 1;
                }
                Ok(_) | Err(Interruption::Change) => restarts += 1,
                Err(Interruption::Notice) if mutant!("payload-spends-a-restart") => restarts += 1,
                Err(Interruption::Notice) => spared = !mutant!("payload-cancels-again"),
                Err(Interruption::Failed(error)) => return Err(error),
            }
            if restarts > self.0.limits.restarts {
                return Err(ReadError::Overtaken(restarts));
            }
        }
    }

    /// Whether a look at a path and what was made of its file were so at one generation, the later of the two.
    async fn agree(
        &self,
        realm: &Mounted,
        resolved: &Resolved,
        derived: &Derived,
        applied: Generation,
    ) -> Result<bool, ReadError> {
        let looked_at = resolved.resolution.read_at;
        let newest = looked_at.max(derived.read_at);
        if looked_at == derived.read_at || newest <= applied || mutant!("looks-not-compared") {
            return Ok(true);
        }
        // One of them saw further than what had been applied when the request came.
        if realm.tracker.applied() < newest {
            self.0.hub.catch_up(&realm.tracker).await?;
        }
        Ok(!resolved.stamp.is_overtaken() && !derived.stamp.is_overtaken())
    }

    fn known_module(
        &self,
        realm: &Mounted,
        file: &FileRow,
        settings: Option<BlobHash>,
        asked: Asked,
    ) -> Option<Derived> {
        let entry = self.0.modules.get(realm.id, &file.path)?;
        let derived = &entry.derived;
        let lease = self.0.limits.lease;
        let leased =
            |other: &Arc<Mounted>| other.tracker.freshness(asked.at, lease) == Freshness::Leased;
        let fits = entry.input == file.blob
            && entry.settings == settings
            && derived.stamp.is_of(&realm.floors)
            && derived.stamp.is_current()
            && (mutant!("foreign-lease-not-judged") || derived.foreign.iter().all(leased))
            && (derived.foreign.is_empty()
                || derived.registry == self.0.registry.generation()
                || mutant!("nearer-realm-not-noticed"));
        fits.then(|| Derived {
            origin: Origin::Hit,
            ..derived.clone()
        })
    }

    pub(crate) fn keep_module(
        &self,
        realm: &Mounted,
        file: &FileRow,
        settings: Option<BlobHash>,
        derived: &Derived,
    ) {
        let entry = ModuleEntry {
            derived: derived.clone(),
            input: file.blob,
            settings,
        };
        self.0.modules.insert(realm.id, file.path.clone(), entry);
    }
}

/// One for all: nothing is told apart by it.
fn as_it_is() -> Arc<Made> {
    static AS_IS: LazyLock<Arc<Made>> = LazyLock::new(|| Arc::new(Made::AsIs));
    Arc::clone(&AS_IS)
}

fn as_is(resolved: &Resolved, applied: Generation, looked: Origin) -> Read<Module> {
    let origin = if looked == Origin::Miss && !resolved.stamp.is_current() {
        Origin::Unstored
    } else {
        looked
    };
    let resolution = &resolved.resolution;
    let module = Module {
        file: resolution.file.clone(),
        made: as_it_is(),
        settings: Arc::clone(&resolution.settings),
        prepared: Arc::clone(&resolved.prepared),
    };
    Read {
        value: module,
        generation: resolution.read_at.max(applied),
        origin,
    }
}

fn answer(
    file: FileRow,
    resolved: &Resolved,
    derived: Derived,
    applied: Generation,
    looked: Origin,
) -> Read<Module> {
    let origin = match (looked, derived.origin) {
        (Origin::Hit, Origin::Hit) => Origin::Hit,
        _ if !derived.stamp.is_current() => Origin::Unstored,
        (_, Origin::Miss) => Origin::Miss,
        _ => Origin::Derivation,
    };
    let module = Module {
        file: Some(file),
        made: derived.made,
        settings: Arc::clone(&resolved.resolution.settings),
        prepared: Arc::clone(&resolved.prepared),
    };
    Read {
        value: module,
        generation: derived
            .read_at
            .max(resolved.resolution.read_at)
            .max(applied),
        origin,
    }
}
