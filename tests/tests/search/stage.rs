//! A database with entries of the index in it.

use std::path::Path;
use std::time::Duration;

use realm_host::database::{ConnectOptions, Database};
use realm_host::index::words;
use realm_host::realm::query::{Query, QueryError, QueryLimits, Scope};
use realm_host::realm::{RealmId, RealmUrl};
use serde_json::Value;

/// The realm that is searched.
pub(crate) const REALM: &str = "http://h.example/r/";
/// How long a search may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// Bytes that a page may have.
pub(crate) const MOST: usize = 64 << 20;

/// An entry of the index.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) path: String,
    pub(crate) kind: &'static str,
    pub(crate) title: Option<String>,
    pub(crate) types: Vec<String>,
    pub(crate) search_document: Value,
    pub(crate) words: String,
    pub(crate) modified_at: i64,
    pub(crate) error: Option<&'static str>,
}

impl Entry {
    /// A card without a title, whose words are those of its attributes.
    pub(crate) fn card(path: &str, search_document: Value) -> Self {
        Self {
            path: path.to_owned(),
            kind: "card",
            title: None,
            types: Vec::new(),
            words: words(None, &search_document, None),
            search_document,
            modified_at: 0,
            error: None,
        }
    }
}

/// A database that was opened beside the hosts, if any, that use it.
pub(crate) async fn open(url: Option<String>, data_dir: &Path) -> Database {
    let options = ConnectOptions {
        url,
        data_dir: data_dir.to_owned(),
        connections: 4,
        timeout: LIMIT,
    };
    Database::connect(&options).await.expect("a database")
}

/// A statement in either dialect, with the same values.
macro_rules! execute {
    ($database:expr, $sql:expr $(, $value:expr)*) => {
        match $database {
            Database::Postgres(pool) => sqlx::query(sqlx::AssertSqlSafe($sql))$(.bind($value))*.execute(pool).await.map(drop),
            Database::Sqlite(pool) => sqlx::query(sqlx::AssertSqlSafe($sql))$(.bind($value))*.execute(pool).await.map(drop),
        }
        .expect("the statement is good")
    };
}
pub(crate) use execute;

/// An empty realm, of no host; its number.
pub(crate) async fn realm(database: &Database, url: &str) -> RealmId {
    database.migrate().await.expect("an empty database");
    execute!(database, "INSERT INTO trees DEFAULT VALUES".to_owned());
    let sql = "INSERT INTO realms (url, kind, tree_id, generation, created_at, updated_at)
               SELECT $1, 'source', max(id), 1, 0, 0 FROM trees";
    execute!(database, sql.to_owned(), url);
    number(database, url).await
}

/// The number of a realm.
pub(crate) async fn number(database: &Database, url: &str) -> RealmId {
    let sql = "SELECT id FROM realms WHERE url = $1";
    let id = match database {
        Database::Postgres(pool) => sqlx::query_scalar(sql).bind(url).fetch_one(pool).await,
        Database::Sqlite(pool) => sqlx::query_scalar(sql).bind(url).fetch_one(pool).await,
    };
    RealmId(id.expect("the realm is there"))
}

/// Makes these a realm's entries, and no others.
pub(crate) async fn fill(database: &Database, realm: RealmId, entries: &[Entry]) {
    let sql = "DELETE FROM index_entries WHERE realm_id = $1";
    execute!(database, sql.to_owned(), realm.0);
    for entry in entries {
        add(database, realm, entry).await;
    }
}

/// One more entry.
pub(crate) async fn add(database: &Database, realm: RealmId, entry: &Entry) {
    let json = match database {
        Database::Postgres(_) => "::JSONB",
        Database::Sqlite(_) => "",
    };
    let sql = format!(
        "INSERT INTO index_entries (realm_id, path, kind, generation, tag, title, types, search_document, words, modified_at, error, indexed_at)
         VALUES ($1, $2, $3, 1, '', $4, $5{json}, $6{json}, $7, $8, $9, 0)"
    );
    let types = Value::from(entry.types.clone()).to_string();
    execute!(
        database,
        sql,
        realm.0,
        &entry.path,
        entry.kind,
        &entry.title,
        types,
        entry.search_document.to_string(),
        &entry.words,
        entry.modified_at,
        entry.error
    );
}

/// A query, as the endpoint reads it, with the bounds as wide as they can be set.
pub(crate) fn parse(query: &Value) -> Result<Query, QueryError> {
    let realm = RealmUrl::parse(REALM).expect("a realm's URL");
    let limits = QueryLimits {
        page: 100,
        conditions: 500,
        depth: 64,
    };
    let extensions = [".gts".to_owned()];
    let scope = Scope {
        realm: &realm,
        extensions: &extensions,
        limits,
    };
    Query::parse(query, &scope)
}
