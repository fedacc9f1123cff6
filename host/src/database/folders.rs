//! What a bootstrap realm's folder and its realm last agreed on.

use super::files::blob_hash;
use super::{Database, DatabaseError, Transaction, on, within};
use crate::realm::{BlobHash, LocalPath, RealmId};

impl Database {
    /// Per path, the bytes on which folder and realm last agreed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn folder_files(
        &self,
        realm: RealmId,
    ) -> Result<Vec<(LocalPath, BlobHash)>, DatabaseError> {
        let sql = "SELECT path, blob FROM folder_files WHERE realm_id = $1";
        let rows: Vec<(String, Vec<u8>)> =
            on!(self, pool => sqlx::query_as(sql).bind(realm.0).fetch_all(pool).await)?;
        let rows = rows
            .into_iter()
            .filter_map(|(path, blob)| Some((LocalPath::new(&path).ok()?, blob)));
        rows.map(|(path, blob)| Ok((path, blob_hash(&blob)?)))
            .collect()
    }

    /// Remembers that folder and realm agree on a path; `None`: that both have no such file.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn agree(
        &self,
        realm: RealmId,
        path: &LocalPath,
        blob: Option<BlobHash>,
    ) -> Result<(), DatabaseError> {
        let mut transaction = self.begin().await?;
        transaction.agree(realm, path, blob).await?;
        transaction.commit().await
    }
}

impl Transaction {
    /// The same, with the write that makes it so.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn agree(
        &mut self,
        realm: RealmId,
        path: &LocalPath,
        blob: Option<BlobHash>,
    ) -> Result<(), DatabaseError> {
        match blob {
            Some(blob) => {
                let sql = "INSERT INTO folder_files (realm_id, path, blob) VALUES ($1, $2, $3)
                           ON CONFLICT (realm_id, path) DO UPDATE SET blob = excluded.blob";
                within!(self, c => sqlx::query(sql).bind(realm.0).bind(path.as_str()).bind(blob.as_bytes()).execute(c).await.map(drop))?;
            }
            None => {
                let sql = "DELETE FROM folder_files WHERE realm_id = $1 AND path = $2";
                within!(self, c => sqlx::query(sql).bind(realm.0).bind(path.as_str()).execute(c).await.map(drop))?;
            }
        }
        Ok(())
    }
}
