//! What a read goes through: which file a path means, its bytes, what plugins make of it. The one room in which caches,
//! database and plugins meet; it holds the rules that keep them from ever disagreeing for longer than they may.
//!
//! A read is judged against the moment at which its request came: whatever it answers was what the realm had at the
//! generation that the answer names, and that generation is no older than what this replica had applied by then.

mod access;
mod beside;
mod blobs;
mod calling;
mod derivations;
mod derive;
mod fresh;
mod guest_files;
mod module;
mod options;
mod pages;
mod rendering;
mod resolve;
mod search;
mod stages;
mod stored;
mod trail;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use hyper::HeaderMap;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

use crate::cache::{ByteCache, Flights};
use crate::changes::{BootTime, Hub};
use crate::database::{Database, DatabaseError, bounded};
use crate::plugins::{
    CallError, Calls, CircuitOpen, LivePlugins, PluginEngine, Plugins, QueueFull,
};
use crate::realm::{BlobHash, Generation, LocalPath, RealmUrl};
use crate::registry::{Mounted, Registry};

use self::access::{AccessKey, Held};
use self::blobs::Blob;
use self::derive::{DeriveKey, Derived};
use self::module::ModuleEntry;
use self::pages::{Bulletins, HeldPage, LookedPage, PageKey};
use self::resolve::{ResolveKey, Resolved};
use self::stored::StoredSet;

pub(crate) use self::calling::broken;
pub(crate) use self::guest_files::{known_without_looking, module_type};
pub(crate) use self::trail::Trail;

pub use self::access::{Access, NOBODY};
pub use self::beside::{Piece, Reply};
pub use self::derive::{Artifact, Failure, Made};
pub use self::fresh::Served;
pub use self::module::Module;
pub use self::pages::{Documents, FORMATS, Page};
pub use self::rendering::{Defined, DocumentOutcome, Examined, ReadOf, Rendered};
pub use self::resolve::Resolution;

/// Bounds of a read.
#[derive(Clone, Debug)]
pub struct ReadLimits {
    /// The freshness lease.
    pub lease: Duration,
    /// How long after it stale bytes are served.
    pub stale_limit: Duration,
    /// Bytes that all caches hold together.
    pub cache_bytes: usize,
    /// Largest file that a guest is handed.
    pub max_file_bytes: usize,
    /// How often one request starts anew.
    pub restarts: usize,
    /// Segments and lines of a source map.
    pub map_segments: usize,
    /// Stages of a pipeline.
    pub stages: usize,
    /// Longest wait for a named generation.
    pub generation_wait: Duration,
    /// Longest wait for one statement.
    pub database_timeout: Duration,
    /// Look-ups of requests at one time.
    pub lookups: usize,
    /// Whether everyone may do everything: nobody is asked who they are.
    pub open: bool,
}

/// Headers that whoever answers with a cached value has made for it: they last as long as the value.
pub type Prepared = Arc<OnceLock<HeaderMap>>;

/// Answers reads. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    hub: Arc<Hub>,
    registry: Arc<Registry>,
    engine: Arc<PluginEngine>,
    plugins: Arc<LivePlugins>,
    calls: Arc<Calls>,
    limits: ReadLimits,
    access: ByteCache<Arc<str>, Arc<Held>>,
    access_flights: Flights<AccessKey, Result<Option<Arc<Held>>, DatabaseError>>,
    pages: ByteCache<LocalPath, Arc<HeldPage>>,
    page_flights: Flights<PageKey, LookedPage>,
    bulletins: Bulletins,
    paths: ByteCache<LocalPath, Arc<Resolved>>,
    path_flights: Flights<ResolveKey, Result<Option<Arc<Resolved>>, DatabaseError>>,
    blobs: ByteCache<BlobHash, Blob>,
    blob_flights: Flights<BlobHash, Result<Option<Blob>, DatabaseError>>,
    settings: ByteCache<BlobHash, resolve::Settings>,
    stored: ByteCache<BlobHash, StoredSet>,
    modules: ByteCache<LocalPath, ModuleEntry>,
    prerender_modules: ByteCache<LocalPath, ModuleEntry>,
    module_flights: Flights<DeriveKey, Result<Derived, Interruption>>,
    document_flights: Flights<DeriveKey, Result<Derived<DocumentOutcome>, Interruption>>,
    tasks: TaskTracker,
    storing: Arc<Semaphore>,
    /// A turn for each look-up of a request that may still be turned away. Connections are left for calls that have been
    /// admitted, and for writers: they must not wait behind those for whom there is no room.
    lookups: Semaphore,
}

/// Who reads, and since when.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When the request came, for the lease.
    pub at: BootTime,
    /// When it came, for its place in queues.
    pub since: Instant,
}

impl Asked {
    /// Just now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            at: BootTime::now(),
            since: Instant::now(),
        }
    }
}

/// How a read was answered, for `Cache-Status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nothing was asked of the database.
    Hit,
    /// The path was looked up, and an output reused.
    Derivation,
    /// It was loaded or made.
    Miss,
    /// It was loaded or made, and something that it was made from is invalidated already, so it is not kept.
    Unstored,
}

/// A read's answer.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What the realm had …
    pub value: T,
    /// … at this generation.
    pub generation: Generation,
    /// How it came about.
    pub origin: Origin,
}

impl<T> Read<T> {
    /// The same answer with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Read<U> {
        Read {
            value: change(self.value),
            generation: self.generation,
            origin: self.origin,
        }
    }
}

/// Why a read has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The realm is gone.
    #[error("there is no such realm any more")]
    NoRealm,
    /// The database is away, and what is cached is too old or not there.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The cached bytes are older than they may be, and the database is away.
    #[error(
        "the database is away, and what this host has cached was last known to be true {0:?} ago"
    )]
    TooStale(Duration),
    /// What was read changed again and again.
    #[error("what it depends on changed {0} times while it was being made")]
    Overtaken(usize),
    /// The realm has not come to the generation that the request names.
    #[error("this host has not seen generation {wanted} yet; it is at {applied}")]
    NotYet {
        /// The one that the request names.
        wanted: Generation,
        /// What has been applied.
        applied: Generation,
    },
    /// The index has not come to the generation that the request names.
    #[error("the index does not have all of generation {wanted} yet; it has generation {reached}")]
    NotIndexed {
        /// The one that the request names.
        wanted: Generation,
        /// What it shows everything of.
        reached: Generation,
    },
    /// Too many calls wait.
    #[error(transparent)]
    Queue(#[from] QueueFull),
    /// A plugin has failed again and again, and is left alone for a while.
    #[error(transparent)]
    Open(Arc<CircuitOpen>),
    /// Other calls have every instance slot.
    #[error("{0} was not called: calls have had every instance slot for too long")]
    NoSlot(String),
    /// A plugin failed.
    #[error(transparent)]
    Call(Arc<CallError>),
    /// A plugin that was to make what was read was removed meanwhile.
    #[error("a plugin that it needs was removed while it was being made")]
    Removed,
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
    /// A load panicked: a bug of the host.
    #[error("the host failed while loading; its log says more")]
    Broken,
}

/// Why a flight landed without a value that its waiters can use.
#[derive(Clone, Debug)]
pub(crate) enum Interruption {
    /// What it read has changed: start anew, a restart is spent.
    Change,
    /// A payload met what it read: start anew, nothing is spent, and the next payload without a change is not obeyed.
    Notice,
    /// There is no answer.
    Failed(ReadError),
}

impl From<ReadError> for Interruption {
    fn from(error: ReadError) -> Self {
        match error {
            // There are others by now.
            ReadError::Removed => Self::Change,
            error => Self::Failed(error),
        }
    }
}

impl From<DatabaseError> for Interruption {
    fn from(error: DatabaseError) -> Self {
        Self::Failed(error.into())
    }
}

/// What a reader is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where everything is stored.
    pub database: Database,
    /// Whom to ask for what has changed.
    pub hub: Arc<Hub>,
    /// Which realms there are.
    pub registry: Arc<Registry>,
    /// What runs plugins.
    pub engine: Arc<PluginEngine>,
    /// Which plugins.
    pub plugins: Arc<LivePlugins>,
    /// The calls in flight.
    pub calls: Arc<Calls>,
    /// Bounds.
    pub limits: ReadLimits,
}

impl Reader {
    /// A reader whose loads run on the current runtime.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let runtime = Handle::current();
        let bytes = parts.limits.cache_bytes;
        Self(Arc::new(Inner {
            // With a tenth that is HTTP's, for coded bodies, all of it.
            access: ByteCache::new(bytes / 50),
            access_flights: Flights::new(runtime.clone()),
            pages: ByteCache::new(bytes / 50),
            page_flights: Flights::new(runtime.clone()),
            bulletins: Bulletins::default(),
            paths: ByteCache::new(bytes * 3 / 50),
            path_flights: Flights::new(runtime.clone()),
            blobs: ByteCache::new(bytes * 3 / 10),
            blob_flights: Flights::new(runtime.clone()),
            settings: ByteCache::new(bytes / 20),
            stored: ByteCache::new(bytes / 20),
            modules: ByteCache::new(bytes * 3 / 10),
            prerender_modules: ByteCache::new(bytes / 10),
            module_flights: Flights::new(runtime.clone()),
            document_flights: Flights::new(runtime),
            tasks: TaskTracker::new(),
            lookups: Semaphore::new(parts.limits.lookups.max(1)),
            storing: Arc::new(Semaphore::new(derivations::STORING)),
            database: parts.database,
            hub: parts.hub,
            registry: parts.registry,
            engine: parts.engine,
            plugins: parts.plugins,
            calls: parts.calls,
            limits: parts.limits,
        }))
    }

    /// Whom to ask for what has changed.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.0.hub
    }

    /// The realm at exactly this URL.
    #[must_use]
    pub fn realm_at(&self, url: &RealmUrl) -> Option<Arc<Mounted>> {
        self.0.registry.get(url)
    }

    /// The plugins in force now.
    #[must_use]
    pub fn plugins(&self) -> Arc<Plugins> {
        self.0.plugins.current()
    }

    /// Hears of each change of the plugins in force.
    #[must_use]
    pub fn plugin_changes(&self) -> watch::Receiver<()> {
        self.0.plugins.changes()
    }

    /// The calls in flight.
    #[must_use]
    pub fn calls(&self) -> &Calls {
        &self.0.calls
    }

    /// Bytes and entries per cache.
    #[must_use]
    pub fn cache_sizes(&self) -> [(&'static str, (u64, usize)); 8] {
        let inner = &self.0;
        [
            ("permissions", inner.access.size()),
            ("pages", inner.pages.size()),
            ("paths", inner.paths.size()),
            ("blobs", inner.blobs.size()),
            ("settings", inner.settings.size()),
            ("derivations", inner.stored.size()),
            ("modules", inner.modules.size()),
            ("prerender-modules", inner.prerender_modules.size()),
        ]
    }

    /// The files below a folder, from the database.
    ///
    /// # Errors
    /// When the realm is gone or the database is away.
    pub async fn list(
        &self,
        realm: &Mounted,
        folder: &str,
    ) -> Result<crate::database::Looked, ReadError> {
        let listed = self.0.database.list(realm.id, folder);
        bounded(self.0.limits.database_timeout, "list", listed)
            .await?
            .ok_or(ReadError::NoRealm)
    }

    /// Waits for outcomes that are still being stored.
    pub async fn finish(&self) {
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
