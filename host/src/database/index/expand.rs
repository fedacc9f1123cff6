use serde_json::json;
use sqlx::AssertSqlSafe;

use super::url_key;
use super::visits::readers;
use crate::database::jobs::URGENT;
use crate::database::{Database, DatabaseError, Transaction, within};
use crate::realm::{Generation, LocalPath, RealmId, RealmUrl};

/// What a turn of the index lane did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expanded {
    /// Changes became visits, in these realms.
    Changes {
        /// Realms whose render lane has been wished for.
        woken: Vec<RealmId>,
        /// Whether there is more to do.
        more: bool,
    },
    /// There was nothing to do.
    Nothing,
    /// Another worker has moved the cursor meanwhile.
    Elsewhere,
    /// The realm is deleted, and a part of its index was taken away; whether there is more.
    Cleared(bool),
}

/// Rows that are taken away of a deleted realm in one transaction.
const BATCH: i64 = 1000;

impl Database {
    /// Turns what has changed in a realm since its cursor into visits, of this realm and of every other that has read what
    /// changed, and moves the cursor, in one transaction. Of a deleted realm, what the index has goes.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn expand(&self, realm: RealmId, plugins: &str) -> Result<Expanded, DatabaseError> {
        let mut transaction = self.begin().await?;
        let done = transaction.expand(realm, plugins).await?;
        if done == Expanded::Elsewhere {
            return Ok(done);
        }
        #[cfg(feature = "under-test")]
        crate::gates::pass("expanded", "").await;
        transaction.commit().await?;
        Ok(done)
    }
}

impl Transaction {
    async fn expand(&mut self, realm: RealmId, plugins: &str) -> Result<Expanded, DatabaseError> {
        let sql = "SELECT r.url, r.deleted_at IS NOT NULL, c.generation FROM realms r
                   LEFT JOIN index_cursors c ON c.realm_id = r.id WHERE r.id = $1";
        type Columns = (String, bool, Option<i64>);
        let row: Option<Columns> =
            within!(self, c => sqlx::query_as(sql).bind(realm.0).fetch_optional(c).await)?;
        let Some((url, deleted, cursor)) = row else {
            return Ok(Expanded::Nothing);
        };
        // The generation and the rows are of one snapshot; the statements after it may see more, which comes again then.
        let Some(seen) = self
            .changes_since(realm, cursor.unwrap_or_default())
            .await?
        else {
            return Ok(Expanded::Nothing);
        };
        if cursor == Some(seen.generation) {
            return if deleted {
                Ok(Expanded::Cleared(self.clear_index(realm).await?))
            } else {
                Ok(Expanded::Nothing)
            };
        }
        let mut generations: Vec<_> = seen.rows.iter().map(|row| row.generation).collect();
        generations.dedup();
        let after = cursor.unwrap_or_default();
        let reaches = cursor.is_some() && generations.first() == Some(&(after + 1));
        let last = generations.last().copied().unwrap_or_default();
        let gapless = generations.len() as i64 == last - after;
        let whole_log = (reaches && gapless) || mutant!("pruned-log-expanded-in-part");
        let paths: Option<Vec<&LocalPath>> =
            seen.rows.iter().map(|row| row.path.as_ref()).collect();
        let parsed = RealmUrl::parse(&url).ok();
        let (woken, reached) = match (paths, &parsed) {
            (Some(paths), Some(url)) if whole_log && !deleted => {
                // More than one read of the log gives comes in the next turn.
                (self.visit_changed(realm, url, &paths).await?, last)
            }
            (_, url) => {
                let mut woken = self.sweep(realm, 0).await?;
                if let Some(url) = url {
                    let others = self.visit_readers_within(url).await?;
                    woken.extend(others.into_iter().filter(|other| *other != realm));
                }
                (woken, seen.generation)
            }
        };
        if !self.move_cursor(realm, cursor, reached, plugins).await? {
            return Ok(Expanded::Elsewhere);
        }
        Ok(Expanded::Changes {
            woken,
            more: deleted || reached < seen.generation,
        })
    }

    /// Visits of changed files, and of whoever has read them, under their names and those that they may be asked for as.
    async fn visit_changed(
        &mut self,
        realm: RealmId,
        url: &RealmUrl,
        changed: &[&LocalPath],
    ) -> Result<Vec<RealmId>, DatabaseError> {
        let paths: Vec<&str> = changed.iter().map(|path| path.as_str()).collect();
        let mut urls: Vec<String> = Vec::with_capacity(changed.len() * 2);
        for path in changed {
            urls.push(url_key(&url.join(path)));
            let aliases = path
                .aliases()
                .filter_map(|alias| LocalPath::new(alias).ok());
            if !mutant!("readers-of-aliases-not-visited") {
                urls.extend(aliases.map(|alias| url_key(&url.join(&alias))));
            }
        }
        let source = format!(
            "SELECT CAST($1 AS BIGINT) AS realm_id, value AS path FROM {} AS changed UNION {}",
            self.items("$2"),
            readers(&format!("d.url IN {}", self.items("$3")))
        );
        let bound = [json!(paths).to_string(), json!(urls).to_string()];
        self.visit(&source, realm, &bound, URGENT).await
    }

    /// Moves the cursor from where it was; whether it still was there.
    async fn move_cursor(
        &mut self,
        realm: RealmId,
        from: Option<Generation>,
        to: Generation,
        plugins: &str,
    ) -> Result<bool, DatabaseError> {
        let moved = match from {
            Some(from) => {
                let sql = "UPDATE index_cursors SET generation = $3 WHERE realm_id = $1 AND generation = $2";
                within!(self, c => sqlx::query(sql).bind(realm.0).bind(from).bind(to).execute(c).await.map(|done| done.rows_affected()))?
            }
            None => {
                let sql = "INSERT INTO index_cursors (realm_id, generation, plugins) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
                within!(self, c => sqlx::query(sql).bind(realm.0).bind(to).bind(plugins).execute(c).await.map(|done| done.rows_affected()))?
            }
        };
        Ok(moved > 0)
    }

    /// Takes away a batch of what the index has of a deleted realm; whether there may be more.
    async fn clear_index(&mut self, realm: RealmId) -> Result<bool, DatabaseError> {
        // Held, so that it does not come back meanwhile.
        let hold = match self {
            Self::Postgres(..) => "FOR SHARE",
            Self::Sqlite(_) => "",
        };
        let sql = format!("SELECT deleted_at IS NOT NULL FROM realms WHERE id = $1 {hold}");
        let deleted: Option<bool> = within!(self, c => sqlx::query_scalar(AssertSqlSafe(sql)).bind(realm.0).fetch_optional(c).await)?;
        if deleted != Some(true) {
            return Ok(false);
        }
        let mut gone = 0;
        for sql in [
            "DELETE FROM index_visits WHERE realm_id = $1 AND path IN (SELECT path FROM index_visits WHERE realm_id = $1 LIMIT $2)",
            "DELETE FROM index_entries WHERE id IN (SELECT id FROM index_entries WHERE realm_id = $1 LIMIT $2)",
        ] {
            gone += within!(self, c => sqlx::query(sql).bind(realm.0).bind(BATCH).execute(c).await.map(|done| done.rows_affected()))?;
        }
        Ok(gone > 0)
    }

    /// Takes away all that the index has of a realm, its cursor included: it is indexed from scratch.
    ///
    /// # Errors
    /// When the database is away.
    pub(in crate::database) async fn forget_index(
        &mut self,
        realm: RealmId,
    ) -> Result<(), DatabaseError> {
        if mutant!("index-of-before-kept") {
            return Ok(());
        }
        for sql in [
            "DELETE FROM index_visits WHERE realm_id = $1",
            "DELETE FROM index_entries WHERE realm_id = $1",
            "DELETE FROM index_cursors WHERE realm_id = $1",
        ] {
            within!(self, c => sqlx::query(sql).bind(realm.0).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}
