//! Derivations: outputs of guest calls, keyed by what determined them.

use super::files::blob_hash;
use super::{Database, DatabaseError, now, on, within};
use crate::realm::{BlobHash, RealmId};

/// One piece of an output: the contents (`""`), its source map (`map`), or an asset (its suffix).
#[derive(Clone, Debug)]
pub struct Part {
    /// Which piece.
    pub part: String,
    /// Its media type.
    pub media_type: String,
    /// The hash of its bytes.
    pub blob: BlobHash,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A stored derivation, without its parts' bytes.
#[derive(Clone, Debug)]
pub struct DerivationRow {
    /// Its number.
    pub id: i64,
    /// What the call read, as the reader wrote it.
    pub reads: String,
    /// What the call gave beside bytes, as the reader wrote it.
    pub outcome: String,
}

/// A derivation to be stored.
#[derive(Clone, Debug)]
pub struct NewDerivation<'a> {
    /// What determined it.
    pub key: BlobHash,
    /// The hash of `reads`.
    pub reads_hash: BlobHash,
    /// The input's bytes.
    pub input: BlobHash,
    /// The input itself, where it is an intermediate result that nothing else keeps.
    pub input_bytes: Option<&'a [u8]>,
    /// The plugin's digest.
    pub plugin: &'a str,
    /// The realm that alone may use it.
    pub realm: Option<RealmId>,
    /// What the call read.
    pub reads: &'a str,
    /// What the call gave beside bytes.
    pub outcome: &'a str,
    /// Its pieces.
    pub parts: &'a [Part],
}

/// The most rows that one key may have: the oldest goes first.
const MOST_PER_KEY: i64 = 64;

impl Database {
    /// The derivations of a key that `realm` may use, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn derivations(
        &self,
        key: BlobHash,
        realm: RealmId,
    ) -> Result<Vec<DerivationRow>, DatabaseError> {
        let sql = "SELECT id, reads, outcome FROM derivations WHERE key = $1 AND (realm_id IS NULL OR realm_id = $2) ORDER BY id DESC";
        let rows: Vec<(i64, String, String)> = on!(self, pool => sqlx::query_as(sql).bind(key.as_bytes()).bind(realm.0).fetch_all(pool).await)?;
        Ok(rows
            .into_iter()
            .map(|(id, reads, outcome)| DerivationRow { id, reads, outcome })
            .collect())
    }

    /// The parts of a derivation.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn derivation_parts(&self, id: i64) -> Result<Vec<Part>, DatabaseError> {
        let sql = "SELECT p.part, p.media_type, p.blob, b.bytes FROM derivation_parts p JOIN blobs b ON b.hash = p.blob
                   WHERE p.derivation_id = $1 ORDER BY p.part";
        let rows: Vec<(String, String, Vec<u8>, Vec<u8>)> =
            on!(self, pool => sqlx::query_as(sql).bind(id).fetch_all(pool).await)?;
        rows.into_iter()
            .map(|(part, media_type, blob, bytes)| {
                Ok(Part {
                    part,
                    media_type,
                    blob: blob_hash(&blob)?,
                    bytes,
                })
            })
            .collect()
    }

    /// Stores a derivation with its parts, unless the same one is there.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn store_derivation(&self, new: &NewDerivation<'_>) -> Result<(), DatabaseError> {
        let mut blobs: Vec<(BlobHash, &[u8])> = new
            .parts
            .iter()
            .map(|part| (part.blob, part.bytes.as_slice()))
            .collect();
        blobs.extend(new.input_bytes.map(|bytes| (new.input, bytes)));
        blobs.sort_unstable_by_key(|(hash, _)| *hash);
        blobs.dedup_by_key(|(hash, _)| *hash);
        let mut transaction = self.begin().await?;
        for (hash, bytes) in blobs {
            transaction.keep_blob(hash, bytes).await?;
        }
        let sql = "INSERT INTO derivations (key, reads_hash, input, plugin, realm_id, reads, outcome, created_at)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING id";
        let id: Option<i64> = within!(&mut transaction, c => sqlx::query_scalar(sql)
            .bind(new.key.as_bytes()).bind(new.reads_hash.as_bytes()).bind(new.input.as_bytes()).bind(new.plugin)
            .bind(new.realm.map(|realm| realm.0)).bind(new.reads).bind(new.outcome).bind(now())
            .fetch_optional(c).await)?;
        let Some(id) = id else { return Ok(()) };
        let insert = "INSERT INTO derivation_parts (derivation_id, part, media_type, blob) VALUES ($1, $2, $3, $4)";
        for part in new.parts {
            within!(&mut transaction, c => sqlx::query(insert)
                .bind(id).bind(&part.part).bind(&part.media_type).bind(part.blob.as_bytes())
                .execute(c).await.map(drop))?;
        }
        let bound = "DELETE FROM derivations WHERE key = $1 AND id IN
                     (SELECT id FROM derivations WHERE key = $1 ORDER BY id DESC LIMIT 1000 OFFSET $2)";
        within!(&mut transaction, c => sqlx::query(bound).bind(new.key.as_bytes()).bind(MOST_PER_KEY).execute(c).await.map(drop))?;
        transaction.commit().await
    }
}
