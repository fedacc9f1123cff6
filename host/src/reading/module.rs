use std::sync::{Arc, LazyLock};

use futures_util::future::BoxFuture;

use super::derive::{Derived, Wanted};
use super::resolve::Resolved;
use super::stored::said;
use super::{Asked, Failure, Interruption, Made, Origin, Prepared, Read, ReadError, Reader};
use crate::cache::{ByteCache, Weigh};
use crate::changes::Freshness;
use crate::database::FileRow;
use crate::plugins::{Elsewhere, Found, Plugins, ReadEntry, Work};
use crate::realm::{BlobHash, Generation, LocalPath, RealmSettings};
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

/// A path, and what its file is made to where something takes it.
struct Looked {
    resolved: Arc<Resolved>,
    derived: Option<(FileRow, Derived)>,
    /// What had been applied when it was asked for.
    applied: Generation,
    /// How the path was looked up.
    origin: Origin,
}

/// A module for a prerenderer.
pub(super) struct Loaded {
    /// Its file; none: there is none.
    pub(super) file: Option<FileRow>,
    /// What its path meant, with the floors of all that it is made from.
    pub(super) found: Found,
    /// Names what it is made from.
    pub(super) tag: Arc<str>,
    /// What plugins made of it; none: none takes it.
    pub(super) made: Option<Arc<Made>>,
    /// What was read to make it …
    pub(super) beneath: Arc<[ReadEntry]>,
    /// … and what was to be, and was not to be had.
    pub(super) elsewhere: Arc<[Elsewhere]>,
}

/// How often a look and a cached output of different generations are looked at again.
const DISAGREEMENTS: usize = 20;

/// What a file's pipeline made, as the cache holds it.
#[derive(Clone, Debug)]
pub(crate) struct ModuleEntry {
    derived: Derived,
    input: BlobHash,
    settings: Option<BlobHash>,
    /// Names the plugins that there were.
    plugins: Arc<str>,
}

impl Weigh for ModuleEntry {
    fn weight(&self) -> usize {
        let made = match &*self.derived.made {
            Made::Output(output) => {
                let assets: usize = output.assets.iter().map(|asset| asset.contents.len()).sum();
                output.contents.len()
                    + output.source_map.as_ref().map_or(0, bytes::Bytes::len)
                    + assets
                    + output
                        .imports
                        .iter()
                        .map(|import| import.len() + 24)
                        .sum::<usize>()
                    + said(&output.diagnostics)
            }
            Made::Failed(Failure { diagnostics, .. }) => said(diagnostics),
            Made::AsIs => 0,
        };
        let reads = self.derived.reads.iter();
        let reads: usize = reads.map(|read| 160 + read.path.as_str().len()).sum();
        size_of::<Self>() + self.derived.stamp.weight() + reads + made + 256
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
        let Looked {
            resolved,
            derived,
            applied,
            origin,
        } = self
            .look_at(realm, path, Work::Transpile, None, asked)
            .await?;
        Ok(match derived {
            Some((file, derived)) => answer(file, &resolved, derived, applied, origin),
            None => as_is(&resolved, applied, origin),
        })
    }

    /// The module that a path means to a prerenderer, by the plugins that there were when that was wanted, and what it is
    /// made from.
    pub(super) fn load_module<'a>(
        &'a self,
        realm: &'a Arc<Mounted>,
        path: &'a LocalPath,
        plugins: &'a Arc<Plugins>,
        asked: Asked,
    ) -> BoxFuture<'a, Result<Loaded, ReadError>> {
        // Boxed: what was read for one derivation may be another.
        Box::pin(self.load_module_now(realm, path, plugins, asked))
    }

    async fn load_module_now(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        plugins: &Arc<Plugins>,
        asked: Asked,
    ) -> Result<Loaded, ReadError> {
        let work = Work::TranspileForPrerender;
        let looked = self
            .look_at(realm, path, work, Some(plugins), asked)
            .await?;
        let mut found = looked.resolved.found();
        let Some((file, derived)) = looked.derived else {
            let file = looked.resolved.resolution.file.clone();
            let tag = file
                .as_ref()
                .map_or_else(String::new, |file| file.blob.short());
            return Ok(Loaded {
                file,
                found,
                tag: tag.into(),
                made: None,
                beneath: Arc::default(),
                elsewhere: Arc::default(),
            });
        };
        found.stamp.add(&derived.stamp);
        found.read_at = found.read_at.max(derived.read_at);
        Ok(Loaded {
            file: Some(file),
            found,
            tag: derived.tag,
            made: Some(derived.made),
            beneath: derived.reads,
            elsewhere: derived.elsewhere,
        })
    }

    /// Looks at a path, and at what its file is made to: by these plugins, or by those of now.
    async fn look_at(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        work: Work,
        plugins: Option<&Arc<Plugins>>,
        asked: Asked,
    ) -> Result<Looked, ReadError> {
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
            let file = resolved.resolution.file.clone();
            let lacking = || plugins.is_some_and(|plugins| plugins.lack_one());
            let plugins = plugins.map_or_else(|| self.plugins(), Arc::clone);
            let Some(file) = file.filter(|file| plugins.takes(&file.path)) else {
                return Ok(Looked {
                    resolved,
                    derived: None,
                    applied,
                    origin: looked,
                });
            };
            let settings_hash = resolved.resolution.settings_hash;
            let known = self.known_module(realm, work, &file, settings_hash, &plugins, asked);
            if let Some(derived) = known {
                if self.agree(realm, &resolved, &derived, applied).await? {
                    return Ok(Looked {
                        resolved,
                        derived: Some((file, derived)),
                        applied,
                        origin: looked,
                    });
                }
                disagreements += 1;
                if disagreements > DISAGREEMENTS {
                    return Err(ReadError::Overtaken(disagreements));
                }
                continue;
            }
            let wanted = Wanted {
                realm: Arc::clone(realm),
                file: file.clone(),
                resolved: Arc::clone(&resolved),
                work,
                plugins,
                since: asked.since,
            };
            let own = self.clone();
            let mut waiter = self
                .0
                .module_flights
                .join(wanted.key(), |flight| own.derive(wanted, flight));
            if spared {
                waiter.spare();
            }
            match waiter.result().await.ok_or(ReadError::Broken)? {
                // What others started is good enough if it is no older than this request, or still true.
                Ok(derived) if derived.read_at >= applied || derived.stamp.is_current() => {
                    if self.agree(realm, &resolved, &derived, applied).await? {
                        return Ok(Looked {
                            resolved,
                            derived: Some((file, derived)),
                            applied,
                            origin: Origin::Derivation,
                        });
                    }
                    restarts += 1;
                }
                // With the same plugins it would come to the same: whoever has them starts anew.
                Err(Interruption::Change) if lacking() => return Err(ReadError::Removed),
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

    fn modules(&self, work: Work) -> &ByteCache<LocalPath, ModuleEntry> {
        match work {
            Work::TranspileForPrerender => &self.0.prerender_modules,
            _ => &self.0.modules,
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
        work: Work,
        file: &FileRow,
        settings: Option<BlobHash>,
        plugins: &Plugins,
        asked: Asked,
    ) -> Option<Derived> {
        let entry = self.modules(work).get(realm.id, &file.path)?;
        let derived = &entry.derived;
        let lease = self.0.limits.lease;
        let leased =
            |other: &Arc<Mounted>| other.tracker.freshness(asked.at, lease) == Freshness::Leased;
        let fits = entry.input == file.blob
            && entry.settings == settings
            && (entry.plugins == *plugins.name() || mutant!("output-of-other-plugins-kept"))
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

    pub(super) fn keep_module(&self, wanted: &Wanted, derived: &Derived) {
        let file = &wanted.file;
        let entry = ModuleEntry {
            derived: derived.clone(),
            input: file.blob,
            settings: wanted.resolved.resolution.settings_hash,
            plugins: Arc::clone(wanted.plugins.name()),
        };
        self.modules(wanted.work)
            .insert(wanted.realm.id, file.path.clone(), entry);
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
