//! The change log: one row per changed path of a commit, or one for the whole realm.

use std::time::Duration;

use super::jobs::{Lane, URGENT, WISH_AGAIN};
use super::replicas::POSTGRES_NOW;
use super::{Database, DatabaseError, Transaction, WriteTarget, answered, now, on, within};
use crate::realm::{Generation, LocalPath, RealmId};

/// A committed change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRow {
    /// The commit's generation.
    pub generation: Generation,
    /// What changed; none: the whole realm.
    pub path: Option<LocalPath>,
}

/// What one statement saw of a realm's log.
#[derive(Clone, Debug)]
pub struct Changes {
    /// The realm's generation in that statement's snapshot.
    pub generation: Generation,
    /// The rows asked for, in commit order; cut off after [`Changes::MOST`].
    pub rows: Vec<ChangeRow>,
}

impl Changes {
    /// The most rows that one read of the log gives: whoever is further behind treats the realm as wholly changed.
    pub const MOST: usize = 10_000;
}

const SINCE: &str = "SELECT r.generation, c.generation, c.path
     FROM realms r LEFT JOIN changes c ON c.realm_id = r.id AND c.generation > $2
     WHERE r.id = $1 ORDER BY c.generation LIMIT 10001";

type Columns = (i64, Option<i64>, Option<String>);

fn changes(mut rows: Vec<Columns>) -> Option<Changes> {
    let generation = rows.first()?.0;
    if rows.len() > Changes::MOST {
        // The last commit's rows may be cut off: without any of them, the reader sees the gap.
        let last = rows.last()?.1;
        rows.retain(|(_, generation, _)| *generation != last);
    }
    let rows = rows.into_iter().filter_map(|(_, generation, path)| {
        // A path that is none any more (a rule has changed since) is covered by the whole realm.
        let path = path.and_then(|path| LocalPath::new(&path).ok());
        Some(ChangeRow {
            generation: generation?,
            path,
        })
    });
    Some(Changes {
        generation,
        rows: rows.collect(),
    })
}

impl Database {
    /// The rows after `after`, with the realm's generation in the same snapshot; none when there is no such realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn changes_since(
        &self,
        realm: RealmId,
        after: Generation,
    ) -> Result<Option<Changes>, DatabaseError> {
        let rows: Vec<Columns> = on!(self, pool => sqlx::query_as(SINCE).bind(realm.0).bind(after).fetch_all(pool).await)?;
        Ok(changes(rows))
    }

    /// Takes away rows older than `age`; how many there were.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn prune_changes(&self, age: Duration) -> Result<u64, DatabaseError> {
        let before = now() - i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let sql = "DELETE FROM changes WHERE created_at < $1";
        Ok(
            on!(self, pool => sqlx::query(sql).bind(before).execute(pool).await.map(|done| done.rows_affected()))?,
        )
    }
}

impl Transaction {
    /// Adds one to the realm's generation and logs what changed (`None`: the whole realm), and wishes for it to be indexed; the
    /// new generation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn log_change(
        &mut self,
        target: WriteTarget,
        paths: Option<&[LocalPath]>,
    ) -> Result<Generation, DatabaseError> {
        let paths: Vec<Option<&str>> = paths.map_or_else(
            || vec![None],
            |paths| paths.iter().map(|path| Some(path.as_str())).collect(),
        );
        let bump = "UPDATE realms SET generation = generation + 1, updated_at = $2 WHERE id = $1 RETURNING generation";
        // Where the dialect has it, one statement for all of it.
        if let Self::Postgres(transaction, limit) = self {
            let now = POSTGRES_NOW;
            let sql = format!(
                "WITH bumped AS ({bump}), logged AS (
                     INSERT INTO changes (realm_id, generation, path, created_at)
                     SELECT $1, bumped.generation, path, $2 FROM bumped, unnest($3::TEXT[]) AS paths (path)),
                 wished AS (INSERT INTO jobs (lane, realm_id, priority, since) SELECT 'index', $1, {URGENT}, {now} FROM bumped {WISH_AGAIN})
                 SELECT generation FROM bumped"
            );
            let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .bind(target.id.0)
                .bind(target.at)
                .bind(paths);
            #[cfg(feature = "under-test")]
            crate::gates::statement().await;
            return Ok(answered(*limit, query.fetch_one(&mut **transaction)).await?);
        }
        let generation: i64 = within!(self, c => sqlx::query_scalar(bump).bind(target.id.0).bind(target.at).fetch_one(c).await)?;
        let insert =
            "INSERT INTO changes (realm_id, generation, path, created_at) VALUES ($1, $2, $3, $4)";
        for path in paths {
            within!(self, c => sqlx::query(insert).bind(target.id.0).bind(generation).bind(path).bind(target.at).execute(c).await.map(drop))?;
        }
        self.want_job(Lane::Index, target.id, URGENT).await?;
        Ok(generation)
    }

    /// The rows after `after`, as this transaction sees them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn changes_since(
        &mut self,
        realm: RealmId,
        after: Generation,
    ) -> Result<Option<Changes>, DatabaseError> {
        let rows: Vec<Columns> =
            within!(self, c => sqlx::query_as(SINCE).bind(realm.0).bind(after).fetch_all(c).await)?;
        Ok(changes(rows))
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, changes};

    #[test]
    fn a_commit_that_was_cut_off_is_left_out_whole() {
        let row = |generation: i64, path: usize| (7, Some(generation), Some(format!("{path}.txt")));
        let rows = (0..6000)
            .map(|path| row(6, path))
            .chain((0..4001).map(|path| row(7, path)));
        let cut = changes(rows.collect()).unwrap();
        assert_eq!((cut.generation, cut.rows.len()), (7, 6000));
        assert!(cut.rows.iter().all(|row| row.generation == 6));
        let all = changes((0..Changes::MOST).map(|path| row(7, path)).collect()).unwrap();
        assert_eq!(all.rows.len(), Changes::MOST);
    }
}
