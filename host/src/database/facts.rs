//! What a database says of itself, for `realm doctor`.

use std::time::Duration;

use super::{Database, DatabaseError, now, on};

/// What a database says of itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its name and version.
    pub version: String,
    /// Whether it takes no writes.
    pub read_only: bool,
    /// Migrations done, and known to this program.
    pub migrations: (usize, usize),
    /// How far its clock is from this machine's.
    pub skew: Duration,
    /// Connections that are free (Postgres).
    pub connections_left: i64,
    /// Whether a commit is on disk before it is acknowledged (Postgres).
    pub durable: bool,
    /// How full the queue of notifications is: a part of 1 (Postgres).
    pub queue_used: f64,
}

impl Database {
    /// What it says of itself.
    ///
    /// # Errors
    /// When it is away.
    pub async fn facts(&self) -> Result<Facts, DatabaseError> {
        let skew = Duration::from_millis(self.now().await?.abs_diff(now()));
        let done = "SELECT count(*) FROM _sqlx_migrations WHERE success";
        // Before the first migration there is no such table.
        let done: i64 =
            on!(self, pool => sqlx::query_scalar(done).fetch_one(pool).await).unwrap_or(0);
        let known = match self {
            Self::Postgres(_) => super::POSTGRES_MIGRATIONS.iter().count(),
            Self::Sqlite(_) => super::SQLITE_MIGRATIONS.iter().count(),
        };
        let migrations = (usize::try_from(done).unwrap_or(0), known);
        let pool = match self {
            Self::Postgres(pool) => pool,
            Self::Sqlite(pool) => {
                let version: String = sqlx::query_scalar("SELECT 'SQLite ' || sqlite_version()")
                    .fetch_one(pool)
                    .await?;
                return Ok(Facts {
                    version,
                    read_only: false,
                    migrations,
                    skew,
                    connections_left: 0,
                    durable: true,
                    queue_used: 0.0,
                });
            }
        };
        let sql = "SELECT 'PostgreSQL ' || current_setting('server_version'),
                       pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on',
                       current_setting('max_connections')::BIGINT - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
                       current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off',
                       pg_notification_queue_usage()";
        let (version, read_only, connections_left, durable, queue_used) =
            sqlx::query_as(sql).fetch_one(pool).await?;
        Ok(Facts {
            version,
            read_only,
            migrations,
            skew,
            connections_left,
            durable,
            queue_used,
        })
    }
}
