//! What nothing refers to any more goes, after its time, and never under a reader or a writer. Gates hold the collector, the
//! writer or the reader where they could meet.

mod old;
mod readers;
mod writers;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use realm_host::realm::BlobHash;
use realm_tests::{Host, HostOptions, Storage, eventually};
use sqlx::{PgPool, SqlitePool};

/// How long blobs are kept by the hosts of these tests, unless they say otherwise.
const AFTER: Duration = Duration::from_millis(700);

/// A host that collects again and again, and keeps blobs for [`AFTER`].
fn quick(options: HostOptions) -> HostOptions {
    collecting(options, "200ms", "700ms")
}

fn collecting(options: HostOptions, deadline: &str, after: &str) -> HostOptions {
    options
        .with("lease", "200ms")
        .with("stale-limit", "100ms")
        .with("plugin-deadline", deadline)
        .with("plugin-render-deadline", deadline)
        .with("collect-every", "20ms")
        .with("collect-after", after)
}

/// Lets the collector, which stands at its gate, take one turn.
async fn turn(host: &Host) {
    host.close_gate("collect", "").await;
    host.at_gate("collect", 1).await;
}

/// A look into a host's database.
enum Tables {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

macro_rules! on {
    ($tables:expr, $pool:ident => $body:expr) => {
        match $tables {
            Tables::Postgres($pool) => $body,
            Tables::Sqlite($pool) => $body,
        }
    };
}

impl Tables {
    async fn of(host: &Host, storage: &Storage) -> Self {
        match storage {
            Storage::Postgres(url) => Self::Postgres(PgPool::connect(url).await.unwrap()),
            Storage::Sqlite => {
                let file = format!("sqlite://{}/realm.sqlite", host.data.display());
                Self::Sqlite(SqlitePool::connect(&file).await.unwrap())
            }
        }
    }

    async fn number(&self, sql: &'static str) -> i64 {
        on!(self, pool => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap())
    }

    async fn execute(&self, sql: &'static str) {
        on!(self, pool => sqlx::query(sql).execute(pool).await.map(drop).unwrap());
    }

    /// The mark of these bytes; the outer none: they are not there.
    async fn mark(&self, bytes: &str) -> Option<Option<i64>> {
        let sql = "SELECT orphaned_at FROM blobs WHERE hash = $1";
        let hash = BlobHash::of(bytes.as_bytes());
        on!(self, pool => sqlx::query_scalar(sql).bind(hash.as_bytes()).fetch_optional(pool).await.unwrap())
    }

    async fn has(&self, bytes: &str) -> bool {
        self.mark(bytes).await.is_some()
    }

    async fn gone(&self, bytes: &str) {
        eventually(&format!("`{bytes}` is collected"), || async {
            (!self.has(bytes).await).then_some(())
        })
        .await;
    }

    async fn marked(&self, bytes: &str) {
        eventually(&format!("`{bytes}` is marked"), || async {
            self.mark(bytes).await.flatten()
        })
        .await;
    }

    /// Waits until these bytes have had their mark for long enough to go.
    async fn old(&self, bytes: &str) {
        eventually(&format!("the mark of `{bytes}` is old"), || async {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let marked = self.mark(bytes).await.flatten()?;
            let age = now.checked_sub(Duration::from_millis(marked.unsigned_abs()))?;
            (age > AFTER).then_some(())
        })
        .await;
    }
}

/// Waits until somebody waits for a lock of the database.
async fn waits_for_a_lock(tables: &Tables) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("somebody waits for a lock", || async {
        (tables.number(sql).await > 0).then_some(())
    })
    .await;
}
