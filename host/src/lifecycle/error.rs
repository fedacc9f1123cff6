use crate::auth::AuthError;
use crate::database::DatabaseError;
use crate::realm::{RealmUrl, UnknownRight};

/// Why a realm was not made, published, ended or given away. Nothing is changed then, unless the database says that it does
/// not know.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LifecycleError {
    /// There is one.
    #[error("there is a realm at {0} already")]
    Exists(RealmUrl),
    /// There is none.
    #[error("there is no realm at {0}; `realm list` shows those that there are")]
    NoRealm(RealmUrl),
    /// It is no published realm.
    #[error("{0} is not a published realm")]
    NotPublished(RealmUrl),
    /// It is a published realm, and this is for the realms that people edit.
    #[error("{0} is a published realm: this is done to its source, or with `unpublish`")]
    IsPublished(RealmUrl),
    /// It follows a folder.
    #[error("{0} follows a folder: it goes when no host serves the folder any more")]
    IsFolder(RealmUrl),
    /// It is sealed.
    #[error("{0} is archived; `realm unarchive` opens it again")]
    Archived(RealmUrl),
    /// Somebody else's.
    #[error("only an owner of the realm may do this")]
    NotOwner,
    /// Owners make no owners.
    #[error(
        "`{0}` is or would be an owner: only an operator may change that (`realm grant`, `realm revoke`)"
    )]
    OwnerChange(String),
    /// Everyone cannot own.
    #[error("everyone (`*`) cannot own a realm")]
    EveryoneOwns,
    /// A user's name that can be nobody's.
    #[error(transparent)]
    BadUser(#[from] AuthError),
    /// A right that there is not.
    #[error(transparent)]
    Right(#[from] UnknownRight),
    /// Too many writers.
    #[error("{0} writes of this realm are waiting already")]
    Busy(usize),
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}
