use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::{ReadError, Reader};
use crate::cache::{Stamp, Weigh};
use crate::database::{Publication, Standing, bounded};
use crate::realm::{Generation, RealmId, Rights};
use crate::registry::Mounted;

/// What somebody may do in a realm, at some generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What they may do, with what everyone may.
    pub rights: Rights,
    /// Whether everyone may read.
    pub public: bool,
    /// Whether the realm is sealed: even those who may read see nothing of its content.
    pub archived: bool,
}

/// Who asks, when nobody says who they are.
pub static NOBODY: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(""));

/// A user's access as the cache holds it.
#[derive(Debug)]
pub(super) struct Held {
    access: Access,
    stamp: Stamp,
}

impl Weigh for Arc<Held> {
    fn weight(&self) -> usize {
        size_of::<Held>() + self.stamp.weight() + 64
    }
}

/// A look-up that many share: a user in a realm, in one period between invalidations.
pub(super) type AccessKey = (RealmId, Arc<str>, [u64; 5]);

impl Reader {
    /// What a user may do in a realm ([`NOBODY`]: what everyone may). A change of permissions is a change of the whole realm,
    /// so what is cached is as true as any file is: callers have seen to the realm's lease.
    ///
    /// # Errors
    /// When the realm is gone or the database is away.
    pub async fn access(&self, realm: &Arc<Mounted>, user: &Arc<str>) -> Result<Access, ReadError> {
        if let Some(known) = self.0.access.get(realm.id, user)
            && (known.stamp.is_of(&realm.floors) && known.stamp.is_current()
                || mutant!("permissions-kept"))
        {
            return Ok(known.access);
        }
        let mark = realm.floors.mark_realm();
        let key = (realm.id, Arc::clone(user), mark.period());
        let (own, realm, user) = (self.clone(), Arc::clone(realm), Arc::clone(user));
        let mut waiter = self.0.access_flights.join(key, |_| async move {
            let standing = own.0.database.standing(realm.id, &user);
            let limit = own.0.limits.database_timeout;
            let standing = bounded(limit, "permissions", standing).await?;
            #[cfg(feature = "under-test")]
            crate::gates::pass("access-read", &user).await;
            Ok(standing.map(|standing| {
                let held = Arc::new(Held {
                    access: own.judged(&standing),
                    stamp: Stamp::of(mark, standing.generation),
                });
                own.0.access.insert(realm.id, user, Arc::clone(&held));
                held
            }))
        });
        let found = waiter.result().await.ok_or(ReadError::Broken)??;
        Ok(found.ok_or(ReadError::NoRealm)?.access)
    }

    /// Whether everyone may read a realm.
    ///
    /// # Errors
    /// As of [`Reader::access`].
    pub(crate) async fn is_public(&self, realm: &Arc<Mounted>) -> Result<bool, ReadError> {
        let access = self.access(realm, &NOBODY).await?;
        Ok(access.public && !access.archived)
    }

    /// What each user may do in a realm, by name, from the database.
    ///
    /// # Errors
    /// When the realm is gone or the database is away.
    pub async fn permissions(
        &self,
        realm: &Mounted,
    ) -> Result<(Generation, BTreeMap<String, Rights>), ReadError> {
        let read = self.0.database.permissions(realm.id);
        bounded(self.0.limits.database_timeout, "permissions", read)
            .await?
            .ok_or(ReadError::NoRealm)
    }

    /// What a realm is published from, and when; none where it is no published realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn publication(&self, realm: &Mounted) -> Result<Option<Publication>, ReadError> {
        let read = self.0.database.publication(realm.id);
        Ok(bounded(self.0.limits.database_timeout, "publication", read).await?)
    }

    /// What is published from a realm.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn publications(&self, realm: &Mounted) -> Result<Vec<Publication>, ReadError> {
        let read = self.0.database.publications(realm.id);
        Ok(bounded(self.0.limits.database_timeout, "publications", read).await?)
    }

    fn judged(&self, standing: &Standing) -> Access {
        if self.0.limits.open {
            return Access {
                rights: Rights::ALL,
                public: true,
                archived: standing.archived,
            };
        }
        let rights = standing.everyone.with(standing.user);
        Access {
            rights: rights.entailed(),
            public: standing.everyone.entailed().read,
            archived: standing.archived,
        }
    }
}
