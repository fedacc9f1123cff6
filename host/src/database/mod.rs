//! The only SQL of the host: one file per table family, Postgres and SQLite behind one type, the migrations beside it.
//! Queries are written once wherever the two dialects agree. What a row means is decided elsewhere.

mod audit;
mod changes;
mod collect;
mod current;
mod definitions;
mod derivations;
mod error;
mod facts;
mod files;
mod folders;
mod index;
mod jobs;
mod pages;
mod permissions;
mod plugins;
mod publishing;
mod realms;
mod replicas;
mod search;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgPool, SqlitePool};
use tracing::Instrument;

use crate::telemetry::TRACE;

pub use self::audit::AuditEntry;
pub use self::changes::{ChangeRow, Changes};
pub use self::collect::{CollectError, Collected};
pub use self::current::{Held, Seen};
pub use self::definitions::{DefinitionRow, Definitions, NewDefinition, NewRead, StoredDefinition};
pub use self::derivations::{DerivationRow, NewDerivation, Part};
pub use self::error::DatabaseError;
pub(crate) use self::error::is_queue_full;
pub use self::facts::Facts;
pub use self::files::{FileRow, Looked};
pub use self::folders::FolderLock;
pub use self::index::{
    EntryState, Expanded, NewEntry, NewRendering, Shown, Stored, Visit, Visits, url_key,
};
pub use self::jobs::{Job, JobCount, Lane, URGENT};
pub use self::pages::{EntryRow, FailedRow, IndexPhase, IndexState, PageRow, RenderingRow};
pub use self::permissions::{EVERYONE, Shared, Standing};
pub use self::plugins::{PluginChange, PluginNameRow, PluginRow, PluginRows};
pub use self::publishing::{Publication, Source};
pub use self::realms::{Generations, NewRealm, RealmKind, RealmRow, WriteTarget};
pub use self::replicas::ReplicaRow;
pub use self::search::{Hit, Hits, IndexReach};

/// Runs one body for either dialect; `$c` is the pool, or the connection of a transaction.
macro_rules! on {
    ($database:expr, $c:ident => $body:expr) => {
        match $database {
            crate::database::Database::Postgres($c) => $body,
            crate::database::Database::Sqlite($c) => $body,
        }
    };
}

/// Like `on!`, inside a transaction: `$c` is something that executes. It waits for a Postgres no longer than it may.
macro_rules! within {
    ($transaction:expr, $c:ident => $body:expr) => {
        match $transaction {
            crate::database::Transaction::Postgres(transaction, limit) => {
                #[cfg(feature = "under-test")]
                crate::gates::statement().await;
                let $c = &mut **transaction;
                crate::database::answered(*limit, async { $body }).await
            }
            crate::database::Transaction::Sqlite(transaction) => {
                let $c = &mut **transaction;
                $body
            }
        }
    };
}
use {on, within};

static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("src/database/migrations/postgres");
static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("src/database/migrations/sqlite");

/// The database, in either dialect. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Database {
    /// Shared by many replicas.
    Postgres(PgPool),
    /// A file, for one host.
    Sqlite(SqlitePool),
}

/// A transaction. Dropping it rolls it back.
#[derive(Debug)]
pub enum Transaction {
    /// Of a Postgres, with the longest wait for one statement's answer.
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>, Duration),
    /// Of a SQLite.
    Sqlite(sqlx::Transaction<'static, sqlx::Sqlite>),
}

/// How to reach a database.
#[derive(Clone, Debug)]
pub struct ConnectOptions {
    /// A Postgres; none: the file under `data_dir`.
    pub url: Option<String>,
    /// Folder of the embedded database.
    pub data_dir: PathBuf,
    /// Most connections.
    pub connections: u32,
    /// Longest wait for a connection, and for one statement.
    pub timeout: Duration,
}

impl Database {
    /// Opens the pool. Postgres must be there; a SQLite file is created when it is not.
    ///
    /// # Errors
    /// When the URL is not one, or the database is not to be had.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, DatabaseError> {
        match &options.url {
            Some(url) => Self::connect_postgres(url, options).await,
            None => Self::connect_sqlite(&options.data_dir, options).await,
        }
    }

    async fn connect_postgres(url: &str, options: &ConnectOptions) -> Result<Self, DatabaseError> {
        let connect = postgres_options(url)?.options([
            ("statement_timeout", options.timeout.as_millis().to_string()),
            // A statement of some milliseconds is not worth a second's compilation, whatever the planner takes it for.
            ("jit", "off".to_owned()),
            // A host that is stopped in the middle of a write must not hold its realm's lock for as long.
            (
                "idle_in_transaction_session_timeout",
                (2 * options.timeout).as_millis().to_string(),
            ),
        ]);
        let limit = options.timeout;
        let pool = PgPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.timeout)
            // A connection that was in use a moment ago is most likely there, and a question is a round trip.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > FRESH {
                        answered(limit, connection.ping()).await?;
                    }
                    Ok(true)
                })
            })
            // The pool asks whoever comes back for a sign of life, and would wait for it for ever.
            .after_release(move |connection, _| {
                Box::pin(async move {
                    answered(limit, connection.ping()).await?;
                    Ok(true)
                })
            })
            .connect_with(connect)
            .await?;
        let encoding: String = sqlx::query_scalar("SELECT current_setting('server_encoding')")
            .fetch_one(&pool)
            .await?;
        if encoding != "UTF8" {
            return Err(DatabaseError::Refused(format!(
                "its encoding is {encoding}; create the database with ENCODING 'UTF8'"
            )));
        }
        Ok(Self::Postgres(pool))
    }

    async fn connect_sqlite(
        folder: &Path,
        options: &ConnectOptions,
    ) -> Result<Self, DatabaseError> {
        let unavailable = |error: std::io::Error| {
            DatabaseError::Unavailable(format!("{}: {error}", folder.display()))
        };
        std::fs::create_dir_all(folder).map_err(unavailable)?;
        let connect = SqliteConnectOptions::new()
            .filename(folder.join("realm.sqlite"))
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(options.timeout);
        let pool = SqlitePoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.timeout)
            .connect_with(connect)
            .await?;
        Ok(Self::Sqlite(pool))
    }

    /// Brings the tables to the newest version.
    ///
    /// # Errors
    /// When a migration fails, or the database is newer than this host.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let done = match self {
            Self::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await,
            Self::Sqlite(pool) => SQLITE_MIGRATIONS.run(pool).await,
        };
        done.map_err(|error| DatabaseError::Refused(format!("migration: {error}")))
    }

    /// Starts a transaction that will write.
    async fn begin(&self) -> Result<Transaction, DatabaseError> {
        Ok(match self {
            Self::Postgres(pool) => {
                let limit = pool.options().get_acquire_timeout();
                let begun = answered(limit * 2, pool.begin()).await?;
                Transaction::Postgres(begun, limit + GRACE)
            }
            // Taking the write lock at once: a reader that turns writer midway could only fail.
            Self::Sqlite(pool) => Transaction::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
        })
    }

    /// Closes every connection.
    pub async fn close(&self) {
        on!(self, pool => pool.close().await);
    }
}

impl Transaction {
    /// Commits.
    ///
    /// # Errors
    /// [`DatabaseError::OutcomeUnknown`] when the connection was lost on the way.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        let done = match self {
            Self::Postgres(transaction, limit) => {
                #[cfg(feature = "under-test")]
                crate::gates::named_statement("commit").await;
                answered(limit, transaction.commit()).await
            }
            Self::Sqlite(transaction) => transaction.commit().await,
        };
        done.map_err(|error| match DatabaseError::from(error) {
            DatabaseError::Unavailable(text) => DatabaseError::OutcomeUnknown(text),
            other => other,
        })
    }
}

/// Options of a connection to the Postgres at `url`, for the pool and for the connections beside it.
pub(crate) fn postgres_options(url: &str) -> Result<PgConnectOptions, DatabaseError> {
    let options = PgConnectOptions::from_str(url)
        .map_err(|error| DatabaseError::Refused(format!("database URL: {error}")))?;
    Ok(options.application_name("realm"))
}

/// The key of the advisory lock of something by its name: the first 8 bytes of its SHA-256, big-endian, signed. For a
/// realm's URL that is the reference system's write lock, so both exclude each other on one database.
fn lock_key(name: &str) -> i64 {
    if mutant!("lock-of-another-key") {
        return name.len() as i64;
    }
    let digest = Sha256::digest(name);
    let (head, _) = digest
        .split_first_chunk::<8>()
        .expect("a SHA-256 has 32 bytes");
    i64::from_be_bytes(*head)
}

/// Waits for an operation no longer than `limit`: a peer that went without a word would hold its reader for minutes.
///
/// # Errors
/// [`DatabaseError::Unavailable`] when there is no answer in time.
pub async fn bounded<T>(
    limit: Duration,
    operation: &'static str,
    work: impl Future<Output = Result<T, DatabaseError>>,
) -> Result<T, DatabaseError> {
    let silence = |_| DatabaseError::Unavailable(format!("it did not answer within {limit:?}"));
    let work = async {
        let done = tokio::time::timeout(limit, work).await;
        done.map_err(silence).flatten()
    };
    observed(operation, work).await
}

/// Traces and times an operation under its name, by OpenTelemetry's conventions for database clients.
///
/// # Errors
/// Those of the operation.
pub async fn observed<T, E>(
    operation: &'static str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let span = tracing::info_span!(
        target: TRACE,
        "database",
        otel.name = operation,
        otel.kind = "client",
        otel.status_code = tracing::field::Empty,
        db.operation.name = operation,
    );
    let begun = Instant::now();
    let done = work.instrument(span.clone()).await;
    let outcome = if done.is_ok() { "ok" } else { "error" };
    if done.is_err() {
        span.record("otel.status_code", "ERROR");
    }
    metrics::histogram!(
        "db_client_operation_duration_seconds",
        "db_operation_name" => operation,
        "outcome" => outcome,
    )
    .record(begun.elapsed().as_secs_f64());
    done
}

/// How long an idle connection is taken to be alive without a question.
const FRESH: Duration = Duration::from_millis(500);

/// How much longer than the server itself gives a statement its answer is waited for: the server's error says more.
const GRACE: Duration = Duration::from_secs(1);

/// The same bound, in the words of the driver.
async fn answered<T>(
    limit: Duration,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let silence = |_| {
        let text = format!("it did not answer within {limit:?}");
        sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
    };
    tokio::time::timeout(limit, statement)
        .await
        .map_err(silence)?
}

/// Now, in milliseconds since 1970: what the time columns hold.
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// `$first, $first+1, …`: as many placeholders as there are values.
fn placeholders(first: usize, count: usize) -> String {
    (first..first + count)
        .map(|number| format!("${number}"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::lock_key;

    #[test]
    fn the_lock_key_is_the_reference_systems() {
        // printf 'http://localhost:4201/test/' | sha256sum | head -c 16, as a signed 64-bit number.
        assert_eq!(
            lock_key("http://localhost:4201/test/"),
            -7_557_974_634_654_515_000
        );
    }
}
