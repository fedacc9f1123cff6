use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::Visit;
use crate::database::files::blob_hash;
use crate::database::{Database, DatabaseError, Transaction, now, within};
use crate::realm::{BlobHash, RealmId, media_type};

/// A file as it is indexed when nobody renders it.
struct PlainFile {
    path: String,
    blob: BlobHash,
    size: i64,
    modified_at: i64,
}

impl Database {
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
}

impl Transaction {
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
