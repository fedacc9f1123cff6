//! The index: what is known of each file of a realm, how far its changes have been turned into visits, and which are to be
//! made.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::files::blob_hash;
use super::jobs::{Lane, URGENT, WISH_AGAIN};
use super::{Database, DatabaseError, Held, Seen, Transaction, now, on, within};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId, RealmUrl, media_type};

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

/// What is shown of a document.
#[derive(Clone, Debug)]
pub struct Shown<'a> {
    /// Its title.
    pub title: Option<&'a str>,
    /// JSON: a list of names.
    pub types: &'a [String],
    /// A JSON object.
    pub search_document: &'a str,
    /// The words of a full-text search.
    pub words: &'a str,
    /// When the file last changed.
    pub modified_at: i64,
}

/// A rendering of a document.
#[derive(Clone, Debug)]
pub struct NewRendering<'a> {
    /// Its format.
    pub format: &'a str,
    /// Which of its types it is rendered as.
    pub as_type: &'a str,
    /// The HTML.
    pub contents: &'a str,
}

/// What a visit came to.
#[derive(Clone, Debug)]
pub enum EntryState<'a> {
    /// There is no such file.
    Gone,
    /// It is so.
    Good(Shown<'a>, &'a [NewRendering<'a>]),
    /// It is wrong, says this JSON; what was good before stays, and where nothing was, this.
    Bad(&'a str, Shown<'a>),
}

/// What a visit came to, with all that it was made from.
#[derive(Clone, Debug)]
pub struct NewEntry<'a> {
    /// In which realm.
    pub realm: RealmId,
    /// Which file.
    pub visit: &'a Visit,
    /// The read set.
    pub seen: &'a [Seen],
    /// The registry's generation, where it counts.
    pub registry: Option<Generation>,
    /// Names the state.
    pub tag: &'a str,
    /// The digest of the plugin.
    pub plugin: Option<&'a str>,
    /// What it read, as [`url_key`]s.
    pub reads: &'a [String],
    /// The state.
    pub state: EntryState<'a>,
}

/// What became of a visit's outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is what the index has now.
    Stored,
    /// It is what the index had already.
    Unchanged,
    /// What it was made from has changed, in these realms; nothing is stored.
    Overtaken(Vec<RealmId>),
}

/// Rows that are taken away of a deleted realm in one transaction.
const BATCH: i64 = 1000;
/// Bytes of a URL that are compared as they are: an index takes no longer ones. Longer than any realm's URL.
const MOST_URL: usize = 2500;

/// A URL as reads are found by: a path's encoding is the host's own, whoever wrote the URL, and what is too long for an
/// index ends in a hash.
#[must_use]
pub fn url_key(url: &str) -> String {
    let url = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find('/').map(|at| authority + at + 1);
    let segment =
        |text: &str| LocalPath::decode(text).map_or(text.to_owned(), |name| name.encode());
    let key = path.map_or_else(
        || url.to_owned(),
        |at| {
            let segments: Vec<_> = url[at..].split('/').map(segment).collect();
            format!("{}{}", &url[..at], segments.join("/"))
        },
    );
    if key.len() <= MOST_URL {
        return key;
    }
    let mut end = MOST_URL;
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}#{}", &key[..end], BlobHash::of(key.as_bytes()))
}

/// From the first to beyond the last URL in a realm.
fn range(url: &RealmUrl) -> (String, String) {
    let base = url_key(url.as_str().strip_suffix('/').unwrap_or_default());
    // `0` is the character after `/`.
    (format!("{base}/"), format!("{base}0"))
}

/// The entries of live realms that have read what `condition` says of `d.url`.
fn readers(condition: &str) -> String {
    format!(
        "SELECT e.realm_id, e.path FROM index_reads d JOIN index_entries e ON e.id = d.entry_id
         JOIN realms r ON r.id = e.realm_id AND r.deleted_at IS NULL WHERE {condition}"
    )
}

/// Every file of a realm, and every entry.
const EVERYTHING: &str = "SELECT r.id AS realm_id, f.path FROM realms r JOIN files f ON f.tree_id = r.tree_id
     WHERE r.id = $1 AND r.deleted_at IS NULL
     UNION SELECT e.realm_id, e.path FROM index_entries e JOIN realms r ON r.id = e.realm_id AND r.deleted_at IS NULL
     WHERE e.realm_id = $1";

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

    /// Stores what a visit came to, if all that it was made from is still so, and takes the visit away.
    ///
    /// # Errors
    /// When the database is away, or a writer holds one of the realms for too long.
    pub async fn store_entry(&self, new: &NewEntry<'_>) -> Result<Stored, DatabaseError> {
        let mut transaction = self.begin_storing().await?;
        let unguarded = mutant!("unchanged-not-guarded")
            && transaction
                .tag(new.realm, &new.visit.path)
                .await?
                .as_deref()
                == Some(new.tag);
        let generation = match transaction.hold_reads(new.seen, new.registry).await? {
            Held::Current(held) => held.get(&new.realm).copied().unwrap_or_default(),
            Held::Overtaken(_) if unguarded => 0,
            Held::Overtaken(realms) => return Ok(Stored::Overtaken(realms)),
        };
        let known = transaction.tag(new.realm, &new.visit.path).await?;
        let gone = matches!(new.state, EntryState::Gone);
        let same = if gone {
            known.is_none()
        } else {
            known.as_deref() == Some(new.tag)
        };
        if !same {
            transaction.put_entry(new, generation).await?;
        }
        transaction.visited(new.realm, &[new.visit.number]).await?;
        transaction.commit().await?;
        Ok(if same {
            Stored::Unchanged
        } else {
            Stored::Stored
        })
    }

    /// Stores files that no prerenderer takes as what they are, many at a time, and takes their visits away. They are read
    /// while the realm is held. How many entries came, changed or went.
    ///
    /// # Errors
    /// When the database is away, or a writer holds the realm for too long.
    pub async fn store_files(
        &self,
        realm: RealmId,
        visits: &[Visit],
        words: impl Fn(&str, &Value) -> String,
    ) -> Result<u64, DatabaseError> {
        let mut transaction = self.begin_storing().await?;
        // Nothing is compared: they are read after this, and stay what they are until the end.
        transaction.hold_realm(realm).await?;
        #[cfg(feature = "under-test")]
        crate::gates::pass("files-held", "").await;
        let files = transaction.files_at(realm, visits).await?;
        let rows: Vec<Value> = files
            .iter()
            .map(|file| {
                let name = file.path.rsplit('/').next().unwrap_or_default();
                let document =
                    json!({ "name": name, "mediaType": media_type(&file.path), "size": file.size });
                json!({
                    "path": file.path, "tag": format!("file:{}:{}", file.blob, file.modified_at),
                    "words": words(&file.path, &document), "modified": file.modified_at, "document": document,
                })
            })
            .collect();
        let rows = Value::from(rows).to_string();
        let paths: Vec<&str> = visits.iter().map(|visit| visit.path.as_str()).collect();
        let changed = transaction
            .put_files(realm, &rows, &json!(paths).to_string())
            .await?;
        let numbers: Vec<i64> = visits.iter().map(|visit| visit.number).collect();
        transaction.visited(realm, &numbers).await?;
        transaction.commit().await?;
        Ok(changed)
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

/// A file as it is indexed when nobody renders it.
struct PlainFile {
    path: String,
    blob: BlobHash,
    size: i64,
    modified_at: i64,
}

impl Transaction {
    /// The members of a JSON list that is bound at `place`.
    fn items(&self, place: &str) -> String {
        match self {
            Self::Postgres(..) => {
                format!(
                    "(SELECT value FROM jsonb_array_elements_text({place}::JSONB) AS items (value))"
                )
            }
            Self::Sqlite(_) => format!("(SELECT value FROM json_each({place}))"),
        }
    }

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

    /// Visits of every file and entry of a realm.
    async fn sweep(
        &mut self,
        realm: RealmId,
        priority: i64,
    ) -> Result<Vec<RealmId>, DatabaseError> {
        self.visit(EVERYTHING, realm, &[], priority).await
    }

    /// Visits of every entry that has read a URL in a realm.
    pub(super) async fn visit_readers_within(
        &mut self,
        url: &RealmUrl,
    ) -> Result<Vec<RealmId>, DatabaseError> {
        let (from, to) = range(url);
        let source = readers("d.url >= $2 AND d.url < $3 AND $1 = $1");
        // A distinct realm is bound: what every source of visits has.
        self.visit(&source, RealmId(0), &[from, to], 0).await
    }

    /// Makes visits of what a query gives, and wishes for the render lane of their realms, which are returned.
    async fn visit(
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
    pub(super) async fn forget_index(&mut self, realm: RealmId) -> Result<(), DatabaseError> {
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

    /// The tag of an entry.
    async fn tag(
        &mut self,
        realm: RealmId,
        path: &LocalPath,
    ) -> Result<Option<String>, DatabaseError> {
        let sql = "SELECT tag FROM index_entries WHERE realm_id = $1 AND path = $2";
        Ok(
            within!(self, c => sqlx::query_scalar(sql).bind(realm.0).bind(path.as_str()).fetch_optional(c).await)?,
        )
    }

    /// Visits have been made; those that were wished for meanwhile stay.
    async fn visited(&mut self, realm: RealmId, numbers: &[i64]) -> Result<(), DatabaseError> {
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

    async fn put_entry(
        &mut self,
        new: &NewEntry<'_>,
        generation: Generation,
    ) -> Result<(), DatabaseError> {
        let path = new.visit.path.as_str();
        let (shown, renderings, error) = match &new.state {
            EntryState::Gone => {
                let sql = "DELETE FROM index_entries WHERE realm_id = $1 AND path = $2";
                within!(self, c => sqlx::query(sql).bind(new.realm.0).bind(path).execute(c).await.map(drop))?;
                return Ok(());
            }
            EntryState::Good(shown, renderings) => (shown, Some(*renderings), None),
            EntryState::Bad(error, shown) => (shown, None, Some(*error)),
        };
        let mut blobs: Vec<_> = renderings
            .into_iter()
            .flatten()
            .map(|rendering| (BlobHash::of(rendering.contents.as_bytes()), rendering))
            .collect();
        blobs.sort_by_key(|(hash, _)| *hash);
        let mut last = None;
        for (hash, rendering) in &blobs {
            if last != Some(*hash) {
                self.keep_blob(*hash, rendering.contents.as_bytes()).await?;
            }
            last = Some(*hash);
        }
        #[cfg(feature = "under-test")]
        crate::gates::pass("renderings-kept", path).await;
        let good = "kind = excluded.kind, plugin = excluded.plugin, title = excluded.title, types = excluded.types,
             search_document = excluded.search_document, words = excluded.words, modified_at = excluded.modified_at,";
        let changed = if error.is_some() && !mutant!("error-takes-what-was-good") {
            ""
        } else {
            good
        };
        let json = match self {
            Self::Postgres(..) => "::JSONB",
            Self::Sqlite(_) => "",
        };
        let sql = format!(
            "INSERT INTO index_entries (realm_id, path, kind, generation, tag, plugin, title, types, search_document, words,
                 modified_at, error, indexed_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8{json}, $9{json}, $10, $11, $12, $13)
             ON CONFLICT (realm_id, path) DO UPDATE SET {changed} generation = excluded.generation, tag = excluded.tag,
                 error = excluded.error, indexed_at = excluded.indexed_at
             RETURNING id"
        );
        let kind = if shown.types.is_empty() {
            "file"
        } else {
            "card"
        };
        let types = json!(shown.types).to_string();
        let entry: i64 = within!(self, c => sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(new.realm.0).bind(path).bind(kind).bind(generation).bind(new.tag).bind(new.plugin).bind(shown.title)
            .bind(types).bind(shown.search_document).bind(shown.words).bind(shown.modified_at).bind(error).bind(now())
            .fetch_one(c).await)?;
        if renderings.is_some() {
            let sql = "DELETE FROM index_renderings WHERE entry_id = $1";
            within!(self, c => sqlx::query(sql).bind(entry).execute(c).await.map(drop))?;
        }
        self.put_renderings(entry, &blobs).await?;
        self.put_reads(entry, new.reads).await
    }

    /// All of a document's, in one statement.
    async fn put_renderings(
        &mut self,
        entry: i64,
        blobs: &[(BlobHash, &NewRendering<'_>)],
    ) -> Result<(), DatabaseError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let rows: Vec<Value> = blobs
            .iter()
            .map(|(hash, one)| json!({ "format": one.format, "type": one.as_type, "blob": hash.to_string() }))
            .collect();
        let (hash, each) = match self {
            Self::Postgres(..) => (
                "decode(x.value ->> 'blob', 'hex')",
                "jsonb_array_elements($2::JSONB)",
            ),
            Self::Sqlite(_) => ("unhex(x.value ->> 'blob')", "json_each($2)"),
        };
        let sql = format!(
            "INSERT INTO index_renderings (entry_id, format, as_type, blob)
             SELECT CAST($1 AS BIGINT), x.value ->> 'format', x.value ->> 'type', {hash} FROM {each} AS x"
        );
        within!(self, c => sqlx::query(AssertSqlSafe(sql)).bind(entry).bind(Value::from(rows).to_string()).execute(c).await.map(drop))?;
        Ok(())
    }

    async fn put_reads(&mut self, entry: i64, reads: &[String]) -> Result<(), DatabaseError> {
        let reads = json!(reads).to_string();
        let items = self.items("$2");
        for sql in [
            format!("DELETE FROM index_reads WHERE entry_id = $1 AND url NOT IN {items}"),
            format!(
                "INSERT INTO index_reads (entry_id, url) SELECT DISTINCT CAST($1 AS BIGINT), value FROM {items} AS reads
                 WHERE TRUE ON CONFLICT DO NOTHING"
            ),
        ] {
            within!(self, c => sqlx::query(AssertSqlSafe(sql)).bind(entry).bind(&reads).execute(c).await.map(drop))?;
        }
        Ok(())
    }

    /// Those of the visits' files that are there.
    async fn files_at(
        &mut self,
        realm: RealmId,
        visits: &[Visit],
    ) -> Result<Vec<PlainFile>, DatabaseError> {
        let paths: Vec<&str> = visits.iter().map(|visit| visit.path.as_str()).collect();
        let sql = format!(
            "SELECT f.path, f.blob, f.size, f.modified_at FROM realms r JOIN files f ON f.tree_id = r.tree_id
             WHERE r.id = $1 AND r.deleted_at IS NULL AND f.path IN {} ORDER BY f.path",
            self.items("$2")
        );
        let rows: Vec<(String, Vec<u8>, i64, i64)> = within!(self, c => sqlx::query_as(AssertSqlSafe(sql))
            .bind(realm.0).bind(json!(paths).to_string()).fetch_all(c).await)?;
        let file = |(path, blob, size, modified_at): (String, Vec<u8>, i64, i64)| {
            Ok(PlainFile {
                path,
                blob: blob_hash(&blob)?,
                size,
                modified_at,
            })
        };
        rows.into_iter().map(file).collect()
    }

    /// Makes entries of files; of `paths`, those that are not among them lose theirs. How many entries are others now.
    async fn put_files(
        &mut self,
        realm: RealmId,
        rows: &str,
        paths: &str,
    ) -> Result<u64, DatabaseError> {
        let (text, number, document, each) = match self {
            Self::Postgres(..) => (
                "x.value ->>",
                "::BIGINT",
                "x.value -> 'document'",
                "jsonb_array_elements($2::JSONB) AS x (value)",
            ),
            Self::Sqlite(_) => (
                "x.value ->>",
                "",
                "json_extract(x.value, '$.document')",
                "json_each($2) AS x",
            ),
        };
        let types = match self {
            Self::Postgres(..) => "'[]'::JSONB",
            Self::Sqlite(_) => "'[]'",
        };
        let field = |name: &str| format!("({text} '{name}')");
        let same = if mutant!("files-written-though-they-are-the-same") {
            "TRUE"
        } else {
            "index_entries.tag <> excluded.tag"
        };
        let put = format!(
            "INSERT INTO index_entries (realm_id, path, kind, generation, tag, types, search_document, words, modified_at, indexed_at)
             SELECT r.id, {path}, 'file', r.generation, {tag}, {types}, {document}, {words}, {modified}{number}, CAST($3 AS BIGINT)
             FROM realms r, {each} WHERE r.id = $1 ORDER BY 2
             ON CONFLICT (realm_id, path) DO UPDATE SET kind = excluded.kind, generation = excluded.generation, tag = excluded.tag,
                 plugin = NULL, title = NULL, types = excluded.types, search_document = excluded.search_document,
                 words = excluded.words, modified_at = excluded.modified_at, error = NULL, indexed_at = excluded.indexed_at
             WHERE {same}",
            path = field("path"),
            tag = field("tag"),
            words = field("words"),
            modified = field("modified"),
        );
        let changed = within!(self, c => sqlx::query(AssertSqlSafe(put)).bind(realm.0).bind(rows).bind(now()).execute(c).await.map(|done| done.rows_affected()))?;
        let there = format!("SELECT {} FROM {each}", field("path"));
        let gone = format!(
            "DELETE FROM index_entries WHERE realm_id = $1 AND path IN {} AND path NOT IN ({there})",
            self.items("$3")
        );
        let gone = within!(self, c => sqlx::query(AssertSqlSafe(gone)).bind(realm.0).bind(rows).bind(paths).execute(c).await.map(|done| done.rows_affected()))?;
        // A prerenderer may have taken them before.
        for table in ["index_renderings", "index_reads"] {
            let sql = format!(
                "DELETE FROM {table} WHERE entry_id IN (SELECT id FROM index_entries WHERE realm_id = $1 AND path IN ({there}))"
            );
            within!(self, c => sqlx::query(AssertSqlSafe(sql)).bind(realm.0).bind(rows).execute(c).await.map(drop))?;
        }
        Ok(changed + gone)
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_URL, range, url_key};
    use crate::realm::RealmUrl;

    #[test]
    fn one_file_has_one_key_however_its_url_is_written() {
        for url in ["http://h/r/a%5Bb%5D.md", "http://h/r/a[b].md?x#y"] {
            assert_eq!(url_key(url), "http://h/r/a%5Bb%5D.md");
        }
        // What no file of a realm can have stays as it is.
        for url in ["http://h/r/", "http://h/a//b", "http://h", "data:x,y"] {
            assert_eq!(url_key(url), url);
        }
    }

    #[test]
    fn what_is_too_long_for_an_index_is_told_apart_by_its_end() {
        let long = |end: &str| url_key(&format!("http://h/{}{end}", "é/".repeat(1000)));
        assert!(long("a").starts_with("http://h/%C3%A9") && MOST_URL > RealmUrl::MAX_BYTES);
    }

    #[test]
    fn the_urls_in_a_realm_are_between_its_ends() {
        let (from, to) = range(&RealmUrl::parse("http://h/r/").unwrap());
        let within = |url: &str| from.as_str() <= url && url < to.as_str();
        assert!(
            within("http://h/r/") && within("http://h/r/x/y") && within("http://h/r/\u{10ffff}")
        );
        let (from, to) = range(&RealmUrl::parse("http://h/a[b]/").unwrap());
        let key = url_key("http://h/a[b]/c");
        assert!(from < key && key < to);
        let (from, to) = range(&RealmUrl::parse("http://h/r/").unwrap());
        let within = |url: &str| from.as_str() <= url && url < to.as_str();
        assert!(!within("http://h/r") && !within("http://h/r2") && !within("http://h/q/"));
    }
}
