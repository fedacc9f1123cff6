use bytes::Bytes;

use super::{ReadError, Reader};
use crate::cache::Weigh;
use crate::database::bounded;
use crate::realm::BlobHash;
use crate::registry::Mounted;

/// Bytes under their hash: never stale, only evicted.
#[derive(Clone, Debug)]
pub(crate) struct Blob(pub(crate) Bytes);

impl Weigh for Blob {
    fn weight(&self) -> usize {
        self.0.len()
    }
}

impl Reader {
    /// The bytes of a blob that a path means. None: the path has come to mean something else so long ago that they have
    /// been collected. What has changed is applied here by then: whoever starts over from the path gets on.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn bytes(&self, realm: &Mounted, hash: BlobHash) -> Result<Option<Bytes>, ReadError> {
        if let Some(blob) = self.0.blobs.get(realm.id, &hash) {
            return Ok(Some(blob.0.clone()));
        }
        let (database, limit) = (self.0.database.clone(), self.0.limits.database_timeout);
        let mut waiter = self.0.blob_flights.join(hash, |_| async move {
            let bytes = bounded(limit, "blob", database.blob(hash)).await?;
            #[cfg(feature = "under-test")]
            crate::gates::pass("blob-read", &hash.to_string()).await;
            Ok(bytes.map(|bytes| Blob(bytes.into())))
        });
        let blob = waiter.result().await.ok_or(ReadError::Broken)??;
        let Some(blob) = blob else {
            if !mutant!("started-over-on-what-is-known") {
                self.0.hub.catch_up(&realm.tracker).await?;
            }
            return Ok(None);
        };
        self.0.blobs.insert(realm.id, hash, blob.clone());
        Ok(Some(blob.0))
    }
}
