//! The index: what is known of each file of every realm, made ahead of any request and stored only while it is true.
//!
//! A change is committed together with a wish for a job. The index lane turns changes, by the realm's cursor in its log, into
//! visits: of what changed, and of whatever was made from it, in every realm of the cluster. The render lane makes the visits.
//! A job is a wake-up and no more: whoever loses one finds what is to be done in the cursors and the visits, so that a worker
//! may die anywhere. What two workers do at one time is done twice and stored once: each outcome is stored under the guard of
//! its read set, whoever holds the job's lease by then.

mod entry;
mod expand;
mod updates;
mod visit;
mod words;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::changes::{Hub, Invalidation, Subscriber};
use crate::database::{Database, Lane};
use crate::reading::Reader;
use crate::realm::RealmId;
use crate::registry::Registry;

use self::updates::Updates;

pub use self::words::{MAX_WORDS_BYTES, words};

/// Bounds of the work that no request waits for.
#[derive(Clone, Debug)]
pub struct IndexLimits {
    /// Visits made at one time.
    pub concurrency: usize,
    /// Outcomes stored at one time: most of the database's connections are left to requests.
    pub stores: usize,
    /// How long a job is held by a worker that says nothing more.
    pub lease: Duration,
    /// Longest pause before what has failed is tried again.
    pub pause: Duration,
    /// Longest wait for one statement.
    pub database_timeout: Duration,
}

/// What a worker is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where everything is stored.
    pub database: Database,
    /// Whom to ask for what has changed.
    pub hub: Arc<Hub>,
    /// Which realms there are.
    pub registry: Arc<Registry>,
    /// What renders.
    pub reader: Reader,
    /// Bounds.
    pub limits: IndexLimits,
}

/// A worker: it indexes and renders the realms of the cluster, beside others.
#[derive(Clone, Debug)]
pub struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// New with every start.
    id: String,
    database: Database,
    hub: Arc<Hub>,
    registry: Arc<Registry>,
    reader: Reader,
    limits: IndexLimits,
    /// Whoever renders has one of these; they are given out in the order in which they are asked for, so that no realm
    /// waits for all of another's visits.
    turns: Semaphore,
    /// Whoever stores something has one of these.
    stores: Semaphore,
    updates: Updates,
    wake: Arc<Wake>,
    /// The jobs that run here.
    running: Mutex<HashMap<(Lane, RealmId), Run>>,
    runs: AtomicU64,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// One turn with a job.
#[derive(Debug)]
struct Run {
    number: u64,
    token: CancellationToken,
}

/// Wakes whoever has to know when a job is wished for.
#[derive(Debug, Default)]
struct Wake {
    worker: Notify,
    /// Realms whose documents are being rendered here: more have come.
    renders: Mutex<HashMap<RealmId, Arc<Notify>>>,
}

impl Subscriber for Wake {
    fn invalidate(&self, _: Invalidation<'_>) {}

    fn job_wanted(&self, job: Option<(Lane, RealmId)>) {
        let renders = self.renders.lock();
        match job {
            Some((Lane::Render, realm)) if renders.contains_key(&realm) => {
                // It sees to it, or ends, and then the worker looks for jobs anyway.
                renders[&realm].notify_one();
            }
            Some(_) => self.worker.notify_one(),
            None => {
                renders.values().for_each(|more| more.notify_one());
                self.worker.notify_one();
            }
        }
    }
}

/// Hears of more documents of a realm, for as long as it is there.
struct Hearing<'a> {
    wake: &'a Wake,
    realm: RealmId,
    more: Arc<Notify>,
}

impl<'a> Hearing<'a> {
    fn of(wake: &'a Wake, realm: RealmId) -> Self {
        let more = Arc::new(Notify::new());
        wake.renders.lock().insert(realm, Arc::clone(&more));
        Self { wake, realm, more }
    }
}

impl Drop for Hearing<'_> {
    fn drop(&mut self) {
        self.wake.renders.lock().remove(&self.realm);
    }
}

impl Worker {
    /// Starts to work.
    #[must_use]
    pub fn start(parts: Parts) -> Self {
        let wake = Arc::new(Wake::default());
        parts
            .hub
            .subscribe(Arc::clone(&wake) as Arc<dyn Subscriber>);
        let worker = Self(Arc::new(Inner {
            id: format!("{:016x}", rand::random::<u64>()),
            updates: Updates::new(Arc::clone(&parts.hub)),
            database: parts.database,
            hub: parts.hub,
            registry: parts.registry,
            reader: parts.reader,
            turns: Semaphore::new(parts.limits.concurrency.max(1)),
            stores: Semaphore::new(parts.limits.stores.max(1)),
            limits: parts.limits,
            wake,
            running: Mutex::default(),
            runs: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        }));
        let own = worker.clone();
        worker.0.tasks.spawn(async move { own.run().await });
        worker
    }

    /// Stops, and gives the jobs back, so that others go on with them at once.
    pub async fn stop(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
