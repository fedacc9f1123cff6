//! Definitions: what a prerenderer found modules to define, with all that it was made from.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Database, DatabaseError, Held, Seen, Transaction, now, on, placeholders, within};
use crate::realm::{Generation, LocalPath, RealmId};

/// A stored definition, as one statement saw it with the realms of its read set.
#[derive(Clone, Debug)]
pub struct DefinitionRow {
    /// Its number; another one each time that it is stored.
    pub id: i64,
    /// The module's path.
    pub path: String,
    /// Where the module was when it was made.
    pub url: String,
    /// What names the state that it was made from.
    pub tag: String,
    /// What it says.
    pub document: String,
    /// For how many milliseconds something has been wrong; none: nothing is.
    pub failing_for: Option<i64>,
    /// The registry's generation that it goes by; none: it needs none.
    pub registry: Option<Generation>,
    /// Whether a realm that something was read of has moved on since it was last found to be true.
    pub moved: bool,
}

/// What one statement saw.
#[derive(Clone, Debug)]
pub struct Definitions {
    /// The registry's generation.
    pub registry: Generation,
    /// How often definitions have been cleared.
    pub cleared: Generation,
    /// The rows that there are.
    pub rows: Vec<DefinitionRow>,
}

/// One look that a definition was made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewRead {
    /// The URL that was asked for.
    pub url: String,
    /// Where that lay; none: in no realm.
    pub place: Option<(RealmId, LocalPath)>,
}

/// A definition to be stored.
#[derive(Clone, Debug)]
pub struct NewDefinition<'a> {
    /// In which realm.
    pub realm: RealmId,
    /// Which module.
    pub path: &'a LocalPath,
    /// The plugins of this host.
    pub plugins: &'a str,
    /// Where the module is.
    pub url: &'a str,
    /// What names the state.
    pub tag: &'a str,
    /// What it says.
    pub document: &'a str,
    /// Whether something is wrong.
    pub failed: bool,
    /// The read set, as the guard takes it.
    pub seen: &'a [Seen],
    /// The read set, as it is stored.
    pub reads: &'a [NewRead],
    /// The registry's generation, where it counts.
    pub registry: Option<Generation>,
    /// How often definitions had been cleared before it was begun.
    pub cleared: Generation,
}

/// What became of a definition that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoredDefinition {
    /// It is stored.
    Stored,
    /// What it was made from has changed, in these realms; none: which realm a URL lies in may have.
    Overtaken(Vec<RealmId>),
    /// Definitions have been cleared since it was begun.
    Cleared,
}

/// Whether a realm that the definition `d` was made from has gone, or is not where it was known to be as it was read.
const MOVED: &str = "EXISTS (
    SELECT 1 FROM definition_realms h LEFT JOIN realms g ON g.id = h.realm_id AND g.deleted_at IS NULL
    WHERE h.definition_id = d.id AND (g.id IS NULL OR g.generation <> h.holds_at))";

impl Definitions {
    /// Rows that one statement is asked for.
    pub const MOST: usize = 500;
}

type Columns = (
    Generation,
    Generation,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
    Option<Generation>,
    Option<bool>,
);

fn row(columns: Columns) -> Option<DefinitionRow> {
    let (_, _, id, path, url, tag, document, failing_for, registry, moved) = columns;
    Some(DefinitionRow {
        id: id?,
        path: path?,
        url: url?,
        tag: tag?,
        document: document?,
        failing_for,
        registry,
        moved: moved?,
    })
}

impl Database {
    /// The definitions of these modules of a realm ([`Definitions::MOST`] at most) that hosts with these plugins have
    /// stored, and for each whether what it was made from is still so: in one statement, so all of it is of one moment.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn definitions(
        &self,
        realm: RealmId,
        paths: &[LocalPath],
        plugins: &str,
    ) -> Result<Definitions, DatabaseError> {
        let sql = format!(
            "SELECT k.registry, k.cleared, d.id, d.path, d.url, d.tag, d.document, {} - d.failed_at, d.registry, {MOVED}
             FROM (SELECT (SELECT generation FROM counters WHERE name = 'registry') AS registry,
                          (SELECT generation FROM counters WHERE name = 'definitions') AS cleared) k
             LEFT JOIN definitions d ON d.realm_id = $1 AND d.plugins = $2 AND d.path IN ({})",
            self.clock(),
            placeholders(3, paths.len())
        );
        let rows: Vec<Columns> = on!(self, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(realm.0).bind(plugins);
            for path in paths {
                query = query.bind(path.as_str());
            }
            query.fetch_all(pool).await
        })?;
        let (registry, cleared) = rows.first().map_or((0, 0), |row| (row.0, row.1));
        Ok(Definitions {
            registry,
            cleared,
            rows: rows.into_iter().filter_map(row).collect(),
        })
    }

    /// What these definitions were made from.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn definition_reads(
        &self,
        ids: &[i64],
    ) -> Result<Vec<(i64, NewRead)>, DatabaseError> {
        let sql = format!(
            "SELECT definition_id, url, realm_id, path FROM definition_reads WHERE definition_id IN ({})",
            placeholders(1, ids.len())
        );
        let rows: Vec<(i64, String, Option<i64>, Option<String>)> = on!(self, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for id in ids {
                query = query.bind(*id);
            }
            query.fetch_all(pool).await
        })?;
        let read = |(id, url, realm, path): (i64, String, Option<i64>, Option<String>)| {
            let path = path.and_then(|path| LocalPath::new(&path).ok());
            let place = realm.map(RealmId).zip(path);
            (id, NewRead { url, place })
        };
        Ok(rows.into_iter().map(read).collect())
    }

    /// Stores a definition in the place of the one before, under the guard of its read set.
    ///
    /// # Errors
    /// When the database is away, or a writer holds one of the realms for too long.
    pub async fn store_definition(
        &self,
        new: &NewDefinition<'_>,
    ) -> Result<StoredDefinition, DatabaseError> {
        let mut transaction = self.begin_storing().await?;
        let held = match transaction.hold_reads(new.seen, new.registry).await? {
            Held::Current(held) => held,
            Held::Overtaken(realms) => return Ok(StoredDefinition::Overtaken(realms)),
        };
        #[cfg(feature = "under-test")]
        crate::gates::pass("definitions-store", new.url).await;
        if !transaction.clears_are(new.cleared).await? {
            return Ok(StoredDefinition::Cleared);
        }
        transaction.insert_definition(new, held).await?;
        transaction.commit().await?;
        Ok(StoredDefinition::Stored)
    }

    /// Takes away what was made from what a commit has changed: these paths of a realm, or everything (`None`), as of
    /// `generation`. Where the modules are that had been defined by it, by URL.
    ///
    /// Whoever is asked for such a row finds out by themselves; this is so that rows that nobody asks for go as well.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn drop_definitions_of(
        &self,
        realm: RealmId,
        paths: Option<&[&str]>,
        generation: Generation,
    ) -> Result<Vec<(RealmId, String)>, DatabaseError> {
        // It waits for nobody who takes some of them away as well.
        let (some, skip) = (
            paths.map(|paths| format!("AND r.path IN ({})", placeholders(3, paths.len()))),
            match self {
                Self::Postgres(_) => "FOR UPDATE SKIP LOCKED",
                Self::Sqlite(_) => "",
            },
        );
        let sql = format!(
            "DELETE FROM definitions WHERE id IN (
                 SELECT d.id FROM definitions d WHERE d.id IN (
                     SELECT r.definition_id FROM definition_reads r
                     JOIN definition_realms h ON h.definition_id = r.definition_id AND h.realm_id = r.realm_id
                     WHERE r.realm_id = $1 AND h.holds_at < $2 {}) {skip})
             RETURNING realm_id, url",
            some.unwrap_or_default()
        );
        let rows: Vec<(i64, String)> = on!(self, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(realm.0).bind(generation);
            for path in paths.into_iter().flatten() {
                query = query.bind(*path);
            }
            query.fetch_all(pool).await
        })?;
        Ok(rows
            .into_iter()
            .map(|(realm, url)| (RealmId(realm), url))
            .collect())
    }

    /// Takes away rows that were found not to be true any more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn drop_definitions(&self, ids: &[i64]) -> Result<(), DatabaseError> {
        for ids in ids.chunks(Definitions::MOST) {
            let skip = match self {
                Self::Postgres(_) => "FOR UPDATE SKIP LOCKED",
                Self::Sqlite(_) => "",
            };
            let sql = format!(
                "DELETE FROM definitions WHERE id IN (SELECT id FROM definitions WHERE id IN ({}) {skip})",
                placeholders(1, ids.len())
            );
            on!(self, pool => {
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for id in ids {
                    query = query.bind(*id);
                }
                query.execute(pool).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// The realms that these definitions were made from, each with the generation at which what was read is known to have
    /// been as it was read.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn definition_realms(
        &self,
        ids: &[i64],
    ) -> Result<Vec<(i64, RealmId, Generation)>, DatabaseError> {
        let sql = format!(
            "SELECT definition_id, realm_id, holds_at FROM definition_realms WHERE definition_id IN ({})",
            placeholders(1, ids.len())
        );
        let rows: Vec<(i64, i64, Generation)> = on!(self, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql));
            for id in ids {
                query = query.bind(*id);
            }
            query.fetch_all(pool).await
        })?;
        let row = |(id, realm, holds_at)| (id, RealmId(realm), holds_at);
        Ok(rows.into_iter().map(row).collect())
    }

    /// These definitions have been found to be true at this generation of a realm: whoever looks next has less to look
    /// through, and the log may be pruned.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn advance_definitions(
        &self,
        ids: &[i64],
        realm: RealmId,
        generation: Generation,
    ) -> Result<(), DatabaseError> {
        // Waiting for nobody: it is for the next one's good alone.
        let skip = match self {
            Self::Postgres(_) => "FOR UPDATE SKIP LOCKED",
            Self::Sqlite(_) => "",
        };
        let sql = format!(
            "UPDATE definition_realms SET holds_at = $2 WHERE realm_id = $1 AND definition_id IN (
                 SELECT definition_id FROM definition_realms
                 WHERE realm_id = $1 AND holds_at < $2 AND definition_id IN ({}) {skip})",
            placeholders(3, ids.len())
        );
        on!(self, pool => {
            let mut query = sqlx::query(AssertSqlSafe(sql)).bind(realm.0).bind(generation);
            for id in ids {
                query = query.bind(*id);
            }
            query.execute(pool).await.map(drop)
        })?;
        Ok(())
    }

    /// The same for the registry's generation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn advance_definitions_registry(
        &self,
        ids: &[i64],
        generation: Generation,
    ) -> Result<(), DatabaseError> {
        let skip = match self {
            Self::Postgres(_) => "FOR UPDATE SKIP LOCKED",
            Self::Sqlite(_) => "",
        };
        let sql = format!(
            "UPDATE definitions SET registry = $1 WHERE id IN (
                 SELECT id FROM definitions WHERE registry < $1 AND id IN ({}) {skip})",
            placeholders(2, ids.len())
        );
        on!(self, pool => {
            let mut query = sqlx::query(AssertSqlSafe(sql)).bind(generation);
            for id in ids {
                query = query.bind(*id);
            }
            query.execute(pool).await.map(drop)
        })?;
        Ok(())
    }

    /// Takes away the definitions of a realm, or all, and sees to it that none is stored any more that was begun before.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_definitions(&self, realm: Option<RealmId>) -> Result<(), DatabaseError> {
        let mut transaction = self.begin().await?;
        // First: whoever is storing has counted before, and is waited for, or counts after.
        let sql = "UPDATE counters SET generation = generation + 1 WHERE name = 'definitions'";
        if !mutant!("definitions-clear-not-counted") {
            within!(&mut transaction, c => sqlx::query(sql).execute(c).await.map(drop))?;
        }
        match realm {
            Some(realm) => transaction.clear_realm_definitions(realm).await?,
            None => {
                let sql = "DELETE FROM definitions";
                within!(&mut transaction, c => sqlx::query(sql).execute(c).await.map(drop))?;
            }
        }
        transaction.commit().await
    }

    /// Takes away what hosts with other plugins made longer than `age` ago; how many there were.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn retire_definitions(
        &self,
        plugins: &str,
        age: Duration,
    ) -> Result<u64, DatabaseError> {
        let before = now() - i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
        let sql = "DELETE FROM definitions WHERE created_at < $1 AND plugins <> $2";
        let done = on!(self, pool => sqlx::query(sql).bind(before).bind(plugins).execute(pool).await.map(|done| done.rows_affected()));
        Ok(done?)
    }
}

impl Transaction {
    /// Whether definitions have been cleared exactly so often, and are not until this transaction ends.
    async fn clears_are(&mut self, known: Generation) -> Result<bool, DatabaseError> {
        let hold = match self {
            Self::Postgres(..) => "FOR SHARE",
            Self::Sqlite(_) => "",
        };
        let sql = format!("SELECT generation FROM counters WHERE name = 'definitions' {hold}");
        let now: Generation =
            within!(self, c => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(c).await)?;
        Ok(now == known)
    }

    async fn insert_definition(
        &mut self,
        new: &NewDefinition<'_>,
        held: impl IntoIterator<Item = (RealmId, Generation)>,
    ) -> Result<(), DatabaseError> {
        let delete = "DELETE FROM definitions WHERE realm_id = $1 AND path = $2 AND plugins = $3";
        within!(self, c => sqlx::query(delete).bind(new.realm.0).bind(new.path.as_str()).bind(new.plugins).execute(c).await.map(drop))?;
        let failed_at = if new.failed { self.clock() } else { "NULL" };
        // Two that store one module at a time store the same: the later one gives way.
        let insert = format!(
            "INSERT INTO definitions (realm_id, path, plugins, url, tag, document, failed_at, registry, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, {failed_at}, $7, $8) ON CONFLICT DO NOTHING RETURNING id"
        );
        let id: Option<i64> = within!(self, c => sqlx::query_scalar(AssertSqlSafe(insert))
            .bind(new.realm.0).bind(new.path.as_str()).bind(new.plugins).bind(new.url).bind(new.tag).bind(new.document)
            .bind(new.registry).bind(now()).fetch_optional(c).await)?;
        let Some(id) = id else { return Ok(()) };
        for (realm, holds_at) in held {
            let sql = "INSERT INTO definition_realms (definition_id, realm_id, holds_at) VALUES ($1, $2, $3)";
            within!(self, c => sqlx::query(sql).bind(id).bind(realm.0).bind(holds_at).execute(c).await.map(drop))?;
        }
        let insert = "INSERT INTO definition_reads (definition_id, url, realm_id, path)";
        if let Self::Postgres(transaction, limit) = self {
            let sql = format!(
                "{insert} SELECT $1, url, realm, path FROM unnest($2::TEXT[], $3::BIGINT[], $4::TEXT[]) AS reads (url, realm, path)"
            );
            let urls: Vec<&str> = new.reads.iter().map(|read| read.url.as_str()).collect();
            let place = |read: &NewRead| {
                let (realm, path) = read.place.as_ref()?;
                Some((realm.0, path.to_string()))
            };
            let (realms, paths): (Vec<Option<i64>>, Vec<Option<String>>) =
                new.reads.iter().map(place).map(Option::unzip).unzip();
            let query = sqlx::query(AssertSqlSafe(sql));
            let query = query.bind(id).bind(urls).bind(realms).bind(paths);
            super::answered(*limit, query.execute(&mut **transaction)).await?;
            return Ok(());
        }
        let sql = format!("{insert} VALUES ($1, $2, $3, $4)");
        for read in new.reads {
            let (realm, path) = read
                .place
                .as_ref()
                .map(|(realm, path)| (realm.0, path.as_str()))
                .unzip();
            let sql = AssertSqlSafe(sql.clone());
            within!(self, c => sqlx::query(sql).bind(id).bind(&read.url).bind(realm).bind(path).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Takes away all definitions of a realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clear_realm_definitions(&mut self, realm: RealmId) -> Result<(), DatabaseError> {
        if mutant!("definitions-not-cleared") {
            return Ok(());
        }
        let sql = "DELETE FROM definitions WHERE realm_id = $1";
        within!(self, c => sqlx::query(sql).bind(realm.0).execute(c).await.map(drop))?;
        Ok(())
    }
}
