//! An index written by hand.

use realm_host::realm::BlobHash;
use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage};
use reqwest::RequestBuilder;
use sqlx::{PgPool, SqlitePool};

/// What a browser asks for when somebody follows a link.
pub(crate) const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// What the index is told of a document.
pub(crate) struct Doc<'a> {
    pub(crate) path: &'a str,
    pub(crate) generation: i64,
    pub(crate) title: Option<&'a str>,
    pub(crate) types: &'a [&'a str],
    pub(crate) search_document: &'a str,
    pub(crate) error: Option<&'a str>,
    /// Format, type and contents.
    pub(crate) renderings: &'a [(&'a str, &'a str, &'a str)],
    pub(crate) reads: &'a [&'a str],
}

impl<'a> Doc<'a> {
    pub(crate) fn of(path: &'a str, isolated: &'a [(&'a str, &'a str, &'a str)]) -> Self {
        Self {
            path,
            generation: 2,
            title: Some("A title"),
            types: &["http://realm.test/r/person/Person"],
            search_document: "{}",
            error: None,
            renderings: isolated,
            reads: &[],
        }
    }
}

/// A way into a host's database.
pub(crate) enum Index {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

macro_rules! on {
    ($index:expr, $pool:ident => $body:expr) => {
        match $index {
            Index::Postgres($pool) => $body,
            Index::Sqlite($pool) => $body,
        }
    };
}

impl Index {
    pub(crate) async fn of(host: &Host, options: &HostOptions) -> Self {
        match options.storage() {
            Storage::Postgres(url) => Self::Postgres(PgPool::connect(url).await.unwrap()),
            Storage::Sqlite => {
                let file = format!("sqlite://{}/realm.sqlite", host.data.display());
                Self::Sqlite(SqlitePool::connect(&file).await.unwrap())
            }
        }
    }

    pub(crate) async fn realm(&self, realm: &str) -> i64 {
        let sql = "SELECT id FROM realms WHERE url = $1";
        on!(self, pool => sqlx::query_scalar(sql).bind(format!("{ORIGIN}{realm}")).fetch_one(pool).await.unwrap())
    }

    /// Says what a document is, in place of what was said before.
    pub(crate) async fn put(&self, realm: &str, doc: &Doc<'_>) {
        let realm = self.realm(realm).await;
        let old = "DELETE FROM index_entries WHERE realm_id = $1 AND path = $2";
        on!(self, pool => sqlx::query(old).bind(realm).bind(doc.path).execute(pool).await.map(drop).unwrap());
        let json = match self {
            Self::Postgres(_) => ["CAST($6 AS JSONB)", "CAST($7 AS JSONB)"],
            Self::Sqlite(_) => ["$6", "$7"],
        };
        let sql = format!(
            "INSERT INTO index_entries (realm_id, path, kind, generation, tag, title, types, search_document, words, modified_at, error, indexed_at)
             VALUES ($1, $2, $3, $4, 'tag', $5, {}, {}, '', 0, $8, 0) RETURNING id",
            json[0], json[1]
        );
        let kind = if doc.types.is_empty() { "file" } else { "card" };
        let types = serde_json::to_string(doc.types).unwrap();
        let entry: i64 = on!(self, pool => sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(realm).bind(doc.path).bind(kind).bind(doc.generation).bind(doc.title).bind(types)
            .bind(doc.search_document).bind(doc.error).fetch_one(pool).await.unwrap());
        for (format, as_type, contents) in doc.renderings {
            let hash = BlobHash::of(contents.as_bytes()).as_bytes().to_vec();
            let blob = "INSERT INTO blobs (hash, size, bytes) VALUES ($1, $2, $3) ON CONFLICT (hash) DO NOTHING";
            let rendering = "INSERT INTO index_renderings (entry_id, format, as_type, blob) VALUES ($1, $2, $3, $4)";
            on!(self, pool => {
                sqlx::query(blob).bind(&hash).bind(contents.len() as i64).bind(contents.as_bytes()).execute(pool).await.unwrap();
                sqlx::query(rendering).bind(entry).bind(*format).bind(*as_type).bind(&hash).execute(pool).await.map(drop).unwrap();
            });
        }
        for url in doc.reads {
            let sql = "INSERT INTO index_reads (entry_id, url) VALUES ($1, $2)";
            on!(self, pool => sqlx::query(sql).bind(entry).bind(*url).execute(pool).await.map(drop).unwrap());
        }
    }

    /// Says that the realm's changes up to a generation have become visits.
    pub(crate) async fn cursor(&self, realm: &str, generation: i64) {
        let sql = "INSERT INTO index_cursors (realm_id, generation, plugins) VALUES ($1, $2, '')
                   ON CONFLICT (realm_id) DO UPDATE SET generation = excluded.generation";
        let realm = self.realm(realm).await;
        on!(self, pool => sqlx::query(sql).bind(realm).bind(generation).execute(pool).await.map(drop).unwrap());
    }

    /// Says that a path is to be visited, or that it is no more.
    pub(crate) async fn visit(&self, realm: &str, path: &str, waits: bool) {
        let sql = if waits {
            "INSERT INTO index_visits (realm_id, path, priority) VALUES ($1, $2, 0)"
        } else {
            "DELETE FROM index_visits WHERE realm_id = $1 AND path = $2"
        };
        let realm = self.realm(realm).await;
        on!(self, pool => sqlx::query(sql).bind(realm).bind(path).execute(pool).await.map(drop).unwrap());
    }

    /// Says that somebody works on the realm's changes, or should.
    pub(crate) async fn job(&self, realm: &str, worker: Option<&str>) {
        let sql = "INSERT INTO jobs (lane, realm_id, worker, since) VALUES ('index', $1, $2, 0)
                   ON CONFLICT (lane, realm_id) DO UPDATE SET worker = excluded.worker";
        let realm = self.realm(realm).await;
        on!(self, pool => sqlx::query(sql).bind(realm).bind(worker).execute(pool).await.map(drop).unwrap());
    }
}

/// GET as a browser does when somebody follows a link.
pub(crate) fn visit(host: &Host, path: &str) -> RequestBuilder {
    host.request("GET", path).header("accept", BROWSER)
}

/// The page at a path.
pub(crate) async fn page(host: &Host, path: &str) -> Answer {
    host.send(visit(host, path)).await
}

/// Has the host look at everything of a realm anew.
pub(crate) async fn look_again(host: &Host, realm: &str) {
    let request = host.request("POST", &format!("{realm}_invalidate"));
    let done = host.send(request).await;
    assert_eq!(done.status, 204, "{}", done.text());
}

/// A directive of an answer's policy.
pub(crate) fn directive(answer: &Answer, name: &str) -> String {
    let policy = answer.header("content-security-policy");
    let mut parts = policy.split(';').map(str::trim);
    let found = parts.find_map(|part| part.strip_prefix(name)?.strip_prefix(' '));
    found
        .unwrap_or_else(|| panic!("no {name}: {policy}"))
        .to_owned()
}

/// The nonce of an answer's policy.
pub(crate) fn nonce(answer: &Answer) -> String {
    let scripts = directive(answer, "script-src");
    let mut sources = scripts.split(' ');
    let found = sources.find_map(|source| source.strip_prefix("'nonce-")?.strip_suffix('\''));
    found
        .unwrap_or_else(|| panic!("no nonce: {scripts}"))
        .to_owned()
}

/// What is between two pieces of an answer's text.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text
        .find(from)
        .unwrap_or_else(|| panic!("no {from}: {text}"))
        + from.len();
    let end = text[start..]
        .find(to)
        .unwrap_or_else(|| panic!("no {to}: {text}"));
    &text[start..start + end]
}
