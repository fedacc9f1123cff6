//! Which realms and which replicas there are, and which of the realms this replica has mounted: the longest URL that is a
//! prefix serves. Follows the database's registry, and keeps the floors of what is mounted. Decides nothing about a realm's
//! content.

mod asking;
mod replicas;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::cache::Floors;
use crate::changes::{BootTime, Hub, Invalidation, Subscriber, Tracker};
use crate::database::{Database, DatabaseError, RealmKind, RealmRow, bounded};
use crate::realm::{Generation, RealmId, RealmUrl};

pub use self::replicas::{Check, Checks, Replicas, as_json};

/// A realm that this replica serves.
#[derive(Debug)]
pub struct Mounted {
    /// Its number.
    pub id: RealmId,
    /// Its URL.
    pub url: RealmUrl,
    /// What it is made from.
    pub kind: RealmKind,
    /// When it was made: a realm that was deleted and made again is another one.
    pub created_at: i64,
    /// What it is published from.
    pub source: Option<RealmUrl>,
    /// What is known of its log.
    pub tracker: Arc<Tracker>,
    /// What invalidations have raised.
    pub floors: Arc<Floors>,
}

/// What a request's URL names.
#[derive(Clone, Debug)]
pub enum Found {
    /// A path of so many bytes in a realm.
    Realm(Arc<Mounted>, usize),
    /// A realm, without the `/` at its end.
    LacksSlash(Arc<Mounted>),
}

/// A realm that there is; mounted when somebody first asks for it.
#[derive(Debug)]
struct Known {
    row: RealmRow,
    seen: BootTime,
    mounted: OnceLock<Arc<Mounted>>,
}

impl Known {
    /// Whether its mount was found to be of a database that has gone back.
    fn is_over(&self) -> bool {
        let mounted = self.mounted.get();
        mounted.is_some_and(|mounted| mounted.tracker.gone.is_cancelled())
    }
}

#[derive(Debug, Default)]
struct Snapshot {
    generation: Generation,
    realms: HashMap<String, Arc<Known>>,
}

/// The realms of the cluster, as this replica knows them.
pub struct Registry {
    database: Database,
    hub: Arc<Hub>,
    snapshot: RwLock<Arc<Snapshot>>,
    floors: RwLock<HashMap<RealmId, Arc<Floors>>>,
    refreshing: tokio::sync::Mutex<()>,
    /// When the registry was last asked on behalf of somebody who found no realm, and what came of it.
    asked: tokio::sync::Mutex<Option<asking::Asked>>,
    wanted: Notify,
    /// When the last question was sent whose answer this replica's knowledge is.
    verified: AtomicU64,
    /// Longest wait for the database.
    timeout: Duration,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry")
            .field("realms", &self.snapshot.read().realms.len())
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Reads the registry, and follows it from here on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn open(
        database: Database,
        hub: Arc<Hub>,
        timeout: Duration,
    ) -> Result<Arc<Self>, DatabaseError> {
        let registry = Arc::new(Self {
            database,
            hub: Arc::clone(&hub),
            snapshot: RwLock::default(),
            floors: RwLock::default(),
            refreshing: tokio::sync::Mutex::default(),
            asked: tokio::sync::Mutex::default(),
            timeout,
            wanted: Notify::new(),
            verified: AtomicU64::default(),
        });
        hub.subscribe(Arc::clone(&registry) as Arc<dyn Subscriber>);
        registry.refresh().await?;
        tokio::spawn(follow(Arc::downgrade(&registry)));
        Ok(registry)
    }

    /// Reads the registry again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn refresh(&self) -> Result<(), DatabaseError> {
        let _refreshing = self.refreshing.lock().await;
        let seen = BootTime::now();
        // Whoever comes after waits for this one, and a connection may be lost without a word.
        let read = self.database.registry();
        let (generation, rows) = if mutant!("registry-read-without-a-bound") {
            read.await?
        } else {
            bounded(self.timeout, "registry", read).await?
        };
        let old = Arc::clone(&self.snapshot.read());
        let mut realms = HashMap::with_capacity(rows.len());
        for row in rows {
            let same = old
                .realms
                .get(row.url.as_str())
                .filter(|known| known.row.is_same(&row) || mutant!("other-realm-taken-for-the-old"))
                .filter(|known| !known.is_over());
            let known = match same {
                Some(known) => Arc::clone(known),
                None => Arc::new(Known {
                    row: row.clone(),
                    seen,
                    mounted: OnceLock::new(),
                }),
            };
            realms.insert(row.url.as_str().to_owned(), known);
        }
        let gone: Vec<_> = old
            .realms
            .iter()
            .filter(|(url, known)| realms.get(*url).is_none_or(|now| !Arc::ptr_eq(now, known)))
            .collect();
        {
            // Nothing is mounted from the old snapshot while the new one takes its place.
            let _mounting = self.floors.write();
            *self.snapshot.write() = Arc::new(Snapshot { generation, realms });
        }
        self.verify(seen);
        #[cfg(feature = "under-test")]
        if let Some((url, _)) = gone.first() {
            crate::gates::pass("unmount", url).await;
        }
        for (url, known) in gone {
            if let Some(mounted) = known.mounted.get() {
                info!(%url, "unmounted");
                self.hub.forget(&mounted.url, &mounted.tracker);
                let mut floors = self.floors.write();
                // The same realm may be mounted again under another URL by now.
                if floors
                    .get(&mounted.id)
                    .is_some_and(|floors| Arc::ptr_eq(floors, &mounted.floors))
                    || mutant!("floors-of-a-new-mount-dropped")
                {
                    floors.remove(&mounted.id);
                }
            }
        }
        Ok(())
    }

    /// Has the registry read again soon.
    pub fn want_refresh(&self) {
        self.wanted.notify_one();
    }

    /// The longest realm that this URL lies in, itself not counted.
    #[must_use]
    pub fn around(&self, url: &RealmUrl) -> Option<Arc<Mounted>> {
        self.find(url.as_str().strip_suffix('/')?)
            .map(|(realm, _)| realm)
    }

    /// The registry's generation, as this replica knows it.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.snapshot.read().generation
    }

    /// The realm whose URL is the longest prefix of `url`, and what follows it.
    #[must_use]
    pub fn find<'a>(&self, url: &'a str) -> Option<(Arc<Mounted>, &'a str)> {
        let snapshot = Arc::clone(&self.snapshot.read());
        longest(&snapshot, url).map(|(known, rest)| (self.mount(known), rest))
    }

    /// What a URL names; `url` has one `/` too many, so that a realm named without its own is found as well.
    #[must_use]
    pub fn locate(&self, url: &str) -> Option<Found> {
        let bare = &url[..url.len().checked_sub(1)?];
        let snapshot = Arc::clone(&self.snapshot.read());
        if !bare.ends_with('/')
            && let Some(known) = snapshot.realms.get(url)
        {
            return Some(Found::LacksSlash(self.mount(known)));
        }
        longest(&snapshot, bare).map(|(known, rest)| Found::Realm(self.mount(known), rest.len()))
    }

    /// The realm at exactly this URL.
    #[must_use]
    pub fn get(&self, url: &RealmUrl) -> Option<Arc<Mounted>> {
        let snapshot = Arc::clone(&self.snapshot.read());
        snapshot
            .realms
            .get(url.as_str())
            .map(|known| self.mount(known))
    }

    /// The mounted realm of a number.
    #[must_use]
    pub fn by_id(&self, id: RealmId) -> Option<Arc<Mounted>> {
        let snapshot = Arc::clone(&self.snapshot.read());
        snapshot
            .realms
            .values()
            .filter_map(|known| known.mounted.get())
            .find(|mounted| mounted.id == id)
            .cloned()
    }

    /// How many realms are mounted.
    #[must_use]
    pub fn mounted(&self) -> usize {
        self.floors.read().len()
    }

    /// Every realm, by URL.
    #[must_use]
    pub fn list(&self) -> Vec<RealmRow> {
        let mut rows: Vec<_> = self
            .snapshot
            .read()
            .realms
            .values()
            .map(|known| known.row.clone())
            .collect();
        rows.sort_by(|a, b| a.url.cmp(&b.url));
        rows
    }

    fn mount(&self, known: &Known) -> Arc<Mounted> {
        let mount = || {
            let row = &known.row;
            // Nothing of it is cached yet, so what the registry's row said is a truth to start from.
            let tracker = Arc::new(Tracker::new(row.id, row.generation, known.seen));
            let floors = Arc::new(Floors::default());
            let mut followed = self.floors.write();
            let current = self
                .snapshot
                .read()
                .realms
                .get(row.url.as_str())
                .is_some_and(|now| std::ptr::eq(&**now, known));
            // Whoever came with an old snapshot is answered, and nobody after them sees this mount.
            if current {
                followed.insert(row.id, Arc::clone(&floors));
                self.hub.track(&row.url, Arc::clone(&tracker));
            }
            drop(followed);
            Arc::new(Mounted {
                id: row.id,
                url: row.url.clone(),
                kind: row.kind,
                created_at: row.created_at,
                source: row.source.clone(),
                tracker,
                floors,
            })
        };
        Arc::clone(known.mounted.get_or_init(mount))
    }
}

/// The known realm whose URL is the longest prefix of `url`, and what follows it.
fn longest<'s, 'u>(snapshot: &'s Snapshot, url: &'u str) -> Option<(&'s Known, &'u str)> {
    let mut end = url.len();
    while let Some(slash) = url[..end].rfind('/') {
        if let Some(known) = snapshot.realms.get(&url[..=slash]) {
            return Some((known, &url[slash + 1..]));
        }
        end = slash;
    }
    None
}

impl Subscriber for Registry {
    fn invalidate(&self, invalidation: Invalidation<'_>) {
        let floors = self.floors.read().get(&invalidation.realm).cloned();
        if let Some(floors) = floors {
            floors.raise(invalidation.path, invalidation.generation);
        }
    }

    fn registry_changed(&self) {
        self.wanted.notify_one();
    }

    fn registry_seen(&self, generation: Generation, sent: BootTime) {
        if generation == self.generation() {
            self.verify(sent);
        } else {
            self.wanted.notify_one();
        }
    }
}

async fn follow(registry: Weak<Registry>) {
    loop {
        let Some(strong) = registry.upgrade() else {
            return;
        };
        let bounded =
            tokio::time::timeout(std::time::Duration::from_secs(5), strong.wanted.notified()).await;
        if bounded.is_ok()
            && let Err(error) = strong.refresh().await
        {
            warn!(%error, "could not read the registry; the lease will see to it");
        }
    }
}
