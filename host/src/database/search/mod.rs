//! Search: a query of the realm's language as one statement, which sees one state of the database. The dialects differ in
//! how they look into a search document (`postgres.rs`, `sqlite.rs`), and in nothing that a query can tell.

mod postgres;
mod sqlite;
mod statement;

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use self::statement::{Bound, Statement};
use super::{Database, DatabaseError, on};
use crate::realm::query::Query;
use crate::realm::{Generation, LocalPath, RealmId};

/// Binds the values of a statement.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Bound::Text(text) => query.bind(text),
                Bound::Whole(number) => query.bind(number),
                Bound::Broken(number) => query.bind(number),
            };
        }
        query
    }};
}
/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// The page's entries, in order.
    pub entries: Vec<Hit>,
    /// How many there are on all pages.
    pub total: u64,
    /// How new the index was.
    pub state: IndexReach,
}

/// An entry of the index that a search has found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Which file it is of.
    pub path: LocalPath,
    /// `card` or `file`.
    pub kind: String,
    /// The document's title.
    pub title: Option<String>,
    /// The document's types, its own first.
    pub types: Value,
    /// Its attributes.
    pub search_document: Value,
    /// When the file last changed, in milliseconds since 1970.
    pub modified_at: i64,
}

/// How new the index of a realm is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexReach {
    /// The realm's own generation.
    pub generation: Generation,
    /// Up to which its changes have been turned into visits.
    pub cursor: Generation,
    /// Files that are to be looked at again.
    pub visits: i64,
    /// The smallest generation at which one of those was looked at; 0: one has never been.
    oldest: Generation,
}

impl IndexReach {
    /// The generation of which the index shows everything.
    #[must_use]
    pub fn reached(&self) -> Generation {
        if self.visits == 0 {
            self.cursor
        } else {
            self.cursor.min(self.oldest)
        }
    }

    /// Whether it shows all that the realm had at a generation.
    #[must_use]
    pub fn has(&self, wanted: Generation) -> bool {
        self.cursor >= wanted && self.visits == 0
    }
}

/// A realm's state, beside other columns. `$1` is the realm.
const STATE: &str = "r.generation,
    coalesce((SELECT c.generation FROM index_cursors c WHERE c.realm_id = r.id), 0),
    (SELECT count(*) FROM index_visits v WHERE v.realm_id = r.id),
    coalesce((SELECT min(coalesce(e.generation, 0)) FROM index_visits v
        LEFT JOIN index_entries e ON e.realm_id = v.realm_id AND e.path = v.path WHERE v.realm_id = r.id), 0)";

type State = (i64, i64, i64, i64);

fn state((generation, cursor, visits, oldest): State) -> IndexReach {
    IndexReach {
        generation,
        cursor,
        visits,
        oldest,
    }
}

/// Columns of an answer: the total, the state, and those of an entry, where there is one.
type Row = (
    i64,
    i64,
    i64,
    i64,
    i64,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
);

impl Database {
    /// How new the index of a realm is; none: there is no such realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn index_reach(&self, realm: RealmId) -> Result<Option<IndexReach>, DatabaseError> {
        let sql = format!("SELECT {STATE} FROM realms r WHERE r.id = $1");
        let row: Option<State> = on!(self, pool => sqlx::query_as(AssertSqlSafe(sql)).bind(realm.0).fetch_optional(pool).await)?;
        Ok(row.map(state))
    }

    /// What of a realm's index fits a query. None: the page has more than `most` bytes of titles, types and search
    /// documents.
    ///
    /// # Errors
    /// When the database is away, or takes longer than `limit`, which of a Postgres is also the connection's own.
    pub async fn search(
        &self,
        realm: RealmId,
        query: &Query,
        limit: Duration,
        most: usize,
    ) -> Result<Option<Hits>, DatabaseError> {
        let mut statement = Statement::new(matches!(self, Self::Postgres(_)), realm);
        let sql = statement.search(query);
        let values = statement.values;
        let slow = move |error: sqlx::Error| {
            let code = error.as_database_error().and_then(|error| error.code());
            match code.as_deref() {
                // Cancelled, interrupted.
                Some("57014" | "9") => DatabaseError::TooSlow(limit),
                _ => error.into(),
            }
        };
        let mut gathered = Gathered {
            hits: Hits::default(),
            left: most,
        };
        match self {
            Self::Postgres(pool) => {
                let query = bound!(sqlx::query_as::<_, Row>(AssertSqlSafe(sql)), values);
                let mut rows = query.persistent(false).fetch(pool);
                while let Some(row) = rows.try_next().await.map_err(slow)? {
                    if !gathered.takes(row)? {
                        return Ok(None);
                    }
                }
                Ok(Some(gathered.hits))
            }
            Self::Sqlite(pool) => {
                let pool = pool.clone();
                // It must come to its end, whoever leaves: the connection is not to be interrupted in what comes after.
                let search = tokio::spawn(async move {
                    let mut connection = pool.acquire().await?;
                    let begun = Instant::now();
                    let mut handle = connection.lock_handle().await.map_err(slow)?;
                    handle.set_progress_handler(STEPS, move || {
                        begun.elapsed() < limit || mutant!("search-without-deadline")
                    });
                    drop(handle);
                    let query = bound!(sqlx::query_as::<_, Row>(AssertSqlSafe(sql)), values);
                    let found = async {
                        let mut rows = query.persistent(false).fetch(&mut *connection);
                        while let Some(row) = rows.try_next().await.map_err(slow)? {
                            if !gathered.takes(row)? {
                                return Ok(None);
                            }
                        }
                        Ok(Some(gathered.hits))
                    };
                    let found = found.await;
                    let mut handle = connection.lock_handle().await.map_err(slow)?;
                    handle.remove_progress_handler();
                    drop(handle);
                    found
                });
                let gone = |_| DatabaseError::Unavailable("the search has broken off".to_owned());
                search.await.map_err(gone)?
            }
        }
    }
}

/// How many steps SQLite's machine makes before it looks at the clock: some microseconds.
const STEPS: i32 = 10_000;

/// The rows of an answer, as far as they have come.
struct Gathered {
    hits: Hits,
    left: usize,
}

impl Gathered {
    /// Takes one more row, unless there would be too many bytes.
    fn takes(&mut self, row: Row) -> Result<bool, DatabaseError> {
        let (total, generation, cursor, visits, oldest, path, kind, title, types, document, at) =
            row;
        self.hits.total = u64::try_from(total).unwrap_or_default();
        self.hits.state = state((generation, cursor, visits, oldest));
        // A page beyond the last one has a row all the same.
        let (Some(path), Some(kind), Some(types), Some(document), Some(modified_at)) =
            (path, kind, types, document, at)
        else {
            return Ok(true);
        };
        let size = title.as_ref().map_or(0, String::len) + types.len() + document.len();
        match self.left.checked_sub(size) {
            Some(left) => self.left = left,
            None if mutant!("search-answer-unbounded") => {}
            None => return Ok(false),
        }
        let refused = |error: String| DatabaseError::Refused(format!("entry `{path}`: {error}"));
        let json =
            |text: &str| serde_json::from_str(text).map_err(|error| refused(error.to_string()));
        self.hits.entries.push(Hit {
            types: json(&types)?,
            search_document: json(&document)?,
            path: LocalPath::new(&path).map_err(|error| refused(error.to_string()))?,
            kind,
            title,
            modified_at,
        });
        Ok(true)
    }
}

/// A letter in its cases, itself first; those that have several letters are left out.
fn cases(letter: char) -> Vec<char> {
    let mut cases = vec![letter];
    let mut add = |mut case: Box<dyn Iterator<Item = char>>| {
        if let (Some(case), None) = (case.next(), case.next())
            && !cases.contains(&case)
        {
            cases.push(case);
        }
    };
    add(Box::new(letter.to_lowercase()));
    add(Box::new(letter.to_uppercase()));
    add(Box::new(letter.to_lowercase().flat_map(char::to_uppercase)));
    add(Box::new(letter.to_uppercase().flat_map(char::to_lowercase)));
    cases
}
