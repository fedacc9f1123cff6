//! The definition cache: what prerenderers found modules to define, per module, in the database; never bytes of a module.
//!
//! A row is stored under the guard of its read set, and never believed for longer than that holds: whoever looks one up has
//! the statement that reads it compare the realms of its read set. Where all of them are at the generation at which it was
//! stored, that is all; where one has moved on, its change rows since are compared with what was read there. So no
//! definition depends on an invalidation that comes in time, or at all. Rows that have been overtaken go when they are
//! found, and, where a replica works, one statement after each commit takes those that had read what it changed: that one is
//! for the room that they take, and may be missed.
//!
//! A look-up that has to ask a guest is shared by all who come while nothing has been invalidated: a number counts
//! invalidations and clears, and is part of what is joined. That it counts those of other realms as well costs nothing but
//! a statement: calls are shared one level below, by what they have read.

mod clearing;
mod document;
mod dropping;
mod lookup;
mod making;
mod overtaken;
mod payload;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::cache::Flights;
use crate::changes::Hub;
use crate::database::{Database, DatabaseError};
use crate::plugins::Definition;
use crate::reading::{Asked, Failure, ReadError, Reader};
use crate::realm::{LocalPath, RealmId};
use crate::registry::{Mounted, Registry};

use self::dropping::Commit;
use self::making::{Interruption, Key, Making};

pub use self::payload::{Scope, payloads};

/// What a module defines.
#[derive(Clone, Debug)]
pub struct ModuleDefinitions {
    /// Where the module is, with the extension that may be left out.
    pub url: String,
    /// In which realm.
    pub realm: RealmId,
    /// At which path.
    pub path: LocalPath,
    /// What it defines, or what is wrong with it or with what it reads.
    pub outcome: Result<Arc<[Definition]>, Failure>,
    /// What names the state that it was made from.
    pub tag: String,
}

/// Bounds of definitions.
#[derive(Clone, Copy, Debug)]
pub struct DefinitionLimits {
    /// How long an error is remembered.
    pub error_ttl: Duration,
    /// How often one look-up starts anew.
    pub restarts: usize,
    /// Longest wait for one statement.
    pub database_timeout: Duration,
}

/// What the cache is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where everything is stored.
    pub database: Database,
    /// Whom to ask for what has changed.
    pub hub: Arc<Hub>,
    /// Which realms there are.
    pub registry: Arc<Registry>,
    /// Asks guests.
    pub reader: Reader,
    /// Bounds.
    pub limits: DefinitionLimits,
    /// Whether this replica takes rows away that have been overtaken.
    pub works: bool,
}

/// The definition cache. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Definitions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    hub: Arc<Hub>,
    registry: Arc<Registry>,
    reader: Reader,
    limits: DefinitionLimits,
    /// Counts what may make a look-up that is under way older than whoever comes now may take.
    period: AtomicU64,
    flights: Flights<Key, Result<Option<Arc<ModuleDefinitions>>, Interruption>>,
    making: Mutex<HashMap<u64, Making>>,
    next: AtomicU64,
    /// Commits whose dependents' rows are to go.
    commits: Option<mpsc::Sender<Commit>>,
}

impl Definitions {
    /// A cache that hears of changes from here on.
    #[must_use]
    pub fn start(parts: Parts) -> Self {
        let (commits, heard) = mpsc::channel(dropping::MOST_WAITING);
        let own = Self(Arc::new(Inner {
            database: parts.database,
            hub: Arc::clone(&parts.hub),
            registry: parts.registry,
            reader: parts.reader,
            limits: parts.limits,
            period: AtomicU64::default(),
            flights: Flights::new(Handle::current()),
            making: Mutex::default(),
            next: AtomicU64::default(),
            commits: parts.works.then_some(commits),
        }));
        parts.hub.subscribe(Arc::clone(&own.0) as _);
        if parts.works {
            tokio::spawn(dropping::keep(Arc::downgrade(&own.0), heard));
        }
        own
    }

    /// What is stored of the module at `url`, which may lack its extension, and true now; never a guest call. Who may know
    /// it is for the caller to say.
    ///
    /// # Errors
    /// When the realm is gone or the database is away.
    pub async fn cached_definitions(
        &self,
        url: &str,
    ) -> Result<Option<Arc<ModuleDefinitions>>, ReadError> {
        let mut found = self.cached_definitions_batch(&[url]).await?;
        Ok(found.remove(url))
    }

    /// The same for many, by the URLs as they were asked for: two statements or so for each realm. What is not stored, not
    /// true any more, or in no realm, is not there.
    ///
    /// # Errors
    /// When a realm is gone or the database is away.
    pub async fn cached_definitions_batch<'u>(
        &self,
        urls: &[&'u str],
    ) -> Result<HashMap<&'u str, Arc<ModuleDefinitions>>, ReadError> {
        let mut realms: HashMap<RealmId, OfRealm<'_>> = HashMap::new();
        let asked = Asked::now();
        for url in urls {
            if let Some((realm, path)) = self.locate(url, asked).await {
                let (_, of_realm) = realms.entry(realm.id).or_insert((realm, Vec::new()));
                of_realm.push((*url, path));
            }
        }
        let mut all = HashMap::new();
        for (realm, asked_for) in realms.into_values() {
            self.0.reader.ensure_fresh(&realm, asked).await?;
            let paths: Vec<_> = asked_for.iter().map(|(_, path)| path.clone()).collect();
            let files = self.0.reader.files(&realm, &paths).await?;
            let wanted: Vec<_> = files.values().flatten().cloned().collect();
            let (_, found) = self.stored(&realm, &wanted).await?;
            for (url, path) in asked_for {
                let file = files.get(&path).and_then(Option::as_ref);
                if let Some(found) = file.and_then(|file| found.get(file)) {
                    all.insert(url, Arc::clone(found));
                }
            }
        }
        Ok(all)
    }

    /// What the module at `url` defines, found or made; none: there is no such file. Who may know it is for the caller to say.
    ///
    /// # Errors
    /// Passing trouble, as of [`Reader::define`]; what is wrong with a module is an outcome.
    pub async fn definitions(
        &self,
        url: &str,
        asked: Asked,
    ) -> Result<Option<Arc<ModuleDefinitions>>, ReadError> {
        match self.locate(url, asked).await {
            Some((realm, path)) => self.of(&realm, &path, asked).await,
            None => Ok(None),
        }
    }

    /// Where a URL leads.
    async fn locate(&self, url: &str, asked: Asked) -> Option<(Arc<Mounted>, LocalPath)> {
        let url = url::Url::parse(url).ok()?;
        let url = &url[..url::Position::AfterPath];
        let (realm, _) = self.0.registry.find(url)?;
        self.0.reader.ensure_known(&realm, asked).await;
        let (realm, rest) = self.0.registry.find(url)?;
        Some((realm, LocalPath::decode(rest).ok()?))
    }

    /// How many look-ups are under way that may have to ask a guest.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.making.lock().len()
    }

    /// Takes away what hosts with other plugins made long ago: while both run, neither wipes what the other has made.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn retire(&self) -> Result<u64, DatabaseError> {
        let database = &self.0.database;
        database
            .retire_definitions(&self.0.plugins(), RETIRED)
            .await
    }
}

/// The modules of a realm that are asked for, by URL and path.
type OfRealm<'u> = (Arc<Mounted>, Vec<(&'u str, LocalPath)>);

/// How long what a host with other plugins has made is kept.
const RETIRED: Duration = Duration::from_hours(24);

impl Inner {
    /// Names the plugins in force: transpilers as well, for modules are loaded through them.
    fn plugins(&self) -> Arc<str> {
        known_as(self.reader.plugins().name())
    }
}

/// By which plugins' name rows are found.
fn known_as(plugins: &Arc<str>) -> Arc<str> {
    if mutant!("definitions-of-other-plugins-believed") {
        return Arc::default();
    }
    Arc::clone(plugins)
}
