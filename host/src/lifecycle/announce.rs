use std::sync::Arc;

use tracing::warn;

use super::Lifecycle;
use crate::changes::{Announcement, DEFINITIONS, FILE_CHANGES, REGISTRY, Tracker, payloads};
use crate::database::{Changes, DatabaseError, Lane};
use crate::definitions;
use crate::realm::{Generation, LocalPath, RealmId, RealmUrl};
use crate::registry::Mounted;

/// What a transaction did to a realm, for those who have to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It was made, or is another one, or opened, or sealed.
    Made,
    /// It has another tree.
    Published,
    /// It is gone.
    Ended,
    /// Others may do other things in it.
    Shared,
}

impl Lifecycle {
    /// After the commit of a lifecycle operation, or after nobody knows of it: this replica applies it, the others are
    /// told, all of it at once.
    pub(super) async fn settle(
        &self,
        committed: Result<(), DatabaseError>,
        changed: &[(&RealmUrl, RealmId, What)],
    ) -> Result<(), DatabaseError> {
        #[cfg(feature = "under-test")]
        if let Some((url, ..)) = changed.first() {
            crate::gates::pass("settle", url.as_str()).await;
        }
        for (url, ..) in changed {
            if committed.is_err()
                && let Some(tracker) = self.hub.tracked_at(url)
            {
                self.hub.doubt(&tracker);
            }
        }
        match &committed {
            Ok(()) => self.apply(changed).await,
            Err(_) => self.registry.want_refresh(),
        }
        if !(mutant!("unknown-end-not-announced") && committed.is_err()) {
            self.tell(changed);
        }
        committed
    }

    /// Tells the others.
    pub(super) fn tell(&self, changed: &[(&RealmUrl, RealmId, What)]) {
        let announcements = changed.iter().flat_map(|(url, _, what)| said(url, *what));
        // A publish must not look at what this replica happens to have mounted: a peer may have the old tree in its caches.
        let silent = mutant!("cold-publisher-silent")
            && changed
                .iter()
                .all(|(url, ..)| self.hub.tracked_at(url).is_none());
        if !silent {
            self.hub.announcer.announce(announcements.collect());
        }
        let realms: Vec<_> = changed.iter().map(|(_, realm, _)| *realm).collect();
        self.hub.want_jobs(Lane::Index, &realms);
    }

    /// The mount that a writer came by, and the one that has taken its place since, if any.
    pub(super) fn followed(&self, realm: &Mounted) -> Vec<Arc<Tracker>> {
        let now = self.hub.tracked_at(&realm.url);
        let other = now.filter(|now| !Arc::ptr_eq(now, &realm.tracker));
        let other = other.filter(|_| !mutant!("own-write-told-to-the-old-mount"));
        std::iter::once(Arc::clone(&realm.tracker))
            .chain(other)
            .collect()
    }

    /// Applies what the transaction saw, wherever the realm is followed here.
    pub(super) async fn apply_to(&self, realm: &Mounted, seen: &Changes) {
        self.hub.apply(&realm.tracker, seen);
        for tracker in self.followed(realm).into_iter().skip(1) {
            // What it has applied is not what the transaction looked after.
            if let Err(error) = self.hub.catch_up(&tracker).await {
                warn!(realm = %realm.url, %error, "committed, and the log cannot be read: dropping all that is cached of the realm");
                self.hub.doubt(&tracker);
            }
        }
    }

    /// Before it is said that nothing had to be changed: this replica has what the transaction saw.
    pub(super) async fn see(
        &self,
        url: &RealmUrl,
        generation: Generation,
    ) -> Result<Generation, DatabaseError> {
        if let Some(tracker) = self.hub.tracked_at(url)
            && tracker.applied() < generation
        {
            self.hub.catch_up(&tracker).await?;
        }
        Ok(generation)
    }

    async fn apply(&self, changed: &[(&RealmUrl, RealmId, What)]) {
        for (url, _, what) in changed {
            let Some(tracker) = self.hub.tracked_at(url) else {
                continue;
            };
            if *what == What::Published && mutant!("publish-not-applied") {
                continue;
            }
            if let Err(error) = self.hub.catch_up(&tracker).await {
                warn!(%url, %error, "committed, and the log cannot be read: dropping all that is cached of the realm");
                self.hub.doubt(&tracker);
            }
        }
        if changed.iter().all(|(.., what)| *what == What::Shared) {
            return;
        }
        if let Err(error) = self.registry.refresh().await {
            warn!(%error, "committed, and the registry cannot be read; the lease will see to it");
            self.registry.want_refresh();
        }
    }

    /// Drops what this replica has cached of a realm's files, ends the calls that have read them, and has every other
    /// replica do the same: the realm stays up.
    pub(super) fn clear_local_source_caches_and_broadcast(&self, url: &RealmUrl) {
        if let Some(tracker) = self.hub.tracked_at(url) {
            self.hub.clear_local_source_caches(&tracker);
        }
        self.notify_all_file_changes(url);
    }

    /// Has every replica drop what it has cached of a realm's files: the broadcast alone.
    pub(super) fn notify_all_file_changes(&self, url: &RealmUrl) {
        self.announce(url, None);
    }

    /// A realm has another URL.
    pub(super) fn notify_rehomed(&self, url: &RealmUrl) {
        self.hub.announcer.announce(vec![Announcement {
            channel: REGISTRY,
            payload: format!("upsert:{url}"),
        }]);
    }

    pub(super) fn announce(&self, url: &RealmUrl, paths: Option<&[LocalPath]>) {
        let announcements = payloads(url, paths).into_iter().map(file_change);
        self.hub.announcer.announce(announcements.collect());
    }

    /// Drops what every replica has cached of a realm, or of some of its paths, though nothing has changed.
    pub fn invalidate(&self, url: &RealmUrl, paths: Option<&[LocalPath]>) {
        if paths.is_none() {
            self.clear_local_source_caches_and_broadcast(url);
            return;
        }
        for payload in payloads(url, paths) {
            self.hub.notice(payload.as_bytes());
        }
        self.announce(url, paths);
    }
}

fn file_change(payload: String) -> Announcement {
    Announcement {
        channel: FILE_CHANGES,
        payload,
    }
}

/// What the peers are told, in the order in which it matters to them: what they may not serve any more comes first.
fn said(url: &RealmUrl, what: What) -> Vec<Announcement> {
    let mut all: Vec<_> = payloads(url, None).into_iter().map(file_change).collect();
    if matches!(what, What::Published | What::Ended)
        && !mutant!("cleared-definitions-not-announced")
    {
        let cleared = definitions::payloads(definitions::Scope::Realm(url));
        all.extend(cleared.into_iter().map(|payload| Announcement {
            channel: DEFINITIONS,
            payload,
        }));
    }
    let hint = match what {
        What::Made | What::Published => "upsert",
        What::Ended => "delete",
        What::Shared => return all,
    };
    if !mutant!("realm-not-announced") {
        all.push(Announcement {
            channel: REGISTRY,
            payload: format!("{hint}:{url}"),
        });
    }
    all
}
