//! The index: what workers make of realms ahead of any request, and store only while it is true. Gates hold a worker wherever
//! a change could come in between.

mod documents;
mod files;
mod guard;
mod jobs;
mod plugins;
mod wires;

use realm_tests::{Host, HostOptions, ORIGIN, Storage, eventually};
use sqlx::{PgPool, SqlitePool};

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

/// What the index has of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    kind: String,
    generation: i64,
    title: Option<String>,
    document: serde_json::Value,
    error: Option<String>,
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

    /// What the index has of a file of the realm at a path of the origin.
    async fn entry(&self, realm: &str, path: &str) -> Option<Entry> {
        type Columns = (String, i64, Option<String>, String, Option<String>);
        let sql = "SELECT e.kind, e.generation, e.title, CAST(e.search_document AS TEXT), e.error FROM index_entries e
                   JOIN realms r ON r.id = e.realm_id WHERE r.url = $1 AND e.path = $2";
        let url = format!("{ORIGIN}{realm}");
        let row: Option<Columns> = on!(self, pool => sqlx::query_as(sql).bind(url).bind(path).fetch_optional(pool).await.unwrap());
        row.map(|(kind, generation, title, document, error)| Entry {
            kind,
            generation,
            title,
            document: serde_json::from_str(&document).unwrap(),
            error,
        })
    }

    /// The HTML that the index has of a document of a realm.
    async fn html(&self, realm: &str, path: &str) -> String {
        let sql = "SELECT b.bytes FROM index_entries e JOIN realms r ON r.id = e.realm_id
                   JOIN index_renderings h ON h.entry_id = e.id JOIN blobs b ON b.hash = h.blob
                   WHERE r.url = $1 AND e.path = $2 AND h.format = 'isolated'";
        let url = format!("{ORIGIN}{realm}");
        let bytes: Option<Vec<u8>> = on!(self, pool => sqlx::query_scalar(sql).bind(url).bind(path).fetch_optional(pool).await.unwrap());
        String::from_utf8(bytes.unwrap_or_default()).unwrap()
    }

    /// The paths that the index has of a realm, in order.
    async fn paths(&self, realm: &str) -> Vec<String> {
        let sql = "SELECT e.path FROM index_entries e JOIN realms r ON r.id = e.realm_id WHERE r.url = $1 ORDER BY e.path";
        let url = format!("{ORIGIN}{realm}");
        on!(self, pool => sqlx::query_scalar(sql).bind(url).fetch_all(pool).await.unwrap())
    }

    /// Waits until there is nothing to do: every cursor is where its realm is, and no visit is left.
    async fn settled(&self) {
        eventually("everything is indexed", || async {
            (self.number(TO_DO).await == 0).then_some(())
        })
        .await;
    }
}

/// Realms that are behind, visits and jobs.
const TO_DO: &str =
    "SELECT (SELECT count(*) FROM realms r LEFT JOIN index_cursors c ON c.realm_id = r.id
         WHERE r.deleted_at IS NULL AND COALESCE(c.generation, -1) <> r.generation)
     + (SELECT count(*) FROM index_visits) + (SELECT count(*) FROM jobs)";

/// Settings of the hosts of these tests: a worker that is gone is noticed soon, and statements may wait at gates.
fn quick(options: HostOptions) -> HostOptions {
    options
        .with("job-lease", "1500ms")
        .with("job-pause", "300ms")
        .with("database-timeout", "20s")
}

/// A host with a realm at `/r/`, and its database.
async fn scene(options: HostOptions) -> (Host, Tables) {
    let storage = options.storage().clone();
    let (host, _) = quick(options).with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    (host, tables)
}

/// Waits until a counter of visits shows at least so many of an outcome.
async fn visits(host: &Host, outcome: &str) -> u64 {
    let metrics = host.admin("/_metrics").await.text();
    let line = format!("realm_index_visits_total{{outcome=\"{outcome}\"}} ");
    let value = metrics.lines().find_map(|text| text.strip_prefix(&line));
    value.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Waits until somebody waits for a lock of the database.
async fn waits_for_a_lock(tables: &Tables) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("somebody waits for a lock", || async {
        (tables.number(sql).await > 0).then_some(())
    })
    .await;
}
