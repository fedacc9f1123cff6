use std::sync::Arc;

use serde_json::json;

use super::announce::What;
use super::{Actor, Lifecycle, LifecycleError, require_owner};
use crate::database::{AuditEntry, RealmKind};
use crate::realm::{Generation, RealmUrl};

impl Lifecycle {
    /// Seals a realm that people edit, or opens it again: what is in it is kept, and shown to nobody meanwhile. What is
    /// published from it stays.
    ///
    /// # Errors
    /// When there is no such realm, it is a published one or follows a folder, or somebody else owns it.
    pub async fn archive(
        self: &Arc<Self>,
        url: RealmUrl,
        archived: bool,
        by: Actor,
    ) -> Result<Generation, LifecycleError> {
        let name = if archived { "archive" } else { "unarchive" };
        self.operation(name, |own| async move {
            let (_place, mut transaction) = own.lock(&[&url]).await?;
            let target = transaction.write_target(&url).await?;
            let target = target.ok_or_else(|| LifecycleError::NoRealm(url.clone()))?;
            match target.kind {
                RealmKind::Source => {}
                RealmKind::Published => return Err(LifecycleError::IsPublished(url)),
                RealmKind::Bootstrap => return Err(LifecycleError::IsFolder(url)),
            }
            require_owner(&mut transaction, target, &by).await?;
            if target.archived == archived {
                drop(transaction);
                return Ok(own.see(&url, target.generation).await?);
            }
            transaction.set_archived(target, archived).await?;
            let generation = transaction.log_change(target, None).await?;
            let entry = AuditEntry {
                actor: by.name.as_deref(),
                operation: name,
                url: &url,
                generation,
                detail: json!({}),
            };
            transaction.audit(target, &entry).await?;
            let committed = transaction.commit().await;
            own.settle(committed, &[(&url, target.id, What::Shared)])
                .await?;
            Ok(generation)
        })
        .await
    }
}
