use std::sync::Arc;

use serde_json::{Value, json};

use super::announce::What;
use super::{Actor, Lifecycle, LifecycleError, require_owner};
use crate::database::{AuditEntry, RealmKind, Transaction, WriteTarget};
use crate::realm::{Generation, RealmUrl};

/// A realm that has gone.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What it was published from.
    pub source: Option<String>,
    /// The generation that has its end.
    pub generation: Generation,
}

/// How often a delete starts over because another realm was published from its source meanwhile.
const TRIES: usize = 10;

impl Lifecycle {
    /// Takes a published realm away.
    ///
    /// # Errors
    /// When there is no such published realm, or somebody else owns its source.
    pub async fn unpublish(
        self: &Arc<Self>,
        url: RealmUrl,
        by: Actor,
    ) -> Result<Ended, LifecycleError> {
        self.operation("unpublish", |own| async move {
            let (_place, mut transaction) = own.lock(&[&url]).await?;
            let target = transaction.write_target(&url).await?;
            let published = |target: &WriteTarget| target.kind == RealmKind::Published;
            let target = target
                .filter(published)
                .ok_or_else(|| LifecycleError::NotPublished(url.clone()))?;
            require_owner(&mut transaction, target, &by).await?;
            let source = transaction
                .source_of(target.id)
                .await?
                .map(|(_, source)| source);
            let detail = json!({ "source": source });
            let generation =
                end(&mut transaction, &url, target, ("unpublish", detail), &by).await?;
            let committed = transaction.commit().await;
            own.settle(committed, &[(&url, target.id, What::Ended)])
                .await?;
            Ok(Ended { source, generation })
        })
        .await
    }

    /// Deletes a realm that people edit, with all that is published from it.
    ///
    /// # Errors
    /// When there is no such realm, it is a published one or follows a folder, or somebody else owns it.
    pub async fn delete(
        self: &Arc<Self>,
        url: RealmUrl,
        by: Actor,
    ) -> Result<Ended, LifecycleError> {
        self.operation("delete", |own| async move {
            let mut published = Vec::new();
            for _ in 0..TRIES {
                match own.delete_with(&url, published, &by).await? {
                    Deleted::Done(ended) => return Ok(ended),
                    Deleted::Also(more) => published = more,
                }
            }
            let busy = format!("{url} is published faster than it can be deleted");
            Err(crate::database::DatabaseError::Unavailable(busy).into())
        })
        .await
    }

    /// One try, with the locks of these published realms.
    async fn delete_with(
        &self,
        url: &RealmUrl,
        published: Vec<RealmUrl>,
        by: &Actor,
    ) -> Result<Deleted, LifecycleError> {
        let mut locks: Vec<&RealmUrl> = std::iter::once(url).chain(&published).collect();
        if mutant!("copies-not-locked") {
            locks.truncate(1);
        }
        let (_place, mut transaction) = self.lock(&locks).await?;
        let target = transaction.write_target(url).await?;
        let target = target.ok_or_else(|| LifecycleError::NoRealm(url.clone()))?;
        match target.kind {
            RealmKind::Source => {}
            RealmKind::Published => return Err(LifecycleError::IsPublished(url.clone())),
            RealmKind::Bootstrap => return Err(LifecycleError::IsFolder(url.clone())),
        }
        require_owner(&mut transaction, target, by).await?;
        // This takes the source's row: whoever publishes it now waits, and then finds it gone.
        let detail =
            json!({ "published": published.iter().map(RealmUrl::as_str).collect::<Vec<_>>() });
        let generation = end(&mut transaction, url, target, ("delete", detail), by).await?;
        let all = transaction.published_from(target.id).await?;
        let unlocked = |of: &&String| {
            published
                .iter()
                .all(|locked| locked.as_str() != of.as_str())
        };
        if all.iter().find(unlocked).is_some() && !mutant!("published-meanwhile-left") {
            // Their locks come before the rows: given back, and taken anew in order.
            let parse = |url: &String| RealmUrl::parse(url).ok();
            return Ok(Deleted::Also(all.iter().filter_map(parse).collect()));
        }
        let mut changed = vec![(url, target.id, What::Ended)];
        for copy in &published {
            let Some(copied) = transaction.write_target(copy).await? else {
                continue;
            };
            if all.iter().any(|of| of == copy.as_str()) {
                let detail = json!({ "source": url.as_str() });
                end(&mut transaction, copy, copied, ("unpublish", detail), by).await?;
                changed.push((copy, copied.id, What::Ended));
            }
        }
        let committed = transaction.commit().await;
        self.settle(committed, &changed).await?;
        Ok(Deleted::Done(Ended {
            source: None,
            generation,
        }))
    }
}

enum Deleted {
    Done(Ended),
    /// More realms have to be locked: all of these.
    Also(Vec<RealmUrl>),
}

async fn end(
    transaction: &mut Transaction,
    url: &RealmUrl,
    target: WriteTarget,
    (operation, detail): (&'static str, Value),
    by: &Actor,
) -> Result<Generation, LifecycleError> {
    let generation = transaction.log_change(target, None).await?;
    transaction.end_realm(target).await?;
    let entry = AuditEntry {
        actor: by.name.as_deref(),
        operation,
        url,
        generation,
        detail,
    };
    transaction.audit(target, &entry).await?;
    Ok(generation)
}
