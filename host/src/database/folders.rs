//! Bootstrap realms' folders: what a folder and its realm last agreed on, and who follows it.

use std::sync::Arc;

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnection;

use super::files::blob_hash;
use super::{Database, DatabaseError, Transaction, lock_key, on, postgres_options, within};
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

/// Says which replica follows a folder: an advisory lock on a connection of its own. On an embedded database there is
/// nobody to exclude.
#[derive(Debug)]
pub struct FolderLock {
    url: Option<String>,
    key: i64,
    connection: Arc<tokio::sync::Mutex<Option<PgConnection>>>,
}

impl FolderLock {
    /// Of a folder by its absolute path; `url` is the Postgres, if that is what the database is.
    #[must_use]
    pub fn new(url: Option<&str>, folder: &str) -> Self {
        Self {
            url: url.map(str::to_owned),
            key: lock_key(&format!("folder|{folder}")),
            connection: Arc::default(),
        }
    }

    /// Takes the lock, if nobody has it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn try_take(&mut self) -> Result<bool, DatabaseError> {
        let Some(url) = &self.url else {
            return Ok(true);
        };
        let mut connection = postgres_options(url)?
            .application_name("realm folder")
            .connect()
            .await?;
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(self.key)
            .fetch_one(&mut connection)
            .await?;
        if taken {
            *self.connection.lock().await = Some(connection);
        }
        Ok(taken)
    }

    /// Whether the connection, and with it the lock, is still there.
    pub fn is_held(&self) -> impl Future<Output = bool> + Send + 'static {
        let (embedded, connection) = (self.url.is_none(), Arc::clone(&self.connection));
        async move {
            let mut connection = connection.lock().await;
            let held = match connection.as_mut() {
                Some(open) => sqlx::query("SELECT 1").execute(open).await.is_ok(),
                None => embedded,
            };
            if !held {
                *connection = None;
            }
            held
        }
    }
}
