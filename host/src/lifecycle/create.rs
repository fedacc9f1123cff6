use std::sync::Arc;

use serde_json::json;

use super::announce::What;
use super::collect::{despite_the_collector, is_lost};
use super::{Actor, Lifecycle, LifecycleError};
use crate::auth::check_user_name;
use crate::database::{AuditEntry, EVERYONE, NewRealm, RealmKind};
use crate::realm::{BlobHash, Generation, LocalPath, RealmUrl, Rights, SETTINGS_FILE};

impl Lifecycle {
    /// Makes an empty realm; one that has a name holds it in its `realm.json`. `owner` alone may do anything in it; a realm
    /// that nobody owns is there for everyone to read. Its generation.
    ///
    /// # Errors
    /// When there is one, or the database is away.
    pub async fn create(
        self: &Arc<Self>,
        url: RealmUrl,
        name: Option<String>,
        owner: Option<String>,
        by: Actor,
    ) -> Result<Generation, LifecycleError> {
        self.operation("create", |own| async move {
            let new = NewRealm {
                url: &url,
                kind: RealmKind::Source,
                folder: None,
            };
            let attempt = || own.create_now(&new, name.as_deref(), owner.as_deref(), &by);
            let lost = |error: &LifecycleError| matches!(error, LifecycleError::Database(error) if is_lost(error));
            despite_the_collector(attempt, lost).await
        })
        .await
    }

    pub(super) async fn create_now(
        &self,
        new: &NewRealm<'_>,
        name: Option<&str>,
        owner: Option<&str>,
        by: &Actor,
    ) -> Result<Generation, LifecycleError> {
        let url = new.url;
        if let Some(owner) = owner {
            check_user_name(owner)?;
        }
        let (_place, mut transaction) = self.lock(&[url]).await?;
        if transaction.write_target(url).await?.is_some() {
            return Err(LifecycleError::Exists(url.clone()));
        }
        let target = transaction.insert_realm(new).await?;
        let (user, rights) = match owner {
            Some(owner) => (owner, Rights::ALL),
            None => (EVERYONE, Rights::READ),
        };
        transaction.grant(target.id, user, rights).await?;
        if let Some(name) = name {
            let settings = format!("{:#}\n", json!({ "name": name }));
            let hash = BlobHash::of(settings.as_bytes());
            let path = LocalPath::new(SETTINGS_FILE).expect("a plain name");
            transaction.keep_blob(hash, settings.as_bytes()).await?;
            transaction
                .put_file(target, &path, hash, settings.len())
                .await?;
            transaction.set_settings(target.id, Some(hash)).await?;
        }
        let generation = transaction.log_change(target, None).await?;
        let entry = AuditEntry {
            actor: by.name.as_deref(),
            operation: "create",
            url,
            generation,
            detail: json!({ "kind": new.kind.as_str(), "owner": owner }),
        };
        transaction.audit(target, &entry).await?;
        let committed = transaction.commit().await;
        // It is made, whether or not this replica can read the registry now.
        self.settle(committed, &[(url, target.id, What::Made)])
            .await?;
        // Whoever makes a realm uses it next: followed from here on.
        let _ = self.registry.get(url);
        Ok(generation)
    }
}
