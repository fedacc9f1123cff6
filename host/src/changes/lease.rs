use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::{BootTime, Hub};
use crate::database::DatabaseError;

/// Keeps the lease: every third of it, one statement asks for the generations of what this replica has mounted, so
/// that a notification that never came costs no more than the lease. Ends never.
pub async fn keep(hub: Arc<Hub>, lease: Duration) {
    let mut ticks = tokio::time::interval(lease / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        #[cfg(feature = "under-test")]
        crate::gates::pass("lease-poll", "").await;
        if let Err(error) = poll(&hub).await {
            debug!(%error, "the lease could not be renewed");
        }
    }
}

async fn poll(hub: &Hub) -> Result<(), DatabaseError> {
    let trackers = hub.tracked();
    let applied: Vec<_> = trackers.iter().map(|tracker| tracker.applied()).collect();
    let realms: Vec<_> = trackers.iter().map(|tracker| tracker.realm).collect();
    // The lease runs from before the statement was sent: what commits while it travels is not covered.
    let mut sent = BootTime::now();
    let found = hub.generations(&realms).await.inspect_err(|_| {
        for tracker in &trackers {
            tracker.fail(BootTime::now());
        }
    })?;
    #[cfg(feature = "under-test")]
    crate::gates::pass("lease-answer", "").await;
    if mutant!("lease-from-the-answer") {
        sent = BootTime::now();
    }
    hub.answered(sent);
    hub.registry_seen(found.registry, sent);
    hub.tell_plugins(Some(found.plugins));
    let found: HashMap<_, _> = found.realms.into_iter().collect();
    for (tracker, applied) in trackers.into_iter().zip(applied) {
        match found.get(&tracker.realm) {
            // Less than what had been applied before it was asked: the database is an older one, restored or failed over
            // to, and caches hold what it has lost. The registry mounts the realm anew.
            Some(generation) if *generation < applied && !mutant!("restored-database-trusted") => {
                warn!(
                    realm = tracker.realm.0,
                    generation, applied, "the database has gone back: starting over"
                );
                tracker.gone.cancel();
                hub.tell_registry();
            }
            Some(generation) if *generation <= tracker.applied() => tracker.verify(sent),
            Some(_) => hub.catch_up(&tracker).await?,
            // Deleted: the registry's change has been told of above.
            None => hub.tell_registry(),
        }
    }
    Ok(())
}
