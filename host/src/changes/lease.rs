use std::sync::Arc;
use std::time::Duration;

use tracing::debug;

use super::{BootTime, Hub};
use crate::database::DatabaseError;
use crate::realm::Generation;

/// Keeps the lease: every third of it, one statement asks for the generations of what this replica has mounted, so
/// that a notification that never came costs no more than the lease. Ends never.
pub async fn keep(hub: Arc<Hub>, lease: Duration, registry: impl Fn() -> Generation + Send) {
    let mut ticks = tokio::time::interval(lease / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        #[cfg(feature = "under-test")]
        crate::gates::pass("lease-poll", "").await;
        if let Err(error) = poll(&hub, &registry).await {
            debug!(%error, "the lease could not be renewed");
        }
    }
}

async fn poll(hub: &Hub, registry: &(impl Fn() -> Generation + Send)) -> Result<(), DatabaseError> {
    let trackers = hub.tracked();
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
    if found.registry != registry() && !mutant!("registry-without-a-lease") {
        hub.tell_registry();
    }
    for tracker in trackers {
        match found
            .realms
            .iter()
            .find(|(realm, _)| *realm == tracker.realm)
        {
            Some((_, generation)) if *generation <= tracker.applied() => tracker.verify(sent),
            Some(_) => hub.catch_up(&tracker).await?,
            // Deleted: the registry's change has been told of above.
            None => hub.tell_registry(),
        }
    }
    Ok(())
}
