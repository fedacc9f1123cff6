use std::time::Duration;

use serde_json::json;
use sqlx::AssertSqlSafe;

use super::range;
use crate::database::jobs::{Lane, WISH_AGAIN};
use crate::database::{Database, DatabaseError, Transaction, on, within};
use crate::realm::{Generation, LocalPath, RealmId, RealmUrl};

/// A file to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Which.
    pub path: LocalPath,
    /// A wish that comes later has another number.
    pub number: i64,
    /// How urgent it is.
    pub priority: i64,
    /// How often it has failed in a row.
    pub attempts: i64,
}

/// Visits of a realm.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    /// The realm's cursor: no visit is made on anything older.
    pub cursor: Generation,
    /// Those that may be made now, the most urgent first.
    pub due: Vec<Visit>,
    /// How long until the next of the others may be; none: there is none.
    pub next: Option<Duration>,
}

/// Every file of a realm, and every entry.
pub(super) const EVERYTHING: &str = "SELECT r.id AS realm_id, f.path FROM realms r JOIN files f ON f.tree_id = r.tree_id
     WHERE r.id = $1 AND r.deleted_at IS NULL
     UNION SELECT e.realm_id, e.path FROM index_entries e JOIN realms r ON r.id = e.realm_id AND r.deleted_at IS NULL
     WHERE e.realm_id = $1";

/// The entries of live realms that have read what `condition` says of `d.url`.
pub(super) fn readers(condition: &str) -> String {
    format!(
        "SELECT e.realm_id, e.path FROM index_reads d JOIN index_entries e ON e.id = d.entry_id
         JOIN realms r ON r.id = e.realm_id AND r.deleted_at IS NULL WHERE {condition}"
    )
}

impl Database {
    /// The URL of a realm that is not deleted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn url_of(&self, realm: RealmId) -> Result<Option<RealmUrl>, DatabaseError> {
        let sql = "SELECT url FROM realms WHERE id = $1 AND deleted_at IS NULL";
        let url: Option<String> =
            on!(self, pool => sqlx::query_scalar(sql).bind(realm.0).fetch_optional(pool).await)?;
        Ok(url.and_then(|url| RealmUrl::parse(&url).ok()))
    }

    /// Wishes for every file of a realm to be looked at again; whether there is such a realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn visit_everything(&self, realm: RealmId) -> Result<bool, DatabaseError> {
        let mut transaction = self.begin().await?;
        let sql = "SELECT 1 FROM realms WHERE id = $1 AND deleted_at IS NULL";
        let there: Option<i32> = within!(&mut transaction, c => sqlx::query_scalar(sql).bind(realm.0).fetch_optional(c).await)?;
        if there.is_none() {
            return Ok(false);
        }
        transaction.sweep(realm, 0).await?;
        transaction.want_job(Lane::Render, realm, 0).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The realms that were last visited with other plugins than these.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn visited_with_others(&self, plugins: &str) -> Result<Vec<RealmId>, DatabaseError> {
        let sql = "SELECT c.realm_id FROM index_cursors c JOIN realms r ON r.id = c.realm_id AND r.deleted_at IS NULL
                   WHERE c.plugins <> $1 ORDER BY c.realm_id";
        let rows: Vec<i64> =
            on!(self, pool => sqlx::query_scalar(sql).bind(plugins).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(RealmId).collect())
    }

    /// Wishes for every file of a realm to be visited with these plugins, unless somebody has; whether it did.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn visit_with(&self, realm: RealmId, plugins: &str) -> Result<bool, DatabaseError> {
        let mut transaction = self.begin().await?;
        let sql = "UPDATE index_cursors SET plugins = $2 WHERE realm_id = $1 AND plugins <> $2";
        let mine = within!(&mut transaction, c => sqlx::query(sql).bind(realm.0).bind(plugins).execute(c).await.map(|done| done.rows_affected()))?;
        if mine == 0 {
            return Ok(false);
        }
        transaction.sweep(realm, 0).await?;
        transaction.want_job(Lane::Render, realm, 0).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Says that a worker with these plugins makes visits of a realm: if it was swept with others, several sets have worked
    /// on it from here on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn mix_plugins(&self, realm: RealmId, plugins: &str) -> Result<(), DatabaseError> {
        let sql =
            "UPDATE index_cursors SET plugins = '' WHERE realm_id = $1 AND plugins NOT IN ($2, '')";
        on!(self, pool => sqlx::query(sql).bind(realm.0).bind(plugins).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Visits to be made, and the cursor that they came with.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn visits(&self, realm: RealmId, most: usize) -> Result<Visits, DatabaseError> {
        let now = self.clock();
        let sql = format!(
            "SELECT c.generation, v.path, v.number, v.priority, v.attempts, v.not_before - {now}
             FROM realms r JOIN index_cursors c ON c.realm_id = r.id LEFT JOIN index_visits v ON v.realm_id = r.id
             WHERE r.id = $1 AND r.deleted_at IS NULL
             ORDER BY CASE WHEN v.not_before > {now} THEN v.not_before ELSE 0 END, v.priority DESC, v.number LIMIT $2"
        );
        type Columns = (
            i64,
            Option<String>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
        );
        let rows: Vec<Columns> = on!(self, pool => sqlx::query_as(AssertSqlSafe(sql))
            .bind(realm.0).bind(i64::try_from(most).unwrap_or(i64::MAX)).fetch_all(pool).await)?;
        let mut visits = Visits::default();
        for (cursor, path, number, priority, attempts, wait) in rows {
            visits.cursor = cursor;
            let (Some(path), Some(number), Some(wait)) = (path, number, wait) else {
                continue;
            };
            if wait > 0 {
                visits.next = Some(Duration::from_millis(wait.unsigned_abs()));
                break;
            }
            if let Ok(path) = LocalPath::new(&path) {
                visits.due.push(Visit {
                    path,
                    number,
                    priority: priority.unwrap_or_default(),
                    attempts: attempts.unwrap_or_default(),
                });
            }
        }
        Ok(visits)
    }

    /// A visit has failed for reasons that pass: it is made again after a pause.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn postpone_visit(
        &self,
        realm: RealmId,
        visit: &Visit,
        pause: Duration,
    ) -> Result<(), DatabaseError> {
        let sql = format!(
            "UPDATE index_visits SET attempts = attempts + 1, not_before = {} + $3 WHERE realm_id = $1 AND number = $2",
            self.clock()
        );
        let pause = i64::try_from(pause.as_millis()).unwrap_or(i64::MAX / 4);
        on!(self, pool => sqlx::query(AssertSqlSafe(sql)).bind(realm.0).bind(visit.number).bind(pause).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// How many visits are to be made, in all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_visits(&self) -> Result<i64, DatabaseError> {
        let sql = "SELECT count(*) FROM index_visits";
        Ok(on!(self, pool => sqlx::query_scalar(sql).fetch_one(pool).await)?)
    }
}

impl Transaction {
    /// Visits of every file and entry of a realm.
    pub(super) async fn sweep(
        &mut self,
        realm: RealmId,
        priority: i64,
    ) -> Result<Vec<RealmId>, DatabaseError> {
        self.visit(EVERYTHING, realm, &[], priority).await
    }

    /// Visits of every entry that has read a URL in a realm.
    pub(in crate::database) async fn visit_readers_within(
        &mut self,
        url: &RealmUrl,
    ) -> Result<Vec<RealmId>, DatabaseError> {
        let (from, to) = range(url);
        let source = readers("d.url >= $2 AND d.url < $3 AND $1 = $1");
        // A distinct realm is bound: what every source of visits has.
        self.visit(&source, RealmId(0), &[from, to], 0).await
    }

    /// Makes visits of what a query gives, and wishes for the render lane of their realms, which are returned.
    pub(super) async fn visit(
        &mut self,
        source: &str,
        realm: RealmId,
        bound: &[String],
        priority: i64,
    ) -> Result<Vec<RealmId>, DatabaseError> {
        let (place, now) = (bound.len() + 2, self.clock());
        let wish = format!(
            "INSERT INTO jobs (lane, realm_id, priority, since)
             SELECT 'render', realm_id, ${place}, {now} FROM (SELECT DISTINCT realm_id FROM made) AS realms
             WHERE TRUE ORDER BY realm_id {WISH_AGAIN} RETURNING realm_id"
        );
        let statements = match self {
            // Rows are locked in one order, whoever locks several.
            Self::Postgres(..) => vec![format!(
                "WITH source AS ({source}), made AS (
                     INSERT INTO index_visits (realm_id, path, priority)
                     SELECT DISTINCT realm_id, path, ${place}::BIGINT FROM source ORDER BY realm_id, path
                     ON CONFLICT (realm_id, path) DO UPDATE SET number = DEFAULT, attempts = 0, not_before = 0,
                         priority = CASE WHEN excluded.priority > index_visits.priority THEN excluded.priority ELSE index_visits.priority END
                     RETURNING realm_id)
                 {wish}"
            )],
            Self::Sqlite(_) => vec![
                format!(
                    "WITH source AS ({source})
                     INSERT OR REPLACE INTO index_visits (realm_id, path, priority)
                     SELECT DISTINCT s.realm_id, s.path, max(${place}, COALESCE(v.priority, ${place}))
                     FROM source s LEFT JOIN index_visits v ON v.realm_id = s.realm_id AND v.path = s.path
                     ORDER BY s.realm_id, s.path RETURNING realm_id"
                ),
                format!("WITH made AS ({source}) {wish}"),
            ],
        };
        let mut woken: Vec<i64> = Vec::new();
        for sql in statements {
            woken = within!(self, c => {
                let mut query = sqlx::query_scalar(AssertSqlSafe(sql)).bind(realm.0);
                for text in bound {
                    query = query.bind(text);
                }
                query.bind(priority).fetch_all(c).await
            })?;
        }
        Ok(woken.into_iter().map(RealmId).collect())
    }

    /// Visits have been made; those that were wished for meanwhile stay.
    pub(super) async fn visited(
        &mut self,
        realm: RealmId,
        numbers: &[i64],
    ) -> Result<(), DatabaseError> {
        let numbers = json!(numbers).to_string();
        let which = if mutant!("visit-wished-for-meanwhile-forgotten") {
            format!(
                "path IN (SELECT path FROM index_visits) AND {} IS NOT NULL",
                "$2"
            )
        } else {
            format!(
                "number IN (SELECT CAST(value AS BIGINT) FROM {} AS made)",
                self.items("$2")
            )
        };
        let sql = format!("DELETE FROM index_visits WHERE realm_id = $1 AND {which}");
        within!(self, c => sqlx::query(AssertSqlSafe(sql)).bind(realm.0).bind(numbers).execute(c).await.map(drop))?;
        Ok(())
    }
}
