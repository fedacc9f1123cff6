//! Realms: the registry's rows, and the lock and bookkeeping of a write.

use std::time::Duration;

use tracing::warn;

use super::jobs::{Lane, URGENT};
use super::{Database, DatabaseError, Transaction, answered, lock_key, now, on, within};
use crate::realm::{BlobHash, Generation, RealmId, RealmUrl};

/// What a realm is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealmKind {
    /// Edited by people.
    Source,
    /// A copy of a source realm, for visitors.
    Published,
    /// A folder named on the command line.
    Bootstrap,
}

impl RealmKind {
    /// The word that the database and the surface use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Published => "published",
            Self::Bootstrap => "bootstrap",
        }
    }

    pub(super) fn from_column(text: &str) -> Self {
        match text {
            "published" => Self::Published,
            "bootstrap" => Self::Bootstrap,
            _ => Self::Source,
        }
    }
}

/// A realm that is there.
#[derive(Clone, Debug)]
pub struct RealmRow {
    /// Its number.
    pub id: RealmId,
    /// Its URL.
    pub url: RealmUrl,
    /// What it is made from.
    pub kind: RealmKind,
    /// Its change counter.
    pub generation: Generation,
    /// The folder that it follows.
    pub folder: Option<String>,
    /// When it was made, in milliseconds since 1970: a realm that was deleted and made again is another one.
    pub created_at: i64,
    /// What it is published from.
    pub source: Option<RealmUrl>,
}

impl RealmRow {
    /// Whether a realm is the one that it was, whatever has become of its files.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let identity = |row: &Self| (row.id, row.kind, row.created_at, row.source.clone());
        identity(self) == identity(other)
    }
}

type Columns = (
    i64,
    String,
    String,
    i64,
    Option<String>,
    i64,
    Option<String>,
);

/// None for a row that makes no sense: it must not keep the others from being served.
fn row((id, url, kind, generation, folder, created_at, source): Columns) -> Option<RealmRow> {
    let parse = |url: &str| {
        RealmUrl::parse(url)
            .inspect_err(|error| warn!(realm = id, %error, "a realm cannot be served"))
            .ok()
    };
    let url = parse(&url)?;
    // A copy is there whatever has become of its source's row.
    let source = source.and_then(|source| parse(&source));
    Some(RealmRow {
        id: RealmId(id),
        url,
        kind: RealmKind::from_column(&kind),
        generation,
        folder,
        created_at,
        source,
    })
}

/// A realm to be.
#[derive(Clone, Debug)]
pub struct NewRealm<'a> {
    /// Its URL.
    pub url: &'a RealmUrl,
    /// What it is made from.
    pub kind: RealmKind,
    /// The folder that it follows.
    pub folder: Option<&'a str>,
}

/// The realm that a write has locked.
#[derive(Clone, Copy, Debug)]
pub struct WriteTarget {
    /// The realm.
    pub id: RealmId,
    /// Its tree.
    pub tree: i64,
    /// Its generation, under the lock.
    pub generation: Generation,
    /// What it is made from.
    pub kind: RealmKind,
    /// Whether it is archived.
    pub archived: bool,
    /// When it was made: a realm that was deleted and made again is another one.
    pub created_at: i64,
    /// When its files change: now, or when it last changed if that is later. Writers' clocks differ, and a file that
    /// changes must not seem to become older.
    pub at: i64,
}

impl Database {
    /// The registry's generation and every realm that is not deleted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn registry(&self) -> Result<(Generation, Vec<RealmRow>), DatabaseError> {
        // The counter first: a realm that comes between the two statements is seen early, never late.
        let generation = self.registry_generation().await?;
        let rows: Vec<Columns> =
            on!(self, pool => sqlx::query_as(LIVE_REALMS).fetch_all(pool).await)?;
        Ok((generation, rows.into_iter().filter_map(row).collect()))
    }

    /// The registry's generation: it grows with every realm that comes, goes or becomes another.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn registry_generation(&self) -> Result<Generation, DatabaseError> {
        Ok(on!(self, pool => sqlx::query_scalar(REGISTRY_GENERATION).fetch_one(pool).await)?)
    }

    /// The generations of some realms, in one statement. The registry's own stands under no realm's number.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn generations(&self, realms: &[RealmId]) -> Result<Generations, DatabaseError> {
        let ids: Vec<i64> = realms.iter().map(|realm| realm.0).collect();
        let rows: Vec<(i64, i64)> = match self {
            Self::Postgres(pool) => {
                let sql = "SELECT CASE name WHEN 'registry' THEN 0::BIGINT ELSE -1 END, generation FROM counters
                           WHERE name IN ('registry', 'plugins')
                           UNION ALL SELECT id, generation FROM realms WHERE id = ANY($1) AND deleted_at IS NULL";
                sqlx::query_as(sql).bind(ids).fetch_all(pool).await?
            }
            Self::Sqlite(pool) => {
                let sql =
                    "SELECT CASE name WHEN 'registry' THEN 0 ELSE -1 END, generation FROM counters
                           WHERE name IN ('registry', 'plugins')
                           UNION ALL SELECT id, generation FROM realms
                           WHERE id IN (SELECT value FROM json_each($1)) AND deleted_at IS NULL";
                sqlx::query_as(sql)
                    .bind(serde_json::to_string(&ids).unwrap_or_default())
                    .fetch_all(pool)
                    .await?
            }
        };
        let of = |counter: i64| {
            let row = rows.iter().find(|(id, _)| *id == counter);
            row.map_or(0, |(_, generation)| *generation)
        };
        let (registry, plugins) = (of(0), of(-1));
        let realms = rows
            .into_iter()
            .filter(|(id, _)| *id > 0)
            .map(|(id, generation)| (RealmId(id), generation))
            .collect();
        Ok(Generations {
            registry,
            plugins,
            realms,
        })
    }

    /// Starts a write of the realms at `urls`: takes their locks in that order, and the transaction's end gives them
    /// back. Whoever takes several takes a source before what is published from it, and those by URL.
    ///
    /// # Errors
    /// [`DatabaseError::Locked`] when another writer holds one of the locks for longer than `timeout`.
    pub async fn begin_write(
        &self,
        urls: &[&RealmUrl],
        timeout: Duration,
    ) -> Result<Transaction, DatabaseError> {
        if let Self::Sqlite(_) = self {
            return match self.begin().await {
                Err(DatabaseError::Unavailable(text)) if text.contains("database is locked") => {
                    Err(DatabaseError::Locked(timeout))
                }
                other => other,
            };
        }
        let mut transaction = self.begin().await?;
        let Transaction::Postgres(postgres, limit) = &mut transaction else {
            return Ok(transaction);
        };
        // One message. The wait for the lock has its own bound; the statements after it have the connection's again.
        let locks: String = urls
            .iter()
            .map(|url| format!("SELECT pg_advisory_xact_lock({});", lock_key(url.as_str())))
            .collect();
        let lock = format!(
            "SET LOCAL lock_timeout = {}; SET LOCAL statement_timeout = 0; {locks}
             SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout TO DEFAULT",
            timeout.as_millis(),
        );
        if mutant!("written-without-the-lock") {
            return Ok(transaction);
        }
        #[cfg(feature = "under-test")]
        crate::gates::named_statement("lock").await;
        let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock)).execute(&mut **postgres);
        match answered(timeout * urls.len() as u32 + *limit, lock).await {
            Ok(_) => Ok(transaction),
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("55P03") => {
                Err(DatabaseError::Locked(timeout))
            }
            Err(error) => Err(error.into()),
        }
    }
}

pub(super) type TargetColumns = (i64, i64, i64, i64, String, bool, i64);

pub(super) fn target(
    (id, tree, generation, updated_at, kind, archived, created_at): TargetColumns,
) -> WriteTarget {
    WriteTarget {
        id: RealmId(id),
        tree,
        generation,
        kind: RealmKind::from_column(&kind),
        archived,
        created_at,
        at: updated_at.max(now()),
    }
}

const REGISTRY_GENERATION: &str = "SELECT generation FROM counters WHERE name = 'registry'";
const LIVE_REALMS: &str = "SELECT r.id, r.url, r.kind, r.generation, r.folder, r.created_at, s.url
     FROM realms r LEFT JOIN realms s ON s.id = r.source_realm_id WHERE r.deleted_at IS NULL ORDER BY r.url";

/// What a poll found.
#[derive(Clone, Debug)]
pub struct Generations {
    /// The registry's.
    pub registry: Generation,
    /// Of the installed plugins.
    pub plugins: Generation,
    /// Of each realm that is not deleted.
    pub realms: Vec<(RealmId, Generation)>,
}

impl Transaction {
    /// The realm at `url`, unless it is deleted or was never there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn write_target(
        &mut self,
        url: &RealmUrl,
    ) -> Result<Option<WriteTarget>, DatabaseError> {
        let sql = "SELECT id, tree_id, generation, updated_at, kind, archived_at IS NOT NULL, created_at FROM realms WHERE url = $1 AND deleted_at IS NULL";
        let found: Option<TargetColumns> =
            within!(self, c => sqlx::query_as(sql).bind(url.as_str()).fetch_optional(c).await)?;
        Ok(found.map(target))
    }

    /// A new tree, without files.
    pub(super) async fn insert_tree(&mut self) -> Result<i64, DatabaseError> {
        let sql = "INSERT INTO trees DEFAULT VALUES RETURNING id";
        Ok(within!(self, c => sqlx::query_scalar(sql).fetch_one(c).await)?)
    }

    /// Makes a realm, or brings a deleted one back under its old number, with an empty tree. Adds one to the registry's
    /// generation. The caller holds the realm's lock and has checked that no live realm is there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn insert_realm(&mut self, new: &NewRealm<'_>) -> Result<WriteTarget, DatabaseError> {
        let tree = self.insert_tree().await?;
        let sql = "INSERT INTO realms (url, kind, folder, tree_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $5)
                   ON CONFLICT (url) DO UPDATE SET kind = excluded.kind, folder = excluded.folder, tree_id = excluded.tree_id,
                       settings = NULL, deleted_at = NULL, archived_at = NULL, created_at = excluded.created_at,
                       updated_at = CASE WHEN realms.updated_at > excluded.updated_at THEN realms.updated_at ELSE excluded.updated_at END
                   RETURNING id, tree_id, generation, updated_at, kind, FALSE, created_at";
        let made: TargetColumns = within!(self, c => sqlx::query_as(sql)
            .bind(new.url.as_str()).bind(new.kind.as_str()).bind(new.folder).bind(tree).bind(now())
            .fetch_one(c).await)?;
        let made = target(made);
        // A deleted realm that comes back has nothing of before.
        self.forget_index(made.id).await?;
        self.bump_registry().await?;
        Ok(made)
    }

    /// The bootstrap realm that follows `folder`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn realm_of_folder(
        &mut self,
        folder: &str,
    ) -> Result<Option<(RealmId, String)>, DatabaseError> {
        let sql = "SELECT id, url FROM realms WHERE folder = $1 AND deleted_at IS NULL";
        let found: Option<(i64, String)> =
            within!(self, c => sqlx::query_as(sql).bind(folder).fetch_optional(c).await)?;
        Ok(found.map(|(id, url)| (RealmId(id), url)))
    }

    /// Gives a bootstrap realm another URL: its folder is served under another origin now.
    ///
    /// # Errors
    /// When the database is away, or another realm has the URL.
    pub async fn rehome(&mut self, realm: RealmId, url: &RealmUrl) -> Result<(), DatabaseError> {
        // A deleted realm may still hold the name; it keeps its row under a name that no request can have.
        let free =
            "UPDATE realms SET url = 'deleted:' || id WHERE url = $1 AND deleted_at IS NOT NULL";
        within!(self, c => sqlx::query(free).bind(url.as_str()).execute(c).await.map(drop))?;
        let old: String = within!(self, c => sqlx::query_scalar("SELECT url FROM realms WHERE id = $1").bind(realm.0).fetch_one(c).await)?;
        let sql = "UPDATE realms SET url = $2, updated_at = $3 WHERE id = $1";
        within!(self, c => sqlx::query(sql).bind(realm.0).bind(url.as_str()).bind(now()).execute(c).await.map(drop))?;
        // What its documents were made from has other names now, and so has what others have read of it.
        self.forget_index(realm).await?;
        self.want_job(Lane::Index, realm, URGENT).await?;
        for url in [RealmUrl::parse(&old).ok().as_ref(), Some(url)]
            .into_iter()
            .flatten()
        {
            self.visit_readers_within(url).await?;
        }
        self.bump_registry().await
    }

    pub(super) async fn bump_registry(&mut self) -> Result<(), DatabaseError> {
        if mutant!("registry-not-counted") {
            return Ok(());
        }
        let sql = "UPDATE counters SET generation = generation + 1 WHERE name = 'registry'";
        within!(self, c => sqlx::query(sql).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Remembers the last good `realm.json`; none when the file is gone.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_settings(
        &mut self,
        realm: RealmId,
        blob: Option<BlobHash>,
    ) -> Result<(), DatabaseError> {
        let bytes = blob.map(|blob| blob.as_bytes().to_vec());
        within!(self, c => sqlx::query("UPDATE realms SET settings = $2 WHERE id = $1").bind(realm.0).bind(bytes).execute(c).await.map(drop))?;
        Ok(())
    }
}
