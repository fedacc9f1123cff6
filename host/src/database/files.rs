//! Files and blobs: what a realm's tree holds.

use sqlx::AssertSqlSafe;

use super::{Database, DatabaseError, Transaction, WriteTarget, on, placeholders, within};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId, media_type};

/// A file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRow {
    /// Where it is.
    pub path: LocalPath,
    /// Its bytes.
    pub blob: BlobHash,
    /// Their media type, as files are served.
    pub media_type: &'static str,
    /// How many they are.
    pub size: u64,
    /// When it came into the realm, in milliseconds since 1970.
    pub created_at: i64,
    /// When its bytes last changed, in milliseconds since 1970.
    pub modified_at: i64,
}

/// What one statement saw of a realm.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The realm's generation in that statement's snapshot.
    pub generation: Generation,
    /// The last good `realm.json`.
    pub settings: Option<BlobHash>,
    /// Those of the paths that are there, in path order.
    pub files: Vec<FileRow>,
}

/// How many paths one statement looks up at most.
const BATCH: usize = 400;

pub(super) fn blob_hash(bytes: &[u8]) -> Result<BlobHash, DatabaseError> {
    BlobHash::try_from(bytes)
        .map_err(|_| DatabaseError::Refused("a stored hash has not 32 bytes".to_owned()))
}

type FileColumns = (String, Vec<u8>, i64, i64, i64);

fn file_row(
    (path, blob, size, created_at, modified_at): FileColumns,
) -> Result<FileRow, DatabaseError> {
    let path = LocalPath::new(&path)
        .map_err(|error| DatabaseError::Refused(format!("files.path: {error}")))?;
    Ok(FileRow {
        media_type: media_type(path.as_str()),
        path,
        blob: blob_hash(&blob)?,
        size: size.unsigned_abs(),
        created_at,
        modified_at,
    })
}

impl Database {
    /// Which of `paths` the realm has, with the generation of the same snapshot; none when there is no such realm.
    /// With more than a batch of paths, the snapshots of all batches are of one generation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn look(
        &self,
        realm: RealmId,
        paths: &[&str],
    ) -> Result<Option<Looked>, DatabaseError> {
        loop {
            let Some(mut all) = self
                .look_batch(realm, &paths[..paths.len().min(BATCH)])
                .await?
            else {
                return Ok(None);
            };
            let mut torn = false;
            for batch in paths.chunks(BATCH).skip(1) {
                let Some(more) = self.look_batch(realm, batch).await? else {
                    return Ok(None);
                };
                torn |= more.generation != all.generation;
                all.files.extend(more.files);
            }
            if !torn {
                return Ok(Some(all));
            }
        }
    }

    async fn look_batch(
        &self,
        realm: RealmId,
        paths: &[&str],
    ) -> Result<Option<Looked>, DatabaseError> {
        type Columns = (
            i64,
            Option<Vec<u8>>,
            Option<String>,
            Option<Vec<u8>>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
        );
        let wanted = if paths.is_empty() {
            "FALSE".to_owned()
        } else {
            format!("f.path IN ({})", placeholders(2, paths.len()))
        };
        let sql = format!(
            "SELECT r.generation, r.settings, f.path, f.blob, f.size, f.created_at, f.modified_at
             FROM realms r LEFT JOIN files f ON f.tree_id = r.tree_id AND {wanted}
             WHERE r.id = $1 AND r.deleted_at IS NULL ORDER BY f.path"
        );
        let rows: Vec<Columns> = on!(self, pool => {
            let mut query = sqlx::query_as(AssertSqlSafe(sql)).bind(realm.0);
            for path in paths {
                query = query.bind(*path);
            }
            query.fetch_all(pool).await
        })?;
        let Some((generation, settings, ..)) = rows.first() else {
            return Ok(None);
        };
        let (generation, settings) = (*generation, settings.as_deref().map(blob_hash).transpose()?);
        let files = rows
            .into_iter()
            .filter_map(|(_, _, path, blob, size, created, modified)| {
                Some(file_row((path?, blob?, size?, created?, modified?)))
            });
        Ok(Some(Looked {
            generation,
            settings,
            files: files.collect::<Result<_, _>>()?,
        }))
    }

    /// Every file below a folder (`""`: the whole realm), with the generation of the same snapshot.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn list(
        &self,
        realm: RealmId,
        folder: &str,
    ) -> Result<Option<Looked>, DatabaseError> {
        type Columns = (
            i64,
            Option<String>,
            Option<Vec<u8>>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
        );
        // `0` is the character after `/`.
        let (from, to) = if folder.is_empty() {
            (String::new(), "\u{10ffff}".to_owned())
        } else {
            (format!("{folder}/"), format!("{folder}0"))
        };
        let sql = "SELECT r.generation, f.path, f.blob, f.size, f.created_at, f.modified_at
                   FROM realms r LEFT JOIN files f ON f.tree_id = r.tree_id AND f.path >= $2 AND f.path < $3
                   WHERE r.id = $1 AND r.deleted_at IS NULL ORDER BY f.path";
        let rows: Vec<Columns> = on!(self, pool => sqlx::query_as(sql).bind(realm.0).bind(from).bind(to).fetch_all(pool).await)?;
        let Some((generation, ..)) = rows.first() else {
            return Ok(None);
        };
        let generation = *generation;
        let files = rows
            .into_iter()
            .filter_map(|(_, path, blob, size, created, modified)| {
                Some(file_row((path?, blob?, size?, created?, modified?)))
            });
        Ok(Some(Looked {
            generation,
            settings: None,
            files: files.collect::<Result<_, _>>()?,
        }))
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn blob(&self, hash: BlobHash) -> Result<Option<Vec<u8>>, DatabaseError> {
        let sql = "SELECT bytes FROM blobs WHERE hash = $1";
        Ok(
            on!(self, pool => sqlx::query_scalar(sql).bind(hash.as_bytes()).fetch_optional(pool).await)?,
        )
    }
}

impl Transaction {
    /// One file of the tree that is being written.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn file(
        &mut self,
        target: WriteTarget,
        path: &LocalPath,
    ) -> Result<Option<FileRow>, DatabaseError> {
        let sql = "SELECT path, blob, size, created_at, modified_at FROM files WHERE tree_id = $1 AND path = $2";
        let found: Option<FileColumns> = within!(self, c => sqlx::query_as(sql).bind(target.tree).bind(path.as_str()).fetch_optional(c).await)?;
        found.map(file_row).transpose()
    }

    /// Keeps bytes. Callers keep several in the order of their hashes, so that no two of them wait for each other.
    ///
    /// A blob that is there already and has the collector's mark loses it: if it is left again, its time begins anew. What
    /// has no mark is not locked, or writers of the same bytes would wait for each other. Such a blob may be collected
    /// before it is pointed at; [`DatabaseError::Vanished`] says so then, and the transaction is made again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn keep_blob(&mut self, hash: BlobHash, bytes: &[u8]) -> Result<(), DatabaseError> {
        let insert = "INSERT INTO blobs (hash, size, bytes) VALUES ($1, $2, $3) ON CONFLICT (hash)";
        let sql = match self {
            _ if mutant!("mark-not-cleared") => format!("{insert} DO NOTHING"),
            Self::Postgres(..) => format!(
                "WITH kept AS ({insert} DO NOTHING)
                 UPDATE blobs SET orphaned_at = NULL WHERE hash = $1 AND orphaned_at IS NOT NULL"
            ),
            // On a Postgres this would lock every row that is there.
            Self::Sqlite(_) => format!(
                "{insert} DO UPDATE SET orphaned_at = NULL WHERE blobs.orphaned_at IS NOT NULL"
            ),
        };
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        within!(self, c => sqlx::query(AssertSqlSafe(sql)).bind(hash.as_bytes()).bind(size).bind(bytes).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Points a path at a blob that is kept.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn put_file(
        &mut self,
        target: WriteTarget,
        path: &LocalPath,
        blob: BlobHash,
        size: usize,
    ) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO files (tree_id, path, blob, size, media_type, created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $6)
                   ON CONFLICT (tree_id, path) DO UPDATE SET blob = excluded.blob, size = excluded.size, modified_at = excluded.modified_at";
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        within!(self, c => sqlx::query(sql)
            .bind(target.tree).bind(path.as_str()).bind(blob.as_bytes()).bind(size).bind(media_type(path.as_str())).bind(target.at)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Takes a path away.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn remove_file(
        &mut self,
        target: WriteTarget,
        path: &LocalPath,
    ) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM files WHERE tree_id = $1 AND path = $2";
        within!(self, c => sqlx::query(sql).bind(target.tree).bind(path.as_str()).execute(c).await.map(drop))?;
        Ok(())
    }
}
