//! What changes a realm: create, write, follow a folder; and what goes once nothing refers to it. Each change is one transaction, in a task that outlives its
//! client; after the commit it is applied here, announced to the peers, and only then answered.

mod bootstrap;
mod collect;
mod folder;
mod queue;
mod walk;
mod write;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tracing::warn;

use self::collect::{despite_the_collector, is_lost};
use self::queue::Queues;
use crate::changes::{Announcement, FILE_CHANGES, Hub, REGISTRY, payloads};
use crate::database::{Database, DatabaseError, NewRealm, RealmKind};
use crate::realm::{BlobHash, LocalPath, RealmUrl, SETTINGS_FILE};
use crate::registry::{Mounted, Registry};

pub use self::bootstrap::FollowError;
pub use self::collect::keep_collecting;
pub use self::walk::{Unfit, walk};
pub use self::write::{Change, Condition, Effect, WriteError, WriteSet, Written};

/// How long a stopping host tries to announce what it has committed.
const FLUSH: Duration = Duration::from_secs(5);

/// Bounds of a write.
#[derive(Clone, Debug)]
pub struct WriteLimits {
    /// Bytes of one file.
    pub max_file_bytes: usize,
    /// Longest wait for the realm's lock.
    pub lock_timeout: Duration,
    /// Most writes of one realm that wait here.
    pub queue: usize,
}

/// Changes realms.
#[derive(Debug)]
pub struct Lifecycle {
    database: Database,
    hub: Arc<Hub>,
    registry: Arc<Registry>,
    limits: WriteLimits,
    queues: Queues,
    tasks: TaskTracker,
}

/// Why a realm was not created.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CreateError {
    /// There is one.
    #[error("there is a realm at {0} already")]
    Exists(RealmUrl),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Lifecycle {
    /// Changes realms of `registry`, in `database`, and tells `hub`.
    #[must_use]
    pub fn new(
        database: Database,
        hub: Arc<Hub>,
        registry: Arc<Registry>,
        limits: WriteLimits,
    ) -> Arc<Self> {
        let queues = Queues::new(limits.queue);
        Arc::new(Self {
            database,
            hub,
            registry,
            limits,
            queues,
            tasks: TaskTracker::new(),
        })
    }

    /// Makes an empty realm; one that has a name holds it in its `realm.json`.
    ///
    /// # Errors
    /// When there is one, or the database is away.
    pub async fn create(
        self: &Arc<Self>,
        url: RealmUrl,
        name: Option<String>,
    ) -> Result<Arc<Mounted>, CreateError> {
        let own = Arc::clone(self);
        let task = self.tasks.spawn(async move {
            let new = NewRealm {
                url: &url,
                kind: RealmKind::Source,
                folder: None,
            };
            let lost = |error: &CreateError| matches!(error, CreateError::Database(error) if is_lost(error));
            despite_the_collector(|| own.create_now(&new, name.as_deref()), lost).await
        });
        task.await
            .unwrap_or_else(|error| Err(panicked(&error).into()))
    }

    async fn create_now(
        &self,
        new: &NewRealm<'_>,
        name: Option<&str>,
    ) -> Result<Arc<Mounted>, CreateError> {
        let url = new.url;
        let mut transaction = self
            .database
            .begin_write(url, self.limits.lock_timeout)
            .await?;
        if transaction.write_target(url).await?.is_some() {
            return Err(CreateError::Exists(url.clone()));
        }
        let target = transaction.insert_realm(new).await?;
        if let Some(name) = name {
            let settings = format!("{:#}\n", serde_json::json!({ "name": name }));
            let hash = BlobHash::of(settings.as_bytes());
            let path = LocalPath::new(SETTINGS_FILE).expect("a plain name");
            transaction.keep_blob(hash, settings.as_bytes()).await?;
            transaction
                .put_file(target, &path, hash, settings.len())
                .await?;
            transaction.set_settings(target.id, Some(hash)).await?;
        }
        transaction.log_change(target, None).await?;
        transaction.commit().await?;
        self.registry.refresh().await?;
        if !mutant!("realm-not-announced") {
            self.announce_realm(url);
        }
        self.announce(url, None);
        self.registry.get(url).ok_or_else(|| {
            DatabaseError::Unavailable("the new realm is not in the registry".to_owned()).into()
        })
    }

    fn announce_realm(&self, url: &RealmUrl) {
        self.hub.announcer.announce(vec![Announcement {
            channel: REGISTRY,
            payload: format!("upsert:{url}"),
        }]);
    }

    fn announce(&self, url: &RealmUrl, paths: Option<&[LocalPath]>) {
        let announcements = payloads(url, paths)
            .into_iter()
            .map(|payload| Announcement {
                channel: FILE_CHANGES,
                payload,
            });
        self.hub.announcer.announce(announcements.collect());
    }

    /// Drops what every replica has cached of a realm, or of some of its paths, though nothing has changed.
    pub fn invalidate(&self, realm: &Mounted, paths: Option<&[LocalPath]>) {
        for payload in payloads(&realm.url, paths) {
            self.hub.notice(payload.as_bytes());
        }
        self.announce(&realm.url, paths);
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

fn panicked(error: &tokio::task::JoinError) -> DatabaseError {
    DatabaseError::Refused(format!("the host panicked: {error}"))
}
