use std::time::{Duration, Instant};

use sqlx::postgres::{PgListener, PgPoolOptions};
use tracing::warn;

use crate::database::{DatabaseError, bounded, is_queue_full, postgres_options};

/// How long a notification may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sees to it that the database at `url` delivers notifications to who listens. Asked before anything else is done with
/// it: behind a pooler that shares its connections out by transaction, a migration would already go wrong.
///
/// # Errors
/// When it does not, as a pooler in transaction mode, or cannot be asked.
pub async fn require_delivery(url: &str) -> Result<Duration, DatabaseError> {
    if mutant!("pooler-accepted") {
        return Ok(Duration::ZERO);
    }
    let options = postgres_options(url)?.application_name("realm listener");
    let channel = format!("realm_probe_{:016x}", rand::random::<u64>());
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await?;
    let mut listener = PgListener::connect_with(&pool).await?;
    listener.eager_reconnect(false);
    listener.listen(&channel).await?;
    let send = async {
        // It may be handed the connection that the other one has left behind, and hear itself: a listener bears that.
        let mut sender = PgListener::connect_with(&pool).await?;
        // Not prepared: statements may not outlive a transaction either.
        let sql = format!("SELECT pg_notify('{channel}', '')");
        let sent = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut sender)
            .await;
        match sent {
            Err(error) if is_queue_full(&error) => Ok(false),
            other => Ok(other.map(|_| true)?),
        }
    };
    let begun = Instant::now();
    if !bounded(PATIENCE, "probe", send).await? {
        // The lease does without, so a host may start; its listener will be lost until there is room.
        warn!(
            "the database's queue of notifications is full: which session holds it up, its log says"
        );
        return Ok(begun.elapsed());
    }
    match tokio::time::timeout(PATIENCE, listener.try_recv()).await {
        Ok(heard) => heard?.map(|_| begun.elapsed()).ok_or_else(|| {
            DatabaseError::Unavailable("the connection was lost while listening".to_owned())
        }),
        Err(_) => Err(DatabaseError::Refused(
            "it takes LISTEN but delivers no notification. A pooler in transaction mode does that: give the host a connection \
             to the server itself, or to a pool in session mode"
                .to_owned(),
        )),
    }
}
