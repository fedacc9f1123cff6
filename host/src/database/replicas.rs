//! The host processes of the cluster, as each has last said of itself.

use std::time::Duration;

use super::{Database, DatabaseError, on};

/// What one replica has last said of itself.
#[derive(Clone, Debug)]
pub struct ReplicaRow {
    /// Its number, new with every start.
    pub id: String,
    /// Of its public socket.
    pub url: String,
    /// Of its program.
    pub version: String,
    /// How long ago it started, by the database's clock.
    pub started: Duration,
    /// How long ago it said so, by the database's clock.
    pub seen: Duration,
    /// JSON: the checks of `/_ready`.
    pub checks: String,
}

/// What the database's clock says, in milliseconds since 1970: replicas' own clocks may differ.
pub(super) const POSTGRES_NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT";
const SQLITE_NOW: &str = "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

impl super::Transaction {
    pub(super) fn clock(&self) -> &'static str {
        match self {
            Self::Postgres(..) => POSTGRES_NOW,
            Self::Sqlite(_) => SQLITE_NOW,
        }
    }
}

impl Database {
    pub(super) fn clock(&self) -> &'static str {
        match self {
            Self::Postgres(_) => POSTGRES_NOW,
            Self::Sqlite(_) => SQLITE_NOW,
        }
    }

    /// The database's clock, in milliseconds since 1970.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn now(&self) -> Result<i64, DatabaseError> {
        let sql = format!("SELECT {}", self.clock());
        Ok(on!(self, pool => sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(pool).await)?)
    }

    /// Says how a replica is.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tell_replica(
        &self,
        id: &str,
        url: &str,
        version: &str,
        checks: &str,
    ) -> Result<(), DatabaseError> {
        let now = self.clock();
        let sql = format!(
            "INSERT INTO replicas (id, url, version, started_at, seen_at, checks) VALUES ($1, $2, $3, {now}, {now}, $4)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, checks = excluded.checks"
        );
        on!(self, pool => sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id).bind(url).bind(version).bind(checks).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Every replica, the youngest last.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn replicas(&self) -> Result<Vec<ReplicaRow>, DatabaseError> {
        type Columns = (String, String, String, i64, i64, String);
        let now = self.clock();
        let sql = format!(
            "SELECT id, url, version, {now} - started_at, {now} - seen_at, checks FROM replicas ORDER BY started_at, id"
        );
        let rows: Vec<Columns> =
            on!(self, pool => sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(pool).await)?;
        let millis = |age: i64| Duration::from_millis(u64::try_from(age).unwrap_or(0));
        let row = |(id, url, version, started, seen, checks)| ReplicaRow {
            id,
            url,
            version,
            started: millis(started),
            seen: millis(seen),
            checks,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    /// Takes a replica away that stops, and those that have said nothing for `age`.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn forget_replicas(&self, id: &str, age: Duration) -> Result<(), DatabaseError> {
        let sql = format!(
            "DELETE FROM replicas WHERE id = $1 OR seen_at < {} - $2",
            self.clock()
        );
        let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        on!(self, pool => sqlx::query(sqlx::AssertSqlSafe(sql)).bind(id).bind(age).execute(pool).await.map(drop))?;
        Ok(())
    }
}
