use std::time::Duration;

use super::{Asked, ReadError, Reader};
use crate::changes::Freshness;
use crate::realm::Generation;
use crate::registry::Mounted;

/// How sure an answer from a cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// It is fresh: the lease holds, or the database has just been asked.
    Fresh,
    /// The lease ran out this long ago, and the database is away.
    Stale(Duration),
}

/// How long a request waits for the database to confirm a lease that has run out.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long after a failure requests do not ask again: the lease's own poll will.
pub(super) const DOWN_FOR: Duration = Duration::from_secs(2);

impl Reader {
    /// Sees to it that the caches may be believed for a request: by the lease, or by asking the database.
    ///
    /// # Errors
    /// When the database is away for longer than stale bytes may be served.
    pub async fn ensure_fresh(&self, realm: &Mounted, asked: Asked) -> Result<Served, ReadError> {
        let limits = &self.0.limits;
        let Freshness::Expired(_) = realm.tracker.freshness(asked.at, limits.lease) else {
            return Ok(Served::Fresh);
        };
        if !realm.tracker.has_failed_within(DOWN_FOR) {
            let caught_up =
                tokio::time::timeout(PATIENCE, self.0.hub.catch_up(&realm.tracker)).await;
            if matches!(caught_up, Ok(Ok(()))) {
                return Ok(Served::Fresh);
            }
        }
        match realm.tracker.freshness(asked.at, limits.lease) {
            Freshness::Leased => Ok(Served::Fresh),
            Freshness::Expired(_) if mutant!("staleness-not-said") => Ok(Served::Fresh),
            Freshness::Expired(age)
                if age <= limits.stale_limit || mutant!("stale-without-end") =>
            {
                Ok(Served::Stale(age))
            }
            Freshness::Expired(age) => Err(ReadError::TooStale(age + limits.lease)),
        }
    }

    /// Sees to it that a realm that was found is the nearest one, as far as the registry's lease says: another may have come
    /// that lies in it. Where the database cannot be asked, the realm's own lease says so.
    pub async fn ensure_known(&self, realm: &Mounted, asked: Asked) {
        let (registry, lease) = (&self.0.registry, self.0.limits.lease);
        if registry.is_leased(asked.at, lease) || realm.tracker.has_failed_within(DOWN_FOR) {
            return;
        }
        let _ = tokio::time::timeout(PATIENCE, registry.catch_up()).await;
    }

    /// Waits until this replica has applied `wanted`: read-your-writes across replicas.
    ///
    /// # Errors
    /// When it has not come within the bound.
    pub async fn wait_for(&self, realm: &Mounted, wanted: Generation) -> Result<(), ReadError> {
        let tracker = &realm.tracker;
        if tracker.applied() >= wanted || mutant!("generation-not-waited-for") {
            return Ok(());
        }
        let bound = self.0.limits.generation_wait;
        // The log says at once what a notification may still have to.
        let reached = async {
            let _ = self.0.hub.catch_up(tracker).await;
            tracker.reached(wanted).await;
        };
        let _ = tokio::time::timeout(bound, reached).await;
        let applied = tracker.applied();
        if applied >= wanted {
            Ok(())
        } else {
            Err(ReadError::NotYet { wanted, applied })
        }
    }
}
