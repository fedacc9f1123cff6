//! The collector, and what a writer does whose blob it has taken away.

use std::time::Duration;

use tracing::{debug, info, warn};

use crate::database::{CollectError, Collected, Database, DatabaseError, observed};

/// Collects what nothing refers to any more: at once, and then every so often. What is a blob goes when nothing has
/// referred to it for `after`: whoever has looked up a path before it changed may still come for the bytes.
pub async fn keep_collecting(database: Database, every: Duration, after: Duration) {
    loop {
        #[cfg(feature = "under-test")]
        crate::gates::pass("collect", "").await;
        match collect(&database, after).await {
            Ok(Collected { trees, blobs, .. }) if trees + blobs == 0 => {}
            Ok(Collected {
                trees,
                blobs,
                bytes,
                ..
            }) => info!(
                trees,
                blobs, bytes, "collected what nothing referred to any more"
            ),
            Err(CollectError::Elsewhere) => debug!("another replica collects"),
            Err(CollectError::Database(error)) => {
                warn!(%error, "what nothing refers to could not be collected; the next turn tries again");
            }
        }
        tokio::time::sleep(every).await;
    }
}

/// One turn. The marks are set last: those of before are old enough now, or will be in a later turn.
async fn collect(database: &Database, after: Duration) -> Result<Collected, CollectError> {
    let mut all = Collected::default();
    loop {
        let batch = observed("collect_trees", database.collect_trees()).await?;
        if !count(&mut all, batch) {
            break;
        }
    }
    loop {
        let batch = observed("collect_blobs", database.collect_blobs(after)).await?;
        if !count(&mut all, batch) {
            break;
        }
    }
    let mut place = Some(Vec::new());
    while let Some(from) = place {
        place = observed("mark_blobs", database.mark_blobs(&from)).await?;
    }
    Ok(all)
}

/// Counts a batch; whether there may be another.
fn count(all: &mut Collected, batch: Collected) -> bool {
    metrics::counter!("realm_collected_trees_total").increment(batch.trees);
    metrics::counter!("realm_collected_blobs_total").increment(batch.blobs);
    metrics::counter!("realm_collected_bytes_total").increment(batch.bytes);
    all.trees += batch.trees;
    all.blobs += batch.blobs;
    all.bytes += batch.bytes;
    batch.more
}

/// How often a transaction is tried whose blobs are collected between being kept and being pointed at. A blob must have
/// been left for long to go, so that even a second time is hardly thinkable.
const TRIES: usize = 3;

/// Makes a transaction, and makes it again when the collector has taken a blob of it away.
pub(super) async fn despite_the_collector<T, E, F>(
    attempt: impl Fn() -> F,
    is_lost: impl Fn(&E) -> bool,
) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    for _ in 1..TRIES {
        match attempt().await {
            Err(error) if is_lost(&error) && !mutant!("vanished-blob-fails-the-write") => {
                debug!("a blob was collected before it was pointed at: writing again");
            }
            other => return other,
        }
    }
    attempt().await
}

/// Whether a blob was gone when it was to be pointed at.
pub(super) fn is_lost(error: &DatabaseError) -> bool {
    matches!(error, DatabaseError::Vanished(_))
}
