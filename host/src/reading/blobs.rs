use bytes::Bytes;

use super::{ReadError, Reader};
use crate::cache::Weigh;
use crate::database::{DatabaseError, bounded};
use crate::realm::{BlobHash, RealmId};

/// Bytes under their hash: never stale, only evicted.
#[derive(Clone, Debug)]
pub(crate) struct Blob(pub(crate) Bytes);

impl Weigh for Blob {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

impl Reader {
    /// The bytes of a blob, and whether the cache had them.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn bytes(&self, realm: RealmId, hash: BlobHash) -> Result<(Bytes, bool), ReadError> {
        if let Some(blob) = self.0.blobs.get(realm, &hash) {
            return Ok((blob.0.clone(), true));
        }
        let (database, limit) = (self.0.database.clone(), self.0.limits.database_timeout);
        let mut waiter = self.0.blob_flights.join(hash, |_| async move {
            let bytes = bounded(limit, "blob", database.blob(hash)).await?;
            #[cfg(feature = "under-test")]
            crate::gates::pass("blob-read", &hash.to_string()).await;
            Ok(bytes.map(|bytes| Blob(bytes.into())))
        });
        let blob = waiter.result().await.ok_or(ReadError::Broken)??;
        let gone = || {
            DatabaseError::Unavailable(format!("blob {hash} was collected while it was being read"))
        };
        let blob = blob.ok_or_else(gone)?;
        self.0.blobs.insert(realm, hash, blob.clone());
        Ok((blob.0, false))
    }
}
