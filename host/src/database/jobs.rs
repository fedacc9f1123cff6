//! Jobs: wake-ups of the workers, one per realm and lane. A row is there while something may be to do; whoever works on it
//! holds it by a lease, on the database's clock. What there is to do stands elsewhere: in the cursors and the visits.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Database, DatabaseError, Transaction, on, within};
use crate::realm::RealmId;

/// Which part of the indexing of a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lane {
    /// Changes become visits.
    Index,
    /// Visits are made.
    Render,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Index, Self::Render];

    /// The lane's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Render => "render",
        }
    }

    /// A job as notifications name it: `<lane>:<realm's number>`.
    #[must_use]
    pub fn job(text: &str) -> Option<(Self, RealmId)> {
        let (lane, realm) = text.split_once(':')?;
        let lane = Self::ALL.into_iter().find(|known| known.as_str() == lane)?;
        Some((lane, RealmId(realm.parse().ok()?)))
    }

    fn from_column(text: &str) -> Self {
        match text {
            "index" => Self::Index,
            _ => Self::Render,
        }
    }
}

/// A job that this worker holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The lane.
    pub lane: Lane,
    /// The realm.
    pub realm: RealmId,
    /// How often it had been wished for when it was claimed.
    pub wanted: i64,
    /// How often it has failed in a row.
    pub attempts: i64,
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobCount {
    /// Of which lane.
    pub lane: Lane,
    /// `running`, `waiting`, or `failed`: it waits to be tried again.
    pub state: &'static str,
    /// So many.
    pub count: i64,
}

/// What somebody waits for goes first.
pub const URGENT: i64 = 10;

/// What a wish does to a job that is wished for already. A failure is forgotten: what was changed may have been its reason.
pub(super) const WISH_AGAIN: &str = "ON CONFLICT (lane, realm_id) DO UPDATE SET wanted = jobs.wanted + 1, not_before = 0,
     priority = CASE WHEN excluded.priority > jobs.priority THEN excluded.priority ELSE jobs.priority END";

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

impl Database {
    /// Takes up to `most` jobs of a lane that nobody works on, the most urgent first, and of those the one that has waited
    /// longest. Those of realms that were visited with other plugins than `plugins` are left to others for a lease.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn claim_jobs(
        &self,
        worker: &str,
        lane: Lane,
        most: usize,
        lease: Duration,
        plugins: &str,
    ) -> Result<Vec<Job>, DatabaseError> {
        let now = self.clock();
        // A row that is locked is being claimed, or wished for by somebody who will say so.
        let unless_locked = match self {
            Self::Postgres(_) => "FOR UPDATE OF j SKIP LOCKED",
            Self::Sqlite(_) => "",
        };
        let free = if mutant!("job-run-by-two") {
            "TRUE"
        } else {
            "j.leased_until < now.at"
        };
        let sql = format!(
            "WITH now (at) AS (SELECT {now}), free AS (
                 SELECT j.lane, j.realm_id FROM jobs j JOIN now ON TRUE LEFT JOIN index_cursors c ON c.realm_id = j.realm_id
                 WHERE j.lane = $2 AND {free} AND j.not_before <= now.at
                     AND (j.lane = 'index' OR j.since < now.at - $3 OR COALESCE(c.plugins, '') IN ('', $5))
                 ORDER BY j.priority DESC, j.not_before, j.since LIMIT $4 {unless_locked})
             UPDATE jobs SET worker = $1, leased_until = (SELECT at FROM now) + $3
             WHERE EXISTS (SELECT 1 FROM free WHERE free.lane = jobs.lane AND free.realm_id = jobs.realm_id)
             RETURNING lane, realm_id, wanted, attempts"
        );
        let rows: Vec<(String, i64, i64, i64)> = on!(self, pool => sqlx::query_as(AssertSqlSafe(sql))
            .bind(worker).bind(lane.as_str()).bind(millis(lease)).bind(i64::try_from(most).unwrap_or(i64::MAX)).bind(plugins)
            .fetch_all(pool).await)?;
        let job = |(lane, realm, wanted, attempts): (String, i64, i64, i64)| Job {
            lane: Lane::from_column(&lane),
            realm: RealmId(realm),
            wanted,
            attempts,
        };
        Ok(rows.into_iter().map(job).collect())
    }

    /// Renews the leases of all that this worker holds; what that is. What another has taken over is not among it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn renew_jobs(
        &self,
        worker: &str,
        lease: Duration,
    ) -> Result<Vec<(Lane, RealmId)>, DatabaseError> {
        // In the order in which others lock several of them.
        let (now, in_order) = match self {
            Self::Postgres(_) => (self.clock(), "ORDER BY lane, realm_id FOR UPDATE"),
            Self::Sqlite(_) => (self.clock(), ""),
        };
        let sql = format!(
            "WITH mine AS (SELECT lane, realm_id FROM jobs WHERE worker = $1 {in_order})
             UPDATE jobs SET leased_until = {now} + $2
             WHERE EXISTS (SELECT 1 FROM mine WHERE mine.lane = jobs.lane AND mine.realm_id = jobs.realm_id)
             RETURNING lane, realm_id"
        );
        let rows: Vec<(String, i64)> = on!(self, pool => sqlx::query_as(AssertSqlSafe(sql))
            .bind(worker).bind(millis(lease)).fetch_all(pool).await)?;
        let key = |(lane, realm): (String, i64)| (Lane::from_column(&lane), RealmId(realm));
        Ok(rows.into_iter().map(key).collect())
    }

    /// A job is done. Whether there is none any more: one that was wished for while it ran waits to run again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn finish_job(&self, worker: &str, job: Job) -> Result<bool, DatabaseError> {
        let wished = if mutant!("wish-while-it-ran-forgotten") {
            "$4 = $4"
        } else {
            "wanted = $4"
        };
        let sql = format!(
            "DELETE FROM jobs WHERE lane = $1 AND realm_id = $2 AND worker = $3 AND {wished}"
        );
        let done = on!(self, pool => sqlx::query(AssertSqlSafe(sql))
            .bind(job.lane.as_str()).bind(job.realm.0).bind(worker).bind(job.wanted)
            .execute(pool).await.map(|done| done.rows_affected()))?;
        if done > 0 {
            return Ok(true);
        }
        let sql = "UPDATE jobs SET worker = NULL, leased_until = 0, attempts = 0, error = NULL
                   WHERE lane = $1 AND realm_id = $2 AND worker = $3";
        on!(self, pool => sqlx::query(sql)
            .bind(job.lane.as_str()).bind(job.realm.0).bind(worker).execute(pool).await.map(drop))?;
        Ok(false)
    }

    /// Gives a job back: it goes on after `pause`, with this priority, wherever there is room. With an error, it has failed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn postpone_job(
        &self,
        worker: &str,
        job: Job,
        pause: Duration,
        priority: i64,
        error: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let attempts = if error.is_some() { job.attempts + 1 } else { 0 };
        // Wished for meanwhile, it does not wait.
        let sql = format!(
            "UPDATE jobs SET worker = NULL, leased_until = 0, attempts = $4, error = $5,
                 priority = CASE WHEN wanted = $8 THEN $7 ELSE priority END,
                 not_before = CASE WHEN wanted = $8 THEN {} + $6 ELSE 0 END
             WHERE lane = $1 AND realm_id = $2 AND worker = $3",
            self.clock()
        );
        on!(self, pool => sqlx::query(AssertSqlSafe(sql))
            .bind(job.lane.as_str()).bind(job.realm.0).bind(worker).bind(attempts).bind(error)
            .bind(millis(pause)).bind(priority).bind(job.wanted).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Gives back all that a worker holds: it stops. On an embedded database, whoever held something is gone.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn give_jobs_back(&self, worker: &str) -> Result<(), DatabaseError> {
        let sql = "UPDATE jobs SET worker = NULL, leased_until = 0 WHERE worker = $1";
        on!(self, pool => sqlx::query(sql).bind(worker).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Frees every job, whoever holds it: an embedded database has one worker, which has just started.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn free_jobs(&self) -> Result<(), DatabaseError> {
        let sql = "UPDATE jobs SET worker = NULL, leased_until = 0 WHERE worker IS NOT NULL";
        on!(self, pool => sqlx::query(sql).execute(pool).await.map(drop))?;
        Ok(())
    }

    /// Wishes for what is to be done and nobody has wished for: realms whose cursor is behind, and visits that are left.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn recover_jobs(&self) -> Result<u64, DatabaseError> {
        let now = self.clock();
        let sql = format!(
            "INSERT INTO jobs (lane, realm_id, since)
             SELECT 'index', r.id, {now} FROM realms r LEFT JOIN index_cursors c ON c.realm_id = r.id
             WHERE (r.deleted_at IS NULL OR c.realm_id IS NOT NULL) AND COALESCE(c.generation, -1) < r.generation
                 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.lane = 'index' AND j.realm_id = r.id)
             UNION ALL
             SELECT 'render', r.id, {now} FROM realms r
             WHERE r.deleted_at IS NULL AND EXISTS (SELECT 1 FROM index_visits v WHERE v.realm_id = r.id)
                 AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.lane = 'render' AND j.realm_id = r.id)
             ORDER BY 1, 2
             ON CONFLICT (lane, realm_id) DO NOTHING"
        );
        Ok(
            on!(self, pool => sqlx::query(AssertSqlSafe(sql)).execute(pool).await.map(|done| done.rows_affected()))?,
        )
    }

    /// How long the oldest change has waited to be turned into visits; none: none waits.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_lag(&self) -> Result<Option<Duration>, DatabaseError> {
        let sql = format!(
            "SELECT {} - min(l.created_at) FROM realms r JOIN index_cursors c ON c.realm_id = r.id
             JOIN changes l ON l.realm_id = r.id AND l.generation > c.generation
             WHERE c.generation < r.generation",
            self.clock()
        );
        let lag: Option<i64> =
            on!(self, pool => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await)?;
        Ok(lag.map(|lag| Duration::from_millis(u64::try_from(lag).unwrap_or(0))))
    }

    /// How many jobs there are, by lane and state.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn count_jobs(&self) -> Result<Vec<JobCount>, DatabaseError> {
        let sql = "SELECT lane, CASE WHEN worker IS NOT NULL THEN 0 WHEN error IS NULL THEN 1 ELSE 2 END AS state, count(*)
                   FROM jobs GROUP BY 1, 2";
        let rows: Vec<(String, i32, i64)> =
            on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
        let count = |(lane, state, count): (String, i32, i64)| JobCount {
            lane: Lane::from_column(&lane),
            state: ["running", "waiting", "failed"][usize::try_from(state).unwrap_or(1).min(2)],
            count,
        };
        Ok(rows.into_iter().map(count).collect())
    }
}

impl Transaction {
    /// Wishes for a job of a realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn want_job(
        &mut self,
        lane: Lane,
        realm: RealmId,
        priority: i64,
    ) -> Result<(), DatabaseError> {
        let sql = format!(
            "INSERT INTO jobs (lane, realm_id, priority, since) VALUES ($1, $2, $3, {}) {WISH_AGAIN}",
            self.clock()
        );
        within!(self, c => sqlx::query(AssertSqlSafe(sql)).bind(lane.as_str()).bind(realm.0).bind(priority).execute(c).await.map(drop))?;
        Ok(())
    }
}
