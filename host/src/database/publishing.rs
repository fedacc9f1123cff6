//! Publishing: a published realm's row, its snapshot of the source's tree, and the ends of realms.

use super::realms::{TargetColumns, target};
use super::{Database, DatabaseError, RealmKind, Transaction, WriteTarget, now, on, within};
use crate::realm::{Generation, RealmId, RealmUrl};

/// A realm that is published, as it was when its row was held.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The realm.
    pub id: RealmId,
    /// Its generation: no commit of it can come before this transaction's end.
    pub generation: Generation,
    /// Whether it is archived.
    pub archived: bool,
    /// What it is made from.
    pub kind: RealmKind,
    tree: i64,
}

/// A published realm, as its source's owner sees it.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where it is published.
    pub url: String,
    /// When it was last published, in milliseconds since 1970.
    pub published_at: i64,
}

type PublicationColumns = (String, Option<i64>);

fn publication((url, published_at): PublicationColumns) -> Publication {
    Publication {
        url,
        published_at: published_at.unwrap_or_default(),
    }
}

impl Database {
    /// What is published from a realm, by URL.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn publications(&self, source: RealmId) -> Result<Vec<Publication>, DatabaseError> {
        let sql = "SELECT url, published_at FROM realms
                   WHERE source_realm_id = $1 AND kind = 'published' AND deleted_at IS NULL ORDER BY url";
        let rows: Vec<PublicationColumns> =
            on!(self, pool => sqlx::query_as(sql).bind(source.0).fetch_all(pool).await)?;
        Ok(rows.into_iter().map(publication).collect())
    }

    /// The published realm of this number.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn publication(&self, realm: RealmId) -> Result<Option<Publication>, DatabaseError> {
        let sql = "SELECT url, published_at FROM realms WHERE id = $1 AND kind = 'published' AND deleted_at IS NULL";
        let row: Option<PublicationColumns> =
            on!(self, pool => sqlx::query_as(sql).bind(realm.0).fetch_optional(pool).await)?;
        Ok(row.map(publication))
    }
}

impl Transaction {
    /// Holds the realm at `url` as it is: until this transaction ends, no commit of it can be made, and it cannot go.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn hold_source(&mut self, url: &RealmUrl) -> Result<Option<Source>, DatabaseError> {
        // SQLite has one writer, which this transaction is.
        let hold = match self {
            Self::Postgres(..) if !mutant!("source-not-held") => "FOR SHARE",
            _ => "",
        };
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT id, tree_id, generation, kind, archived_at IS NOT NULL FROM realms
             WHERE url = $1 AND deleted_at IS NULL {hold}"
        ));
        type Columns = (i64, i64, i64, String, bool);
        let found: Option<Columns> =
            within!(self, c => sqlx::query_as(sql).bind(url.as_str()).fetch_optional(c).await)?;
        Ok(found.map(|(id, tree, generation, kind, archived)| Source {
            id: RealmId(id),
            tree,
            generation,
            kind: RealmKind::from_column(&kind),
            archived,
        }))
    }

    /// Points the published realm at `url` at a new tree, which has the source's files: rows are copied, no bytes. Makes
    /// the realm where it is not there. The caller holds the realm's lock and the source.
    ///
    /// A file whose bytes are those that were published before keeps its time: visitors' copies stay good.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn publish_tree(
        &mut self,
        source: Source,
        url: &RealmUrl,
        before: Option<WriteTarget>,
    ) -> Result<WriteTarget, DatabaseError> {
        let at = before.map_or_else(now, |before| before.at);
        let tree = self.insert_tree().await?;
        let snapshot = "INSERT INTO files (tree_id, path, blob, size, media_type, created_at, modified_at)
             SELECT $1, s.path, s.blob, s.size, s.media_type,
                 COALESCE(p.created_at, $4), CASE WHEN p.blob = s.blob THEN p.modified_at ELSE $4 END
             FROM files s LEFT JOIN files p ON p.tree_id = $3 AND p.path = s.path
             WHERE s.tree_id = $2";
        within!(self, c => sqlx::query(snapshot)
            .bind(tree).bind(source.tree).bind(before.map(|before| before.tree)).bind(at)
            .execute(c).await.map(drop))?;
        // The pointer flip. A row of that URL that is deleted comes back to life, and its generation goes on.
        let flip = "INSERT INTO realms (url, kind, source_realm_id, tree_id, settings, published_at, created_at, updated_at)
             SELECT $1, 'published', s.id, $2, s.settings, $3, $3, $3 FROM realms s WHERE s.id = $4
             ON CONFLICT (url) DO UPDATE SET kind = excluded.kind, source_realm_id = excluded.source_realm_id,
                 tree_id = excluded.tree_id, settings = excluded.settings, published_at = excluded.published_at,
                 created_at = CASE WHEN realms.deleted_at IS NULL THEN realms.created_at ELSE excluded.created_at END,
                 updated_at = CASE WHEN realms.updated_at > excluded.updated_at THEN realms.updated_at ELSE excluded.updated_at END,
                 folder = NULL, deleted_at = NULL, archived_at = NULL
             RETURNING id, tree_id, generation, updated_at, kind, FALSE, created_at";
        let row: TargetColumns = within!(self, c => sqlx::query_as(flip)
            .bind(url.as_str()).bind(tree).bind(at).bind(source.id.0)
            .fetch_one(c).await)?;
        let row = target(row);
        if before.is_none() {
            // A deleted realm that comes back has nothing of before.
            self.forget_index(row.id).await?;
        }
        self.bump_registry().await?;
        Ok(row)
    }

    /// The URLs of what is published from a realm, in order.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn published_from(&mut self, source: RealmId) -> Result<Vec<String>, DatabaseError> {
        let sql = "SELECT url FROM realms WHERE source_realm_id = $1 AND kind = 'published' AND deleted_at IS NULL ORDER BY url";
        Ok(within!(self, c => sqlx::query_scalar(sql).bind(source.0).fetch_all(c).await)?)
    }

    /// The source of a published realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn source_of(
        &mut self,
        realm: RealmId,
    ) -> Result<Option<(RealmId, String)>, DatabaseError> {
        let sql = "SELECT s.id, s.url FROM realms p JOIN realms s ON s.id = p.source_realm_id WHERE p.id = $1";
        let found: Option<(i64, String)> =
            within!(self, c => sqlx::query_as(sql).bind(realm.0).fetch_optional(c).await)?;
        Ok(found.map(|(id, url)| (RealmId(id), url)))
    }

    /// Ends a realm: its row stays with its generation, its files and what else belongs to it go.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn end_realm(&mut self, target: WriteTarget) -> Result<(), DatabaseError> {
        let tree = self.insert_tree().await?;
        let end = "UPDATE realms SET deleted_at = $2, updated_at = $2, tree_id = $3, settings = NULL, folder = NULL,
                       source_realm_id = NULL, published_at = NULL, archived_at = NULL WHERE id = $1";
        within!(self, c => sqlx::query(end).bind(target.id.0).bind(target.at).bind(tree).execute(c).await.map(drop))?;
        if !mutant!("rights-outlive-their-realm") {
            self.revoke_all(target.id).await?;
        }
        self.clear_realm_definitions(target.id).await?;
        let sql = "DELETE FROM folder_files WHERE realm_id = $1";
        within!(self, c => sqlx::query(sql).bind(target.id.0).execute(c).await.map(drop))?;
        self.bump_registry().await
    }

    /// Seals a realm, or opens it again.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn set_archived(
        &mut self,
        target: WriteTarget,
        archived: bool,
    ) -> Result<(), DatabaseError> {
        let sql = "UPDATE realms SET archived_at = $2 WHERE id = $1";
        let at = archived.then_some(target.at);
        within!(self, c => sqlx::query(sql).bind(target.id.0).bind(at).execute(c).await.map(drop))?;
        Ok(())
    }
}
