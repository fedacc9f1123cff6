use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::BootTime;
use super::feed::Feed;
use crate::realm::{Generation, RealmId};

/// What this replica knows of one realm's log.
#[derive(Debug)]
pub struct Tracker {
    /// The realm.
    pub realm: RealmId,
    /// Set when this replica follows the realm no more.
    pub gone: CancellationToken,
    applied: watch::Sender<Generation>,
    pub(super) feed: Feed,
    verified: AtomicU64,
    pub(super) applying: Mutex<()>,
    /// Reads of the log run one at a time. Counted as they begin, with the number of the last that succeeded.
    pub(super) reading: tokio::sync::Mutex<()>,
    pub(super) reads_begun: AtomicU64,
    pub(super) read_done: AtomicU64,
    failed: AtomicU64,
}

/// How well a replica knows that its caches hold what the database has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// The lease holds.
    Leased,
    /// It ran out this long ago.
    Expired(Duration),
}

impl Tracker {
    /// A realm that had `generation` in a statement sent at `sent`, of which nothing older is cached.
    #[must_use]
    pub fn new(realm: RealmId, generation: Generation, sent: BootTime) -> Self {
        Self {
            realm,
            gone: CancellationToken::new(),
            feed: Feed::default(),
            applied: watch::Sender::new(generation),
            verified: AtomicU64::new(sent.as_nanos()),
            applying: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            reads_begun: AtomicU64::new(0),
            read_done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// The generation up to which every change has been applied here.
    #[must_use]
    pub fn applied(&self) -> Generation {
        *self.applied.borrow()
    }

    /// Publishes it. The caller holds `applying`, and has dropped and cancelled what the changes touch.
    pub(super) fn publish(&self, generation: Generation) {
        self.applied.send_if_modified(|applied| {
            let moved = generation > *applied;
            *applied = generation.max(*applied);
            moved
        });
    }

    /// Waits until `generation` is applied.
    pub async fn reached(&self, generation: Generation) {
        let mut applied = self.applied.subscribe();
        // The sender lives as long as `self`.
        let _ = applied.wait_for(|applied| *applied >= generation).await;
    }

    /// A statement sent at `sent` showed that everything up to `applied` is all that there was.
    pub(super) fn verify(&self, sent: BootTime) {
        self.verified.fetch_max(sent.as_nanos(), Ordering::SeqCst);
    }

    /// The database could not be asked.
    pub(super) fn fail(&self, at: BootTime) {
        self.failed.fetch_max(at.as_nanos(), Ordering::SeqCst);
    }

    /// Whether the database could not be asked within the last `window`, so that asking again would only cost time.
    #[must_use]
    pub fn has_failed_within(&self, window: Duration) -> bool {
        let failed = BootTime::from_nanos(self.failed.load(Ordering::SeqCst));
        let verified = BootTime::from_nanos(self.verified.load(Ordering::SeqCst));
        failed > verified && BootTime::now().since(failed) < window
    }

    /// How long before `now` the database last showed that all there is has been applied.
    #[must_use]
    pub fn age(&self, now: BootTime) -> Duration {
        now.since(BootTime::from_nanos(self.verified.load(Ordering::SeqCst)))
    }

    /// Judges the lease for a request that came at `now`.
    #[must_use]
    pub fn freshness(&self, now: BootTime, lease: Duration) -> Freshness {
        let age = self.age(now);
        if age <= lease || mutant!("lease-never-runs-out") {
            Freshness::Leased
        } else {
            Freshness::Expired(age.saturating_sub(lease))
        }
    }
}
