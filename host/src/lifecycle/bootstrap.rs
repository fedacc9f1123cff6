use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::folder::Folder;
use super::{Actor, Lifecycle, LifecycleError};
use crate::database::{DatabaseError, FolderLock, Lane, NewRealm, RealmKind};
use crate::realm::RealmUrl;
use crate::registry::Mounted;

/// Why a folder is not followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The folder cannot be used.
    #[error("{folder}: {problem}")]
    Folder {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Another host follows it under another origin.
    #[error(
        "{folder}: another host serves this folder as {url}; start this one with `--origin {origin}`, or stop the other"
    )]
    Elsewhere {
        /// Which folder.
        folder: PathBuf,
        /// The realm that it is there.
        url: String,
        /// That realm's origin.
        origin: String,
    },
    /// The realm could not be made.
    #[error(transparent)]
    Create(#[from] LifecycleError),
    /// The database is away.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// How often a replica that waits for its turn to follow a folder asks again.
const RETRY: Duration = Duration::from_secs(1);

impl Lifecycle {
    /// Mounts a folder as a bootstrap realm at `url`, and follows it: both ways, one replica at a time. Returns when the
    /// realm holds what the folder does, or another replica sees to that.
    ///
    /// # Errors
    /// When the folder cannot be read, or is somebody else's.
    pub async fn follow(
        self: &Arc<Self>,
        url: &RealmUrl,
        folder: &Path,
        database_url: Option<&str>,
    ) -> Result<(), FollowError> {
        let problem = |error: std::io::Error| FollowError::Folder {
            folder: folder.to_owned(),
            problem: error.to_string(),
        };
        let absolute = folder.canonicalize().map_err(problem)?;
        let text = absolute
            .to_str()
            .ok_or_else(|| problem(std::io::Error::other("its name is not UTF-8")))?;
        let mut lock = FolderLock::new(database_url, text);
        let mine = lock.try_take().await?;
        let realm = self.ensure_bootstrap(url, text, mine).await?;
        let mut follower = Folder::new(Arc::clone(self), Arc::clone(&realm), absolute.clone());
        if mine {
            follower.reconcile().await?;
        } else {
            info!(%url, folder = text, "another replica follows this folder; standing by");
        }
        tokio::spawn(keep_following(follower, lock, mine));
        Ok(())
    }

    async fn ensure_bootstrap(
        self: &Arc<Self>,
        url: &RealmUrl,
        folder: &str,
        mine: bool,
    ) -> Result<Arc<Mounted>, FollowError> {
        let mut transaction = self
            .database
            .begin_write(&[url], self.limits.lock_timeout)
            .await?;
        match transaction.realm_of_folder(folder).await? {
            Some((_, known)) if known == url.as_str() => drop(transaction),
            Some((_, known)) if !mine => {
                let origin = RealmUrl::parse(&known)
                    .map(|url| url.origin().to_owned())
                    .unwrap_or_default();
                return Err(FollowError::Elsewhere {
                    folder: folder.into(),
                    url: known,
                    origin,
                });
            }
            Some((id, known)) => {
                info!(from = known, to = %url, "the folder is served under another URL now");
                if transaction.write_target(url).await?.is_some() {
                    return Err(LifecycleError::Exists(url.clone()).into());
                }
                transaction.rehome(id, url).await?;
                transaction.commit().await?;
                self.registry.refresh().await?;
                self.notify_rehomed(url);
                self.hub.want_jobs(Lane::Index, &[id]);
            }
            None => {
                drop(transaction);
                let new = NewRealm {
                    url,
                    kind: RealmKind::Bootstrap,
                    folder: Some(folder),
                };
                self.create_now(&new, None, None, &Actor::operator())
                    .await?;
            }
        }
        self.registry.refresh().await?;
        self.registry.get(url).ok_or_else(|| {
            DatabaseError::Unavailable(format!("{url} is not in the registry")).into()
        })
    }
}

/// Follows while the lock is held; stands by while another replica has it.
async fn keep_following(mut follower: Folder, mut lock: FolderLock, mut mine: bool) {
    loop {
        if mine {
            follower.follow_while(|| lock.is_held()).await;
        }
        mine = match lock.try_take().await {
            Ok(mine) => mine,
            Err(error) => {
                warn!(%error, "could not ask who follows the folder");
                false
            }
        };
        if mine {
            info!(folder = %follower.path().display(), "following the folder now");
        } else {
            tokio::time::sleep(RETRY).await;
        }
    }
}
