//! What changes a realm: create, write, publish, unpublish, delete, archive, permissions, follow a folder; and what goes once
//! nothing refers to it. Each change is one transaction, in a task that outlives its client; after the commit it is applied
//! here, announced to the peers, and only then answered.

mod announce;
mod archive;
mod bootstrap;
mod collect;
mod create;
mod end;
mod error;
mod folder;
mod permissions;
mod publish;
mod queue;
mod walk;
mod write;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::task::TaskTracker;
use tracing::warn;

use self::queue::{Queues, Turn};
use crate::changes::Hub;
use crate::database::{
    Database, DatabaseError, Lane, RealmKind, Transaction, WriteTarget, observed,
};
use crate::plugins::LivePlugins;
use crate::realm::RealmUrl;
use crate::registry::{Mounted, Registry};

pub use self::bootstrap::FollowError;
pub use self::collect::keep_collecting;
pub use self::end::Ended;
pub use self::error::LifecycleError;
pub use self::permissions::Grant;
pub use self::publish::Published;
pub use self::walk::{Unfit, walk};
pub use self::write::{Change, Condition, Effect, WriteError, WriteSet, Written};

/// How long a stopping host tries to announce what it has committed.
const FLUSH: Duration = Duration::from_secs(5);

/// A turn in a realm's queue, and room to write; given back when dropped.
type Place<'a> = (Option<Turn<'a>>, SemaphorePermit<'a>);

/// Bounds of a write.
#[derive(Clone, Debug)]
pub struct WriteLimits {
    /// Bytes of one file.
    pub max_file_bytes: usize,
    /// Longest wait for the realm's lock.
    pub lock_timeout: Duration,
    /// Most writes of one realm that wait here.
    pub queue: usize,
    /// The database's connections: a part of them is left to readers, however many write.
    pub connections: u32,
}

impl WriteLimits {
    /// How many may write at one time.
    fn writers(&self) -> usize {
        let connections = self.connections as usize;
        if mutant!("writers-take-every-connection") {
            return Semaphore::MAX_PERMITS;
        }
        (connections - connections.div_ceil(4).min(connections)).max(1)
    }
}

/// On whose behalf something is done to a realm.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The user; none: nobody was asked who they are.
    pub name: Option<String>,
    /// Whether they may do everything, in every realm.
    pub all: bool,
}

impl Actor {
    /// Whoever has the database itself.
    #[must_use]
    pub fn operator() -> Self {
        Self {
            name: None,
            all: true,
        }
    }
}

/// Changes realms.
#[derive(Debug)]
pub struct Lifecycle {
    database: Database,
    hub: Arc<Hub>,
    registry: Arc<Registry>,
    limits: WriteLimits,
    queues: Queues,
    room: Semaphore,
    tasks: TaskTracker,
    plugins: OnceLock<Arc<LivePlugins>>,
}

impl Lifecycle {
    /// From here on settings are held against what these plugins take.
    pub fn know(&self, plugins: Arc<LivePlugins>) {
        let _ = self.plugins.set(plugins);
    }

    /// Changes realms of `registry`, in `database`, and tells `hub`.
    #[must_use]
    pub fn new(
        database: Database,
        hub: Arc<Hub>,
        registry: Arc<Registry>,
        limits: WriteLimits,
    ) -> Arc<Self> {
        let queues = Queues::new(limits.queue);
        let room = Semaphore::new(limits.writers());
        Arc::new(Self {
            database,
            hub,
            registry,
            limits,
            queues,
            room,
            tasks: TaskTracker::new(),
            plugins: OnceLock::new(),
        })
    }

    /// Runs an operation in a task of its own: a client that leaves between commit and answer must not keep the peers from
    /// hearing of it.
    async fn operation<T, F>(
        self: &Arc<Self>,
        name: &'static str,
        work: impl FnOnce(Arc<Self>) -> F,
    ) -> Result<T, LifecycleError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LifecycleError>> + Send + 'static,
    {
        let work = work(Arc::clone(self));
        #[cfg(feature = "under-test")]
        let work = crate::gates::numbered(name, work);
        if mutant!("operation-ends-with-its-client") {
            return crate::database::observed(name, work).await;
        }
        let task = self
            .tasks
            .spawn(async move { crate::database::observed(name, work).await });
        task.await
            .unwrap_or_else(|error| Err(panicked(&error).into()))
    }

    /// Waits for a place here, and then for the locks of these realms. The place is the first realm's alone: between the
    /// others the database decides, which notices when two wait for each other.
    async fn lock(&self, urls: &[&RealmUrl]) -> Result<(Place<'_>, Transaction), LifecycleError> {
        let mut turn = match urls.first() {
            Some(url) if !mutant!("operations-take-no-turn") => {
                let turn = self.queues.enter(url).await;
                Some(turn.ok_or(LifecycleError::Busy(self.limits.queue))?)
            }
            _ => None,
        };
        let room = self.room().await?;
        let transaction = self.begin(turn.as_mut(), urls).await?;
        Ok(((turn, room), transaction))
    }

    /// Waits for the locks themselves.
    async fn begin(
        &self,
        turn: Option<&mut Turn<'_>>,
        urls: &[&RealmUrl],
    ) -> Result<Transaction, DatabaseError> {
        let limit = self.limits.lock_timeout;
        let patience = turn.as_ref().map_or(limit, |turn| turn.patience(limit));
        let begun = self.database.begin_write(urls, patience).await;
        if let Some(turn) = turn {
            turn.waited(matches!(begun, Err(DatabaseError::Locked(_))));
        }
        begun.map_err(|error| match error {
            DatabaseError::Locked(_) => DatabaseError::Locked(limit),
            error => error,
        })
    }

    /// Room for one more that writes. Those who write may wait for each other with a connection each in their hands.
    async fn room(&self) -> Result<SemaphorePermit<'_>, DatabaseError> {
        let limit = self.limits.lock_timeout;
        match tokio::time::timeout(limit, self.room.acquire()).await {
            Ok(room) => Ok(room.expect("never closed")),
            Err(_) => Err(DatabaseError::Unavailable(format!(
                "{} others have been writing for {limit:?}, which is as many as may (`database-connections`)",
                self.limits.writers()
            ))),
        }
    }

    /// Has every file of a realm looked at again for the index.
    ///
    /// # Errors
    /// When the realm is gone, or the database is away.
    pub async fn reindex(&self, realm: &Mounted) -> Result<(), LifecycleError> {
        let wished = self.database.visit_everything(realm.id);
        if !observed("reindex", wished).await? {
            return Err(LifecycleError::NoRealm(realm.url.clone()));
        }
        self.hub.want_jobs(Lane::Render, &[realm.id]);
        Ok(())
    }

    /// Waits for what is being written, and for its announcements.
    pub async fn finish(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        if tokio::time::timeout(FLUSH, self.hub.announcer.flush())
            .await
            .is_err()
        {
            warn!(
                "the database is away: what was committed last is announced by nobody, and found by the lease"
            );
        }
    }
}

/// Refuses whoever does not own the realm, as the transaction sees it; those who own a source own what is published from
/// it.
async fn require_owner(
    transaction: &mut Transaction,
    target: WriteTarget,
    by: &Actor,
) -> Result<(), LifecycleError> {
    if by.all {
        return Ok(());
    }
    let owned = match target.kind {
        RealmKind::Published => transaction
            .source_of(target.id)
            .await?
            .map(|(source, _)| source),
        RealmKind::Source | RealmKind::Bootstrap => Some(target.id),
    };
    let granted = match (owned, by.name.as_deref()) {
        (Some(realm), Some(user)) => transaction.granted(realm, user).await?,
        _ => crate::realm::Rights::default(),
    };
    if granted.owner || mutant!("owners-not-asked-for") {
        Ok(())
    } else {
        Err(LifecycleError::NotOwner)
    }
}

fn panicked(error: &tokio::task::JoinError) -> DatabaseError {
    DatabaseError::Refused(format!("the host panicked: {error}"))
}
