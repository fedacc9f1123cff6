use std::sync::Arc;

use serde_json::json;

use super::announce::What;
use super::{Actor, Lifecycle, LifecycleError, require_owner};
use crate::database::{AuditEntry, EVERYONE, RealmKind, Source, Transaction, WriteTarget};
use crate::realm::{Generation, RealmUrl, Rights};

/// What a publish came to.
#[derive(Clone, Debug)]
pub struct Published {
    /// Where.
    pub url: RealmUrl,
    /// What was published.
    pub source: RealmUrl,
    /// The published realm's generation that has it.
    pub generation: Generation,
    /// The source's generation that it is a snapshot of.
    pub source_generation: Generation,
    /// When, in milliseconds since 1970.
    pub published_at: i64,
}

impl Lifecycle {
    /// Publishes a realm at `target`, anew or again: a snapshot of the source's tree and a pointer flip. The old tree is
    /// served until the commit, and by nobody who asks after it.
    ///
    /// # Errors
    /// When there is no such source, `target` is no published realm, or somebody else owns one of them.
    pub async fn publish(
        self: &Arc<Self>,
        source: RealmUrl,
        target: RealmUrl,
        by: Actor,
    ) -> Result<Published, LifecycleError> {
        self.operation("publish", |own| async move {
            own.publish_now(source, target, &by).await
        })
        .await
    }

    async fn publish_now(
        &self,
        source_url: RealmUrl,
        url: RealmUrl,
        by: &Actor,
    ) -> Result<Published, LifecycleError> {
        let (_place, mut transaction) = self.lock(&[&url]).await?;
        let before = transaction.write_target(&url).await?;
        if before.is_some_and(|before| before.kind != RealmKind::Published) {
            return Err(LifecycleError::Exists(url));
        }
        let source = transaction.hold_source(&source_url).await?;
        let source = source.ok_or_else(|| LifecycleError::NoRealm(source_url.clone()))?;
        if source.kind == RealmKind::Published {
            return Err(LifecycleError::IsPublished(source_url));
        }
        if source.archived {
            return Err(LifecycleError::Archived(source_url));
        }
        own_both(&mut transaction, source, before, by).await?;
        #[cfg(feature = "under-test")]
        crate::gates::pass("source-held", source_url.as_str()).await;
        let target = transaction.publish_tree(source, &url, before).await?;
        if before.is_none() {
            transaction.revoke_all(target.id).await?;
            transaction.grant(target.id, EVERYONE, Rights::READ).await?;
        }
        if mutant!("published-in-two-transactions") {
            transaction.commit().await?;
            transaction = self
                .database
                .begin_write(&[], self.limits.lock_timeout)
                .await?;
        }
        transaction.clear_realm_definitions(target.id).await?;
        let generation = transaction.log_change(target, None).await?;
        let entry = AuditEntry {
            actor: by.name.as_deref(),
            operation: "publish",
            url: &url,
            generation,
            detail: json!({ "source": source_url.as_str(), "sourceGeneration": source.generation }),
        };
        transaction.audit(target, &entry).await?;
        if mutant!("published-before-the-commit") {
            self.tell(&[(&url, target.id, What::Published)]);
        }
        let committed = transaction.commit().await;
        #[cfg(feature = "under-test")]
        crate::gates::pass("published", url.as_str()).await;
        self.settle(committed, &[(&url, target.id, What::Published)])
            .await?;
        Ok(Published {
            url,
            source: source_url,
            generation,
            source_generation: source.generation,
            published_at: target.at,
        })
    }
}

/// Whoever publishes owns the source, and what was published there before.
async fn own_both(
    transaction: &mut Transaction,
    source: Source,
    before: Option<WriteTarget>,
    by: &Actor,
) -> Result<(), LifecycleError> {
    if let Some(before) = before {
        require_owner(transaction, before, by).await?;
        let of = transaction.source_of(before.id).await?;
        if of.is_some_and(|(of, _)| of == source.id) {
            return Ok(());
        }
    }
    if by.all {
        return Ok(());
    }
    let user = by.name.as_deref().unwrap_or_default();
    if transaction.granted(source.id, user).await?.owner {
        Ok(())
    } else {
        Err(LifecycleError::NotOwner)
    }
}
