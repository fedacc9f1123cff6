//! What the index tells of: a document's renderings, and how far the index of a realm has come.

use super::files::blob_hash;
use super::{Database, DatabaseError, on};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId};

/// What one statement saw of a path in the index.
#[derive(Clone, Debug)]
pub struct PageRow {
    /// The realm's generation in that statement's snapshot.
    pub realm_at: Generation,
    /// Up to which generation the realm's changes have become visits; none: the index has not begun.
    pub cursor: Option<Generation>,
    /// Whether the path is to be visited.
    pub waits: bool,
    /// What the index has of it.
    pub entry: Option<EntryRow>,
}

/// What the index has of a file.
#[derive(Clone, Debug)]
pub struct EntryRow {
    /// The realm's generation at which this was found to be so.
    pub generation: Generation,
    /// What it is listed as.
    pub title: Option<String>,
    /// The language that its search document names.
    pub language: Option<String>,
    /// Its types, its own first.
    pub types: Vec<String>,
    /// JSON: what is wrong with it now; the renderings are of before.
    pub error: Option<String>,
    /// Its renderings.
    pub renderings: Vec<RenderingRow>,
}

/// A document in one format.
#[derive(Clone, Debug)]
pub struct RenderingRow {
    /// The format.
    pub format: String,
    /// Which of its types it is rendered as; empty: its own.
    pub as_type: String,
    /// Its bytes.
    pub blob: BlobHash,
}

impl EntryRow {
    /// The bytes of it in a format, as one of its types; empty: its own.
    #[must_use]
    pub fn rendering(&self, format: &str, as_type: &str) -> Option<BlobHash> {
        let own = self.types.first().is_some_and(|own| own == as_type);
        let as_type = if own { "" } else { as_type };
        let mut all = self.renderings.iter();
        all.find(|rendering| rendering.format == format && rendering.as_type == as_type)
            .map(|rendering| rendering.blob)
    }
}

impl PageRow {
    /// The newest generation of which it is known that the realm had just this then. A change becomes visits together
    /// with the cursor's step over it, so whatever has no visit is as it was at the cursor.
    #[must_use]
    pub fn generation(&self) -> Generation {
        let of_entry = self.entry.as_ref().map_or(0, |entry| entry.generation);
        match self.cursor {
            Some(cursor) if !self.waits || mutant!("waiting-page-called-new") => {
                cursor.max(of_entry)
            }
            _ => of_entry,
        }
    }
}

/// How far the index of a realm has come.
#[derive(Clone, Copy, Debug)]
pub struct IndexState {
    /// The realm's generation.
    pub generation: Generation,
    /// Up to which its changes have become visits; none: it has not begun.
    pub cursor: Option<Generation>,
    /// Whether somebody has been asked to turn changes into visits.
    pub wanted: bool,
    /// Whether somebody is at it.
    pub worked_on: bool,
    /// How many files the realm has.
    pub files: u64,
    /// How many of them are to be visited.
    pub visits: u64,
}

/// How far the index is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexPhase {
    /// There are changes that nobody has looked at yet.
    Queued,
    /// Somebody looks at them.
    Index,
    /// What they touch is rendered.
    Render,
    /// All is done.
    Done,
}

impl IndexPhase {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Index => "index",
            Self::Render => "render",
            Self::Done => "done",
        }
    }
}

impl IndexState {
    /// How far it is. A realm that nobody has ever been asked to index is not waited for.
    #[must_use]
    pub fn phase(&self) -> IndexPhase {
        let behind = match self.cursor {
            Some(cursor) => cursor < self.generation,
            None => self.wanted,
        };
        match () {
            () if behind && self.worked_on => IndexPhase::Index,
            () if behind => IndexPhase::Queued,
            () if self.visits > 0 => IndexPhase::Render,
            () => IndexPhase::Done,
        }
    }
}

/// A file that the index has an error for.
#[derive(Clone, Debug)]
pub struct FailedRow {
    /// The file.
    pub path: String,
    /// The generation at which it was found.
    pub generation: Generation,
    /// JSON: what is wrong.
    pub error: String,
    /// Whether it has renderings of before.
    pub has_renderings: bool,
    /// When it was found, in milliseconds since 1970.
    pub indexed_at: i64,
}

type PageColumns = (
    i64,
    Option<i64>,
    bool,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<Vec<u8>>,
);

const PAGE: &str =
    "SELECT r.generation, c.generation, v.path IS NOT NULL, e.generation, e.title,
            e.search_document ->> 'lang', CAST(e.types AS TEXT), e.error, g.format, g.as_type, g.blob
     FROM realms r
     LEFT JOIN index_cursors c ON c.realm_id = r.id
     LEFT JOIN index_visits v ON v.realm_id = r.id AND v.path = $2
     LEFT JOIN index_entries e ON e.realm_id = r.id AND e.path = $2
     LEFT JOIN index_renderings g ON g.entry_id = e.id
     WHERE r.id = $1 AND r.deleted_at IS NULL";

const STATE: &str =
    "SELECT r.generation, c.generation, j.realm_id IS NOT NULL, j.worker IS NOT NULL,
            (SELECT count(*) FROM files f WHERE f.tree_id = r.tree_id),
            (SELECT count(*) FROM index_visits v WHERE v.realm_id = r.id)
     FROM realms r
     LEFT JOIN index_cursors c ON c.realm_id = r.id
     LEFT JOIN jobs j ON j.realm_id = r.id AND j.lane = 'index'
     WHERE r.id = $1 AND r.deleted_at IS NULL";

/// How many errors one answer lists at most.
const MOST_ERRORS: i64 = 1000;

impl Database {
    /// What the index has of a path, in one statement; none when there is no such realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn page(
        &self,
        realm: RealmId,
        path: &LocalPath,
    ) -> Result<Option<PageRow>, DatabaseError> {
        let rows: Vec<PageColumns> = on!(self, pool => sqlx::query_as(PAGE)
            .bind(realm.0).bind(path.as_str()).fetch_all(pool).await)?;
        let mut page: Option<PageRow> = None;
        for (realm_at, cursor, waits, at, title, language, types, error, format, as_type, blob) in
            rows
        {
            let page = page.get_or_insert_with(|| PageRow {
                realm_at,
                cursor,
                waits,
                entry: at.map(|generation| EntryRow {
                    generation,
                    title,
                    language,
                    types: types
                        .and_then(|types| serde_json::from_str(&types).ok())
                        .unwrap_or_default(),
                    error,
                    renderings: Vec::new(),
                }),
            });
            if let (Some(entry), Some(format), Some(as_type), Some(blob)) =
                (&mut page.entry, format, as_type, blob)
            {
                entry.renderings.push(RenderingRow {
                    format,
                    as_type,
                    blob: blob_hash(&blob)?,
                });
            }
        }
        Ok(page)
    }

    /// How far the index of a realm has come; none when there is no such realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_state(&self, realm: RealmId) -> Result<Option<IndexState>, DatabaseError> {
        let row: Option<(i64, Option<i64>, bool, bool, i64, i64)> = on!(self, pool =>
            sqlx::query_as(STATE).bind(realm.0).fetch_optional(pool).await)?;
        Ok(row.map(
            |(generation, cursor, wanted, worked_on, files, visits)| IndexState {
                generation,
                cursor,
                wanted,
                worked_on,
                files: files.unsigned_abs(),
                visits: visits.unsigned_abs(),
            },
        ))
    }

    /// The types of a realm's documents, each with how many have it as their own.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_types(&self, realm: RealmId) -> Result<Vec<(String, i64)>, DatabaseError> {
        let sql = "SELECT t.name, count(*) FROM (
                       SELECT types ->> 0 AS name FROM index_entries WHERE realm_id = $1 AND kind = 'card') t
                   WHERE t.name IS NOT NULL GROUP BY t.name ORDER BY t.name";
        Ok(on!(self, pool => sqlx::query_as(sql).bind(realm.0).fetch_all(pool).await)?)
    }

    /// The URLs that the first of these paths which the index has was made from.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_reads(
        &self,
        realm: RealmId,
        paths: &[LocalPath],
    ) -> Result<Vec<String>, DatabaseError> {
        let sql = "SELECT d.url FROM index_entries e LEFT JOIN index_reads d ON d.entry_id = e.id
                   WHERE e.realm_id = $1 AND e.path = $2 ORDER BY d.url";
        for path in paths {
            let urls: Vec<Option<String>> = on!(self, pool => sqlx::query_scalar(sql)
                .bind(realm.0).bind(path.as_str()).fetch_all(pool).await)?;
            if !urls.is_empty() {
                return Ok(urls.into_iter().flatten().collect());
            }
        }
        Ok(Vec::new())
    }

    /// The files of a realm that the index has an error for, and how many they are in all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_errors(
        &self,
        realm: RealmId,
    ) -> Result<(Vec<FailedRow>, i64), DatabaseError> {
        let sql = "SELECT e.path, e.generation, e.error,
                       EXISTS (SELECT 1 FROM index_renderings g WHERE g.entry_id = e.id), e.indexed_at, count(*) OVER ()
                   FROM index_entries e WHERE e.realm_id = $1 AND e.error IS NOT NULL ORDER BY e.path LIMIT $2";
        let rows: Vec<(String, i64, String, bool, i64, i64)> = on!(self, pool => sqlx::query_as(sql)
            .bind(realm.0).bind(MOST_ERRORS).fetch_all(pool).await)?;
        let total = rows.first().map_or(0, |row| row.5);
        let rows =
            rows.into_iter()
                .map(
                    |(path, generation, error, has_renderings, indexed_at, _)| FailedRow {
                        path,
                        generation,
                        error,
                        has_renderings,
                        indexed_at,
                    },
                );
        Ok((rows.collect(), total))
    }
}

#[cfg(test)]
mod tests {
    use super::{IndexPhase, IndexState, PageRow};

    #[test]
    fn a_phase_comes_after_the_other() {
        let state = |cursor, wanted, worked_on, visits| IndexState {
            generation: 5,
            cursor,
            wanted,
            worked_on,
            files: 9,
            visits,
        };
        for (state, expected) in [
            (state(None, false, false, 0), IndexPhase::Done),
            (state(None, true, false, 0), IndexPhase::Queued),
            (state(Some(4), true, true, 0), IndexPhase::Index),
            (state(Some(4), false, false, 3), IndexPhase::Queued),
            (state(Some(5), true, true, 3), IndexPhase::Render),
            (state(Some(5), true, false, 0), IndexPhase::Done),
        ] {
            assert_eq!(state.phase(), expected, "{state:?}");
        }
    }

    #[test]
    fn what_waits_is_no_newer_than_it_was() {
        let page = |cursor, waits| PageRow {
            realm_at: 9,
            cursor,
            waits,
            entry: None,
        };
        assert_eq!(page(Some(8), false).generation(), 8);
        assert_eq!(page(Some(8), true).generation(), 0);
        assert_eq!(page(None, false).generation(), 0);
    }
}
