//! Permissions: who may do what in a realm.

use std::collections::BTreeMap;

use super::{Database, DatabaseError, Transaction, on, within};
use crate::realm::{Generation, RealmId, Rights};

/// What one statement saw of a user's place in a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The realm's generation in that statement's snapshot: a change of permissions is a change of the realm.
    pub generation: Generation,
    /// Whether the realm is archived.
    pub archived: bool,
    /// What everyone may do.
    pub everyone: Rights,
    /// What the user may do beside that.
    pub user: Rights,
}

/// The user that is everyone.
pub const EVERYONE: &str = "*";

type StandingColumns = (
    i64,
    bool,
    Option<String>,
    Option<bool>,
    Option<bool>,
    Option<bool>,
);
type Columns = (String, bool, bool, bool);

/// Everyone's rights in a realm, with the generation of the same snapshot.
pub type Shared = (Generation, BTreeMap<String, Rights>);

type Joined = (
    i64,
    Option<String>,
    Option<bool>,
    Option<bool>,
    Option<bool>,
);
const OF_ALL: &str = "SELECT r.generation, p.username, p.may_read, p.may_write, p.realm_owner
     FROM realms r LEFT JOIN realm_permissions p ON p.realm_id = r.id
     WHERE r.id = $1 AND r.deleted_at IS NULL";

fn of_all(rows: Vec<Joined>) -> Option<Shared> {
    let generation = rows.first()?.0;
    let users = rows
        .into_iter()
        .filter_map(|(_, user, read, write, owner)| Some((user?, rights(read?, write?, owner?))));
    Some((generation, users.collect()))
}

fn rights(read: bool, write: bool, owner: bool) -> Rights {
    Rights { read, write, owner }
}

impl Database {
    /// A user's place in a realm (`""`: nobody's that is known); none when there is no such realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn standing(
        &self,
        realm: RealmId,
        user: &str,
    ) -> Result<Option<Standing>, DatabaseError> {
        let sql = "SELECT r.generation, r.archived_at IS NOT NULL, p.username, p.may_read, p.may_write, p.realm_owner
                   FROM realms r LEFT JOIN realm_permissions p ON p.realm_id = r.id AND p.username IN ($2, '*')
                   WHERE r.id = $1 AND r.deleted_at IS NULL";
        let rows: Vec<StandingColumns> =
            on!(self, pool => sqlx::query_as(sql).bind(realm.0).bind(user).fetch_all(pool).await)?;
        let Some((generation, archived, ..)) = rows.first() else {
            return Ok(None);
        };
        let mut standing = Standing {
            generation: *generation,
            archived: *archived,
            everyone: Rights::default(),
            user: Rights::default(),
        };
        for (_, _, name, read, write, owner) in rows {
            if let (Some(name), Some(read), Some(write), Some(owner)) = (name, read, write, owner) {
                let of = if name == EVERYONE {
                    &mut standing.everyone
                } else {
                    &mut standing.user
                };
                *of = rights(read, write, owner);
            }
        }
        Ok(Some(standing))
    }

    /// Everyone's rights in a realm, by user, with the generation of the same snapshot; none when there is no such realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn permissions(&self, realm: RealmId) -> Result<Option<Shared>, DatabaseError> {
        let rows: Vec<Joined> =
            on!(self, pool => sqlx::query_as(OF_ALL).bind(realm.0).fetch_all(pool).await)?;
        Ok(of_all(rows))
    }
}

impl Transaction {
    /// The same, as this transaction sees it.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn permissions(&mut self, realm: RealmId) -> Result<Option<Shared>, DatabaseError> {
        let rows: Vec<Joined> =
            within!(self, c => sqlx::query_as(OF_ALL).bind(realm.0).fetch_all(c).await)?;
        Ok(of_all(rows))
    }

    /// What a user was granted in a realm by name: what everyone may do is not counted.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn granted(&mut self, realm: RealmId, user: &str) -> Result<Rights, DatabaseError> {
        let sql = "SELECT username, may_read, may_write, realm_owner FROM realm_permissions WHERE realm_id = $1 AND username = $2";
        let found: Option<Columns> = within!(self, c => sqlx::query_as(sql).bind(realm.0).bind(user).fetch_optional(c).await)?;
        Ok(
            found.map_or_else(Rights::default, |(_, read, write, owner)| {
                rights(read, write, owner)
            }),
        )
    }

    /// Gives a user exactly these rights; none of them: takes them all.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn grant(
        &mut self,
        realm: RealmId,
        user: &str,
        given: Rights,
    ) -> Result<(), DatabaseError> {
        if given == Rights::default() {
            let sql = "DELETE FROM realm_permissions WHERE realm_id = $1 AND username = $2";
            within!(self, c => sqlx::query(sql).bind(realm.0).bind(user).execute(c).await.map(drop))?;
            return Ok(());
        }
        let sql = "INSERT INTO realm_permissions (realm_id, username, may_read, may_write, realm_owner) VALUES ($1, $2, $3, $4, $5)
                   ON CONFLICT (realm_id, username) DO UPDATE SET
                       may_read = excluded.may_read, may_write = excluded.may_write, realm_owner = excluded.realm_owner";
        within!(self, c => sqlx::query(sql).bind(realm.0).bind(user).bind(given.read).bind(given.write).bind(given.owner)
            .execute(c).await.map(drop))?;
        Ok(())
    }

    /// Takes everyone's rights, in a realm that goes or is made anew.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn revoke_all(&mut self, realm: RealmId) -> Result<(), DatabaseError> {
        let sql = "DELETE FROM realm_permissions WHERE realm_id = $1";
        within!(self, c => sqlx::query(sql).bind(realm.0).execute(c).await.map(drop))?;
        Ok(())
    }
}
