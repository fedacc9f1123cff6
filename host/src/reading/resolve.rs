use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::SemaphorePermit;
use tracing::warn;

use super::{Origin, Prepared, ReadError, Reader};
use crate::cache::{Stamp, Weigh};
use crate::database::{DatabaseError, FileRow, bounded};
use crate::plugins::Found;
use crate::realm::{BlobHash, Generation, LocalPath, RealmId, RealmSettings, SETTINGS_FILE};
use crate::registry::Mounted;

/// Which file a path means, and the settings that were in force for that.
#[derive(Clone, Debug)]
pub struct Resolution {
    /// The file; none: there is none.
    pub file: Option<FileRow>,
    /// The realm's settings, and the hash of their file.
    pub settings: Arc<RealmSettings>,
    /// None: the defaults.
    pub settings_hash: Option<BlobHash>,
    /// The realm's generation in the statement that looked.
    pub read_at: Generation,
}

/// A resolution as the cache holds it: with the floors that keep it true.
#[derive(Clone, Debug)]
pub(crate) struct Resolved {
    pub(crate) resolution: Resolution,
    pub(crate) stamp: Stamp,
    pub(crate) prepared: Prepared,
}

impl Resolved {
    /// What it is as a read of a call.
    pub(crate) fn found(&self) -> Found {
        let resolution = &self.resolution;
        let file = resolution.file.as_ref();
        Found {
            read_at: resolution.read_at,
            file: file.map(|file| (file.path.clone(), file.blob)),
            stamp: self.stamp.clone(),
        }
    }
}

/// What prepared headers take, at most about.
const PREPARED: usize = 1024;

impl Weigh for Arc<Resolved> {
    fn weight(&self) -> usize {
        size_of::<Resolved>()
            + PREPARED
            + self.stamp.weight()
            + self
                .resolution
                .file
                .as_ref()
                .map_or(0, |file| file.path.as_str().len())
    }
}

/// A realm's settings, by the hash of their file.
#[derive(Clone, Debug)]
pub(crate) struct Settings(Arc<RealmSettings>);

impl Weigh for Settings {
    fn weight(&self) -> usize {
        1024
    }
}

/// A look that many share: one path, in one period between invalidations.
pub(crate) type ResolveKey = (RealmId, LocalPath, [[u64; 5]; 2]);

/// How often a look starts over because the settings changed between its two statements.
const TRIES: usize = 10;

impl Reader {
    /// Which file `path` means: the exact one, else with each of the realm's extensions in order.
    pub(crate) async fn resolve(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
    ) -> Result<(Arc<Resolved>, Origin), ReadError> {
        if let Some(known) = self.known(realm, path) {
            return Ok((known, Origin::Hit));
        }
        let (mark, settings) = (
            realm.floors.mark(path.as_str()),
            realm.floors.mark(SETTINGS_FILE),
        );
        let mut periods = [mark.period(), settings.period()];
        if mutant!("look-joined-in-any-period") {
            periods = Default::default();
        }
        let key = (realm.id, path.clone(), periods);
        let (own, realm, path) = (self.clone(), Arc::clone(realm), path.clone());
        let mut waiter = self.0.path_flights.join(key, |_| async move {
            let found = own.look(&realm, std::slice::from_ref(&path)).await;
            #[cfg(feature = "under-test")]
            crate::gates::pass("path-read", path.as_str()).await;
            let resolved = found?.and_then(|found| found.into_values().next());
            if let Some(resolved) = &resolved {
                own.keep(&realm, path, resolved);
            }
            Ok(resolved)
        });
        let resolved = waiter.result().await.ok_or(ReadError::Broken)?;
        Ok((resolved?.ok_or(ReadError::NoRealm)?, Origin::Miss))
    }

    /// The same for a request, which takes its turn among those that have to ask the database.
    pub(crate) async fn look_up(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
    ) -> Result<(Arc<Resolved>, Origin), ReadError> {
        if let Some(known) = self.known(realm, path) {
            return Ok((known, Origin::Hit));
        }
        let _turn = self.turn().await?;
        self.resolve(realm, path).await
    }

    /// A turn to ask the database for a request that may still be turned away.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, DatabaseError> {
        let turn = self.0.lookups.acquire();
        let busy = || DatabaseError::Unavailable("too many look-ups wait for it".to_owned());
        match tokio::time::timeout(self.0.limits.database_timeout, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(busy()),
        }
    }

    /// The same for many paths, for a request.
    pub(crate) async fn look_up_all(
        &self,
        realm: &Arc<Mounted>,
        paths: &[LocalPath],
    ) -> Result<(HashMap<LocalPath, Arc<Resolved>>, Origin), ReadError> {
        if paths.iter().all(|path| self.known(realm, path).is_some()) {
            return Ok((self.resolve_all(realm, paths).await?, Origin::Hit));
        }
        let _turn = self.turn().await?;
        Ok((self.resolve_all(realm, paths).await?, Origin::Miss))
    }

    /// The same for many paths, in as few statements as there can be, all of one generation unless cached.
    pub(crate) async fn resolve_all(
        &self,
        realm: &Arc<Mounted>,
        paths: &[LocalPath],
    ) -> Result<HashMap<LocalPath, Arc<Resolved>>, ReadError> {
        let mut all = HashMap::with_capacity(paths.len());
        let mut missing = Vec::new();
        for path in paths {
            match self.known(realm, path) {
                Some(known) => {
                    all.insert(path.clone(), known);
                }
                None => missing.push(path.clone()),
            }
        }
        if !missing.is_empty() {
            let found = self.look(realm, &missing).await?;
            for (path, resolved) in found.ok_or(ReadError::NoRealm)? {
                self.keep(realm, path.clone(), &resolved);
                all.insert(path, resolved);
            }
        }
        Ok(all)
    }

    fn known(&self, realm: &Mounted, path: &LocalPath) -> Option<Arc<Resolved>> {
        let known = self.0.paths.get(realm.id, path)?;
        let fits = known.stamp.is_of(&realm.floors) && known.stamp.is_current();
        fits.then(|| Arc::clone(&known))
    }

    fn keep(&self, realm: &Mounted, path: LocalPath, resolved: &Arc<Resolved>) {
        self.0.paths.insert(realm.id, path, Arc::clone(resolved));
    }

    /// None when the realm is gone.
    async fn look(
        &self,
        realm: &Mounted,
        paths: &[LocalPath],
    ) -> Result<Option<HashMap<LocalPath, Arc<Resolved>>>, DatabaseError> {
        // The extensions to try come from the settings, and the settings in force from the same statement as the files:
        // a first guess is put right when they differ.
        let mut settings_hash = None;
        let mut settings = Arc::new(RealmSettings::default());
        for _ in 0..TRIES {
            let marks: Vec<_> = paths
                .iter()
                .map(|path| realm.floors.mark(path.as_str()))
                .collect();
            let settings_mark = realm.floors.mark(SETTINGS_FILE);
            let candidates: Vec<Vec<String>> =
                paths.iter().map(|path| settings.names_of(path)).collect();
            let names: Vec<&str> = candidates.iter().flatten().map(String::as_str).collect();
            let look = self.0.database.look(realm.id, &names);
            let Some(looked) = bounded(self.0.limits.database_timeout, "look", look).await? else {
                return Ok(None);
            };
            if looked.settings != settings_hash {
                // Those that are gone have been replaced long since: another look says by what.
                if let Some(found) = self.settings(realm.id, looked.settings).await? {
                    (settings_hash, settings) = (looked.settings, found);
                }
                continue;
            }
            let files: HashMap<&str, &FileRow> = looked
                .files
                .iter()
                .map(|file| (file.path.as_str(), file))
                .collect();
            let resolved =
                paths
                    .iter()
                    .zip(marks)
                    .zip(&candidates)
                    .map(|((path, mark), candidates)| {
                        let file = candidates.iter().find_map(|candidate| {
                            files.get(candidate.as_str()).map(|file| (*file).clone())
                        });
                        let mut stamp = Stamp::of(mark, looked.generation);
                        if !mutant!("settings-not-in-the-stamp") {
                            stamp.add(&Stamp::of(settings_mark.clone(), looked.generation));
                        }
                        let resolution = Resolution {
                            file,
                            settings: Arc::clone(&settings),
                            settings_hash,
                            read_at: looked.generation,
                        };
                        let looked = Resolved {
                            resolution,
                            stamp,
                            prepared: Prepared::default(),
                        };
                        (path.clone(), Arc::new(looked))
                    });
            return Ok(Some(resolved.collect()));
        }
        Err(DatabaseError::Unavailable(format!(
            "realm.json of {} changes faster than it can be read",
            realm.url
        )))
    }

    async fn settings(
        &self,
        realm: RealmId,
        hash: Option<BlobHash>,
    ) -> Result<Option<Arc<RealmSettings>>, DatabaseError> {
        let Some(hash) = hash else {
            return Ok(Some(Arc::default()));
        };
        if let Some(known) = self.0.settings.get(realm, &hash) {
            return Ok(Some(Arc::clone(&known.0)));
        }
        let read = self.0.database.blob(hash);
        let limit = self.0.limits.database_timeout;
        let Some(bytes) = bounded(limit, "settings", read).await? else {
            return Ok(None);
        };
        // Only what could be read is ever put in force; an older host may have known less.
        let settings = RealmSettings::parse(&bytes).unwrap_or_else(|error| {
            warn!(realm = realm.0, %error, "the settings in force cannot be read: the defaults hold");
            RealmSettings::default()
        });
        let settings = Arc::new(settings);
        self.0
            .settings
            .insert(realm, hash, Settings(Arc::clone(&settings)));
        Ok(Some(settings))
    }
}
