use std::sync::Arc;

use serde_json::json;

use super::announce::What;
use super::{Actor, Lifecycle, LifecycleError, require_owner};
use crate::auth::check_user_name;
use crate::database::{AuditEntry, EVERYONE, Shared};
use crate::realm::{RealmUrl, Rights};

/// A user's rights from now on; none: all are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose; `*` is everyone.
    pub user: String,
    /// Exactly these.
    pub rights: Rights,
}

impl Lifecycle {
    /// Gives users rights in a realm, and takes them. A change of permissions is a change of the whole realm: it holds on
    /// every replica as soon as any change does. What everybody may do after it.
    ///
    /// # Errors
    /// When there is no such realm, somebody else owns it, or somebody who is no operator would make or unmake an owner.
    pub async fn share(
        self: &Arc<Self>,
        url: RealmUrl,
        grants: Vec<Grant>,
        by: Actor,
    ) -> Result<Shared, LifecycleError> {
        self.operation("permissions", |own| async move {
            own.share_now(&url, &grants, &by).await
        })
        .await
    }

    async fn share_now(
        &self,
        url: &RealmUrl,
        grants: &[Grant],
        by: &Actor,
    ) -> Result<Shared, LifecycleError> {
        for grant in grants {
            if grant.user != EVERYONE {
                check_user_name(&grant.user)?;
            }
            if grant.user == EVERYONE && grant.rights.owner {
                return Err(LifecycleError::EveryoneOwns);
            }
        }
        let (_place, mut transaction) = self.lock(&[url]).await?;
        let target = transaction.write_target(url).await?;
        let none = || LifecycleError::NoRealm(url.clone());
        let target = target.ok_or_else(none)?;
        require_owner(&mut transaction, target, by).await?;
        let mut given = serde_json::Map::new();
        for grant in grants {
            let before = transaction.granted(target.id, &grant.user).await?;
            if before == grant.rights {
                continue;
            }
            if (before.owner || grant.rights.owner) && !by.all {
                return Err(LifecycleError::OwnerChange(grant.user.clone()));
            }
            transaction
                .grant(target.id, &grant.user, grant.rights)
                .await?;
            given.insert(grant.user.clone(), json!(grant.rights.names()));
        }
        if given.is_empty() {
            let shared = transaction.permissions(target.id).await?;
            drop(transaction);
            self.see(url, target.generation).await?;
            return shared.ok_or_else(none);
        }
        let generation = transaction.log_change(target, None).await?;
        let entry = AuditEntry {
            actor: by.name.as_deref(),
            operation: "permissions",
            url,
            generation,
            detail: json!({ "users": given }),
        };
        transaction.audit(target, &entry).await?;
        // Asked here: once it is committed, an answer needs nothing more of the database.
        let shared = transaction.permissions(target.id).await?;
        let committed = transaction.commit().await;
        self.settle(committed, &[(url, target.id, What::Shared)])
            .await?;
        shared.ok_or_else(none)
    }
}
