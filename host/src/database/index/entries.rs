use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Visit;
use crate::database::{Database, DatabaseError, Held, Seen, Transaction, now, within};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId};

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

impl Database {
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
}

impl Transaction {
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
}
