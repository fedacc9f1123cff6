//! What nothing refers to any more: trees that no realm has, blobs that nothing names. It goes in bounded batches, each a
//! transaction of its own, by one replica at a time. A blob is marked first, and goes when it has kept its mark for a while.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Database, DatabaseError, Transaction, answered, lock_key, placeholders, within};

/// What a batch took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Trees.
    pub trees: u64,
    /// Blobs.
    pub blobs: u64,
    /// Bytes of these blobs.
    pub bytes: u64,
    /// Whether there may be more to take away.
    pub more: bool,
}

/// Why a batch was not collected.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CollectError {
    /// Another replica is at it.
    #[error("another replica collects at this moment")]
    Elsewhere,
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for CollectError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Rows of files that go, and blobs that are looked at, in one statement.
const BATCH: i64 = 1000;
/// Blobs that go in one statement …
const MOST_BLOBS: i64 = 200;
/// … unless they have more bytes than this: a statement has to end in time.
const MOST_BYTES: u64 = 32 << 20;

/// Whether something refers to a row of `blobs`. An input of derivations is not needed for their sake: they go with it.
/// `folder_files` remembers a hash, not bytes.
const IS_USED: &str = "(EXISTS (SELECT 1 FROM files WHERE files.blob = blobs.hash)
     OR EXISTS (SELECT 1 FROM derivation_parts WHERE derivation_parts.blob = blobs.hash)
     OR EXISTS (SELECT 1 FROM index_renderings WHERE index_renderings.blob = blobs.hash)
     OR EXISTS (SELECT 1 FROM realms WHERE realms.settings = blobs.hash))";

/// Greater than every hash.
const END: [u8; 33] = [0xff; 33];

impl Database {
    /// Takes away a batch of the files of a tree that no live realm has, and with its last files the tree; then what
    /// deleted realms still hold beside it. A tree comes into being with the realm that points at it, in one commit, and
    /// none that was left is ever pointed at again.
    ///
    /// # Errors
    /// When another replica collects, or the database is away.
    pub async fn collect_trees(&self) -> Result<Collected, CollectError> {
        let mut transaction = self.begin_collecting().await?;
        let sql = "SELECT id FROM trees
                   WHERE NOT EXISTS (SELECT 1 FROM realms WHERE realms.tree_id = trees.id AND realms.deleted_at IS NULL)
                       AND (EXISTS (SELECT 1 FROM files WHERE files.tree_id = trees.id)
                           OR NOT EXISTS (SELECT 1 FROM realms WHERE realms.tree_id = trees.id))
                   ORDER BY id LIMIT 1";
        let old: Option<i64> =
            within!(&mut transaction, c => sqlx::query_scalar(sql).fetch_optional(c).await)?;
        let mut collected = Collected::default();
        match old {
            Some(tree) => {
                collected.trees = u64::from(transaction.empty_tree(tree).await?);
                collected.more = true;
            }
            None => collected.more = transaction.forget_deleted().await?,
        }
        transaction.commit().await?;
        Ok(collected)
    }

    /// Looks at a batch of blobs, those after the hash `after`: marks what nothing refers to, and takes the mark from what
    /// is referred to again. Where the next batch begins; none: that was the last one.
    ///
    /// # Errors
    /// When another replica collects, or the database is away.
    pub async fn mark_blobs(&self, after: &[u8]) -> Result<Option<Vec<u8>>, CollectError> {
        let mut transaction = self.begin_collecting().await?;
        let sql = "SELECT hash FROM blobs WHERE hash > $1 ORDER BY hash LIMIT 1 OFFSET $2";
        let next: Option<Vec<u8>> = within!(&mut transaction, c => sqlx::query_scalar(sql).bind(after).bind(BATCH - 1).fetch_optional(c).await)?;
        let until = next.as_deref().unwrap_or(&END);
        let (now, unless_locked) = (self.clock(), self.unless_locked());
        let rows = |condition: &str| {
            format!(
                "hash IN (SELECT blobs.hash FROM blobs
                 WHERE blobs.hash > $1 AND blobs.hash <= $2 AND {condition} {unless_locked})"
            )
        };
        let unused = rows(&format!("blobs.orphaned_at IS NULL AND NOT {IS_USED}"));
        let used = rows(&format!("blobs.orphaned_at IS NOT NULL AND {IS_USED}"));
        for sql in [
            format!("UPDATE blobs SET orphaned_at = {now} WHERE {unused}"),
            format!("UPDATE blobs SET orphaned_at = NULL WHERE {used}"),
        ] {
            within!(&mut transaction, c => sqlx::query(AssertSqlSafe(sql)).bind(after).bind(until).execute(c).await.map(drop))?;
        }
        transaction.commit().await?;
        Ok(next)
    }

    /// Takes away a batch of the blobs that have been marked for longer than `grace`, and are still referred to by nothing.
    /// Derivations that were made from them go with them.
    ///
    /// # Errors
    /// When another replica collects, or the database is away.
    pub async fn collect_blobs(&self, grace: Duration) -> Result<Collected, CollectError> {
        let mut transaction = self.begin_collecting().await?;
        let grace = i64::try_from(grace.as_millis()).unwrap_or(i64::MAX / 2);
        let grace = if mutant!("collected-at-once") {
            0
        } else {
            grace
        };
        // What somebody is just pointing at is locked, and left alone. From here on nobody can begin to: a foreign key
        // waits for the end of this transaction, and finds the blob, or that it is gone.
        let sql = format!(
            "SELECT hash, size FROM blobs WHERE orphaned_at < (SELECT {}) - $1 ORDER BY orphaned_at LIMIT $2 {}",
            self.clock(),
            self.unless_locked()
        );
        let old: Vec<(Vec<u8>, i64)> = within!(&mut transaction, c => sqlx::query_as(AssertSqlSafe(sql)).bind(grace).bind(MOST_BLOBS).fetch_all(c).await)?;
        let mut bytes = 0;
        let fitting = old.iter().take_while(|(_, size)| {
            let fits = bytes == 0 || bytes + size.unsigned_abs() <= MOST_BYTES;
            bytes += size.unsigned_abs();
            fits
        });
        let chosen: Vec<&[u8]> = fitting.map(|(hash, _)| hash.as_slice()).collect();
        if chosen.is_empty() {
            // Its lock is given back before the next batch asks for it: what is only dropped ends later.
            transaction.commit().await?;
            return Ok(Collected::default());
        }
        #[cfg(feature = "under-test")]
        crate::gates::pass("collecting", "").await;
        // A statement of its own sees every commit from before the locks. In the one above, the snapshot is older than they.
        let condition = if mutant!("collected-without-looking-again") {
            String::new()
        } else {
            format!(" AND NOT {IS_USED}")
        };
        let sql = format!(
            "DELETE FROM blobs WHERE hash IN ({}){condition} RETURNING size",
            placeholders(1, chosen.len())
        );
        let gone: Vec<i64> = within!(&mut transaction, c => {
            let mut query = sqlx::query_scalar(AssertSqlSafe(sql));
            for hash in &chosen {
                query = query.bind(*hash);
            }
            query.fetch_all(c).await
        })?;
        transaction.commit().await?;
        let all = chosen.len() == old.len() && (old.len() as i64) < MOST_BLOBS;
        Ok(Collected {
            trees: 0,
            blobs: gone.len() as u64,
            bytes: gone.iter().map(|size| size.unsigned_abs()).sum(),
            // Those that are used again lose their marks with the next look, and must not be come back to until then.
            more: !all && !gone.is_empty(),
        })
    }

    /// A transaction of the one replica that collects: its end lets others.
    async fn begin_collecting(&self) -> Result<Transaction, CollectError> {
        let mut transaction = self.begin().await?;
        if let Transaction::Postgres(postgres, limit) = &mut transaction {
            let lock = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)");
            let lock = lock.bind(lock_key("collect")).fetch_one(&mut **postgres);
            let mine: bool = answered(*limit, lock).await?;
            if !mine && !mutant!("collected-by-two") {
                return Err(CollectError::Elsewhere);
            }
        }
        Ok(transaction)
    }

    /// Locks the rows of a query against whoever wants to refer to them, but for those that somebody has locked: nobody
    /// waits for a collector that waits. A SQLite has one writer anyway.
    fn unless_locked(&self) -> &'static str {
        match self {
            Self::Postgres(_) => "FOR UPDATE SKIP LOCKED",
            Self::Sqlite(_) => "",
        }
    }
}

impl Transaction {
    /// Takes a batch of a tree's files away; whether it was the last one.
    async fn empty_tree(&mut self, tree: i64) -> Result<bool, DatabaseError> {
        let sql = "DELETE FROM files WHERE tree_id = $1 AND path IN (SELECT path FROM files WHERE tree_id = $1 ORDER BY path LIMIT $2)";
        let gone = within!(self, c => sqlx::query(sql).bind(tree).bind(BATCH).execute(c).await.map(|done| done.rows_affected()))?;
        if gone == BATCH as u64 {
            return Ok(false);
        }
        // A deleted realm's row stays, and goes on pointing at its tree.
        let sql = "DELETE FROM trees WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM realms WHERE tree_id = $1)";
        within!(self, c => sqlx::query(sql).bind(tree).execute(c).await.map(drop))?;
        Ok(true)
    }

    /// Takes a batch of what deleted realms still hold beside their trees; whether there may be more.
    async fn forget_deleted(&mut self) -> Result<bool, DatabaseError> {
        let sql = "UPDATE realms SET settings = NULL WHERE deleted_at IS NOT NULL AND settings IS NOT NULL";
        within!(self, c => sqlx::query(sql).execute(c).await.map(drop))?;
        let sql = "DELETE FROM folder_files WHERE (realm_id, path) IN
                   (SELECT f.realm_id, f.path FROM folder_files f JOIN realms r ON r.id = f.realm_id WHERE r.deleted_at IS NOT NULL LIMIT $1)";
        let gone = within!(self, c => sqlx::query(sql).bind(BATCH).execute(c).await.map(|done| done.rows_affected()))?;
        Ok(gone == BATCH as u64)
    }
}
