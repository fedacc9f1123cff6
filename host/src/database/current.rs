//! The guard of what is stored as current: an outcome is stored in a transaction that holds the realms of its read set as they
//! are, and only if nothing that was read has changed since.

use std::collections::{BTreeMap, HashMap};

use sqlx::AssertSqlSafe;

use super::{Changes, Database, DatabaseError, Transaction, answered, placeholders, within};
use crate::realm::{Generation, LocalPath, RealmId};

/// One look that an outcome was made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// In which realm.
    pub realm: RealmId,
    /// At which path, as it was asked for; none: anywhere, so that any change overtakes it.
    pub path: Option<LocalPath>,
    /// The realm's generation at which it was so.
    pub read_at: Generation,
}

/// What has become of a read set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is as it was, and stays so until the transaction ends; the realms are at these generations.
    Current(HashMap<RealmId, Generation>),
    /// Something of it has changed, in these realms; none: which realm a URL lies in may have.
    Overtaken(Vec<RealmId>),
}

impl Database {
    /// Starts a transaction that stores what was made from a read set. It gives up its wait for a writer before the database
    /// looks for those who wait for each other: such a one should be ended, not somebody's operation.
    ///
    /// # Errors
    /// When the database is away.
    pub(super) async fn begin_storing(&self) -> Result<Transaction, DatabaseError> {
        match self {
            Self::Postgres(pool) => {
                let limit = pool.options().get_acquire_timeout();
                let begin = pool.begin_with("BEGIN; SET LOCAL lock_timeout = 500");
                let begun = answered(limit * 2, begin).await?;
                Ok(Transaction::Postgres(begun, limit + super::GRACE))
            }
            Self::Sqlite(_) => self.begin().await,
        }
    }
}

impl Transaction {
    /// Holds the realms of a read set, and says whether everything in it is still so. `registry`: the registry's generation
    /// before a URL of another realm was asked for. No commit of these realms can come before this transaction's end.
    ///
    /// # Errors
    /// When the database is away, or a writer holds one of the realms for too long.
    pub async fn hold_reads(
        &mut self,
        seen: &[Seen],
        registry: Option<Generation>,
    ) -> Result<Held, DatabaseError> {
        // In one order, whoever holds several.
        let mut realms: BTreeMap<i64, Vec<&Seen>> = BTreeMap::new();
        for look in seen {
            realms.entry(look.realm.0).or_default().push(look);
        }
        let ids: Vec<i64> = realms.keys().copied().collect();
        if mutant!("index-not-guarded") {
            return Ok(Held::Current(self.hold(&ids).await?));
        }
        if mutant!("reads-checked-before-they-are-held") {
            let held = self.generations_of(&ids, "").await?;
            let overtaken = self.overtaken(&realms, &held).await?;
            #[cfg(feature = "under-test")]
            crate::gates::pass("reads-held", about(seen)).await;
            self.hold(&ids).await?;
            return Ok(said(held, overtaken));
        }
        // Realms first, as those do who make and end them.
        let held = self.hold(&ids).await?;
        if let Some(known) = registry
            && !self.registry_is(known).await?
        {
            return Ok(Held::Overtaken(Vec::new()));
        }
        #[cfg(feature = "under-test")]
        crate::gates::pass("reads-held", about(seen)).await;
        // A statement of its own sees every commit from before the locks. In the one above, the snapshot is older than they.
        let overtaken = self.overtaken(&realms, &held).await?;
        Ok(said(held, overtaken))
    }

    /// Holds one realm as it is.
    ///
    /// # Errors
    /// When the database is away, or a writer holds it for too long.
    pub(super) async fn hold_realm(&mut self, realm: RealmId) -> Result<(), DatabaseError> {
        self.hold(&[realm.0]).await.map(drop)
    }

    /// The generations of these realms, which stay what they are until this transaction ends.
    async fn hold(&mut self, ids: &[i64]) -> Result<HashMap<RealmId, Generation>, DatabaseError> {
        // SQLite has one writer, which this transaction is.
        let hold = match self {
            Self::Postgres(..) if !mutant!("reads-not-held") => "FOR SHARE",
            _ => "",
        };
        self.generations_of(ids, hold).await
    }

    async fn generations_of(
        &mut self,
        ids: &[i64],
        hold: &str,
    ) -> Result<HashMap<RealmId, Generation>, DatabaseError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let sql = format!(
            "SELECT id, generation FROM realms WHERE id IN ({}) AND deleted_at IS NULL ORDER BY id {hold}",
            placeholders(1, ids.len())
        );
        let rows: Vec<(i64, i64)> = within!(self, c => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for id in ids {
                query = query.bind(*id);
            }
            query.fetch_all(c).await
        })?;
        Ok(rows
            .into_iter()
            .map(|(id, generation)| (RealmId(id), generation))
            .collect())
    }

    /// Which of the realms have changed in what was read of them.
    async fn overtaken(
        &mut self,
        realms: &BTreeMap<i64, Vec<&Seen>>,
        held: &HashMap<RealmId, Generation>,
    ) -> Result<Vec<RealmId>, DatabaseError> {
        let mut overtaken = Vec::new();
        for (id, looks) in realms {
            let realm = RealmId(*id);
            let oldest = looks.iter().map(|look| look.read_at).min();
            let oldest = oldest.unwrap_or_default();
            let Some(generation) = held.get(&realm) else {
                overtaken.push(realm);
                continue;
            };
            if looks.iter().all(|look| look.read_at == *generation) {
                continue;
            }
            let changes = self.changes_since(realm, oldest).await?;
            if changes.is_none_or(|changes| touches(&changes, looks, oldest, *generation)) {
                overtaken.push(realm);
            }
        }
        Ok(overtaken)
    }

    /// Whether the registry is at this generation, and stays there until this transaction ends.
    async fn registry_is(&mut self, known: Generation) -> Result<bool, DatabaseError> {
        let hold = match self {
            Self::Postgres(..) => "FOR SHARE",
            Self::Sqlite(_) => "",
        };
        let sql = format!("SELECT generation FROM counters WHERE name = 'registry' {hold}");
        let now: i64 =
            within!(self, c => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(c).await)?;
        Ok(now == known || mutant!("registry-not-guarded"))
    }
}

fn said(held: HashMap<RealmId, Generation>, overtaken: Vec<RealmId>) -> Held {
    if overtaken.is_empty() {
        Held::Current(held)
    } else {
        Held::Overtaken(overtaken)
    }
}

/// What a gate is told that a read set is about.
#[cfg(feature = "under-test")]
fn about(seen: &[Seen]) -> &str {
    let first = seen.first().and_then(|look| look.path.as_ref());
    first.map_or("", LocalPath::as_str)
}

/// Whether what was read may have changed between then and now.
fn touches(changes: &Changes, looks: &[&Seen], oldest: Generation, now: Generation) -> bool {
    // The database has gone back, or its log does not reach back that far: then everything may have changed.
    let mut generations: Vec<_> = changes.rows.iter().map(|row| row.generation).collect();
    generations.dedup();
    if now < oldest || generations.len() as i64 != now - oldest {
        return !mutant!("log-that-does-not-reach-back-trusted");
    }
    changes.rows.iter().any(|row| {
        looks.iter().any(|look| {
            let met = match (&row.path, &look.path) {
                (Some(changed), Some(read)) => {
                    let alias = |alias| alias == read.as_str() && !mutant!("alias-not-guarded");
                    changed == read || changed.aliases().any(alias)
                }
                _ => true,
            };
            met && row.generation > look.read_at
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Seen, touches};
    use crate::database::{ChangeRow, Changes};
    use crate::realm::{LocalPath, RealmId};

    fn look(path: &str, read_at: i64) -> Seen {
        Seen {
            realm: RealmId(1),
            path: Some(LocalPath::new(path).unwrap()),
            read_at,
        }
    }

    fn changes(rows: &[(i64, Option<&str>)]) -> Changes {
        let row = |(generation, path): &(i64, Option<&str>)| ChangeRow {
            generation: *generation,
            path: path.map(|path| LocalPath::new(path).unwrap()),
        };
        Changes {
            generation: rows.last().map_or(0, |(generation, _)| *generation),
            rows: rows.iter().map(row).collect(),
        }
    }

    fn met(looks: &[Seen], rows: &[(i64, Option<&str>)]) -> bool {
        let oldest = looks.iter().map(|look| look.read_at).min().unwrap();
        let now = rows.last().map_or(oldest, |(generation, _)| *generation);
        touches(
            &changes(rows),
            &looks.iter().collect::<Vec<_>>(),
            oldest,
            now,
        )
    }

    #[test]
    fn a_change_meets_the_path_and_its_aliases_and_nothing_else() {
        let looks = [look("a/b", 3), look("c.ts", 5)];
        assert!(!met(&looks, &[(4, Some("x")), (5, Some("a/b.d/x"))]));
        assert!(met(&looks, &[(4, Some("a/b"))]));
        assert!(met(&looks, &[(4, Some("a/b.ts"))]));
        assert!(met(&looks, &[(4, Some("x")), (5, None)]));
    }

    #[test]
    fn what_was_read_after_a_change_has_seen_it() {
        let looks = [look("a", 3), look("c", 5)];
        assert!(!met(&looks, &[(4, Some("c")), (5, Some("c"))]));
        assert!(met(
            &looks,
            &[(4, Some("c")), (5, Some("x")), (6, Some("c"))]
        ));
    }

    #[test]
    fn a_log_that_does_not_reach_back_meets_everything() {
        let looks = [look("a", 3)];
        assert!(met(&looks, &[(5, Some("x"))]), "the first row is gone");
        assert!(
            met(&looks, &[(4, Some("x")), (6, Some("x"))]),
            "one between"
        );
        assert!(!met(&looks, &[(4, Some("x")), (5, Some("x"))]));
        let back = touches(&changes(&[]), &[&looks[0]], 3, 2);
        assert!(back, "the database has gone back");
    }
}
