use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::RwLock;
use tracing::warn;

use super::feed::{Commit, commits};
use super::{
    Announcement, Announcer, BootTime, Freshness, INDEX_UPDATED, JOBS, JOBS_FINISHED, Payload,
    Tracker,
};
use crate::database::{Changes, Database, DatabaseError, Generations, Lane, bounded};
use crate::realm::{Generation, LocalPath, RealmId, RealmUrl};

/// What a subscriber has to forget.
#[derive(Clone, Copy, Debug)]
pub struct Invalidation<'a> {
    /// In which realm.
    pub realm: RealmId,
    /// Which path; none: all.
    pub path: Option<&'a LocalPath>,
    /// The change's generation; none: a payload that somebody sent.
    pub generation: Option<Generation>,
}

/// Whoever keeps something that an invalidation touches. Called in order, synchronously: `applied` moves only after.
pub trait Subscriber: Send + Sync {
    /// Forgets what `invalidation` touches, and ends the work that has read it.
    fn invalidate(&self, invalidation: Invalidation<'_>);

    /// The registry has changed in a way that only the database can tell.
    fn registry_changed(&self) {}

    /// A statement sent at `sent` found the registry at this generation.
    fn registry_seen(&self, _generation: Generation, _sent: BootTime) {}

    /// Installed plugins have changed; with a generation, a statement has found that one.
    fn plugins_changed(&self, _generation: Option<Generation>) {}

    /// Somebody has cleared definitions, as this payload says.
    fn definitions_cleared(&self, _payload: &[u8]) {}

    /// This job is wished for; none: any may be, for nobody could say so for a while.
    fn job_wanted(&self, _job: Option<(Lane, RealmId)>) {}

    /// What the index has of the realm at this URL has changed; none: of any, for nobody could say so for a while.
    fn index_updated(&self, _url: Option<&str>) {}
}

/// Applies changes: in order, without a gap, each before `applied` says so.
pub struct Hub {
    database: Database,
    trackers: RwLock<HashMap<RealmId, Arc<Tracker>>>,
    urls: RwLock<HashMap<String, Arc<Tracker>>>,
    subscribers: RwLock<Vec<Arc<dyn Subscriber>>>,
    /// When the last poll was sent that has been answered.
    polled: AtomicU64,
    /// Longest wait for one statement.
    timeout: Duration,
    /// What this replica announces.
    pub announcer: Announcer,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub")
            .field("realms", &self.trackers.read().len())
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub without realms and subscribers.
    #[must_use]
    pub fn new(database: Database, announcer: Announcer, timeout: Duration) -> Self {
        Self {
            database,
            trackers: RwLock::default(),
            urls: RwLock::default(),
            subscribers: RwLock::default(),
            polled: AtomicU64::new(BootTime::now().as_nanos()),
            timeout,
            announcer,
        }
    }

    /// Adds a subscriber; those added earlier are called earlier.
    pub fn subscribe(&self, subscriber: Arc<dyn Subscriber>) {
        self.subscribers.write().push(subscriber);
    }

    /// Follows a realm.
    pub fn track(&self, url: &RealmUrl, tracker: Arc<Tracker>) {
        self.urls
            .write()
            .insert(url.as_str().to_owned(), Arc::clone(&tracker));
        self.trackers.write().insert(tracker.realm, tracker);
    }

    /// Follows a realm no more, and drops all that was kept of it.
    pub fn forget(&self, url: &RealmUrl, tracker: &Arc<Tracker>) {
        tracker.gone.cancel();
        // It may be followed again already, under another URL or another tracker.
        let is_it = |known: &mut Arc<Tracker>| {
            Arc::ptr_eq(known, tracker) || mutant!("new-mount-forgotten")
        };
        self.urls
            .write()
            .extract_if(|known, of| known == url.as_str() && is_it(of))
            .for_each(drop);
        self.trackers
            .write()
            .extract_if(|realm, of| *realm == tracker.realm && is_it(of))
            .for_each(drop);
        if mutant!("unmounted-not-told") {
            return;
        }
        self.tell(Invalidation {
            realm: tracker.realm,
            path: None,
            generation: None,
        });
    }

    /// The realms that are followed.
    pub(super) fn tracked(&self) -> Vec<Arc<Tracker>> {
        self.trackers.read().values().cloned().collect()
    }

    /// The generations of some realms and of the registry.
    pub(super) async fn generations(
        &self,
        realms: &[RealmId],
    ) -> Result<Generations, DatabaseError> {
        bounded(
            self.timeout,
            "generations",
            self.database.generations(realms),
        )
        .await
    }

    /// The lease's poll that was sent at `sent` has been answered.
    pub(super) fn answered(&self, sent: BootTime) {
        self.polled.fetch_max(sent.as_nanos(), Ordering::SeqCst);
    }

    /// How long before `now` the last poll was sent that the database has answered.
    #[must_use]
    pub fn last_poll(&self, now: BootTime) -> Duration {
        now.since(BootTime::from_nanos(self.polled.load(Ordering::SeqCst)))
    }

    /// How many realms' leases have run out.
    #[must_use]
    pub fn expired(&self, now: BootTime, lease: Duration) -> usize {
        self.tracked()
            .iter()
            .filter(|tracker| tracker.freshness(now, lease) != Freshness::Leased)
            .count()
    }

    /// How long ago the oldest of the leases was renewed.
    #[must_use]
    pub fn oldest_lease(&self, now: BootTime) -> Duration {
        let ages = self.tracked().into_iter().map(|tracker| tracker.age(now));
        ages.max().unwrap_or_default()
    }

    pub(super) fn tell_registry(&self) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.registry_changed();
        }
    }

    pub(super) fn tell_plugins(&self, generation: Option<Generation>) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.plugins_changed(generation);
        }
    }

    pub(super) fn tell_job(&self, job: Option<(Lane, RealmId)>) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.job_wanted(job);
        }
    }

    pub(super) fn tell_index_updated(&self, url: Option<&str>) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.index_updated(url);
        }
    }

    /// Says that jobs of a lane are wished for, here and elsewhere. The wishes are committed: whoever misses this finds them.
    pub fn want_jobs(&self, lane: Lane, realms: &[RealmId]) {
        if realms.is_empty() || mutant!("jobs-not-announced") {
            return;
        }
        for realm in realms {
            self.tell_job(Some((lane, *realm)));
        }
        self.announce_jobs(JOBS, lane, realms);
    }

    /// Says that a job is done.
    pub fn job_finished(&self, lane: Lane, realm: RealmId) {
        self.announce_jobs(JOBS_FINISHED, lane, &[realm]);
    }

    /// Says that what the index has of a realm has changed, here and elsewhere.
    pub fn index_updated(&self, url: &RealmUrl) {
        self.tell_index_updated(Some(url.as_str()));
        if mutant!("index-update-not-announced") {
            return;
        }
        self.announcer.announce(vec![Announcement {
            channel: INDEX_UPDATED,
            payload: url.to_string(),
        }]);
    }

    fn announce_jobs(&self, channel: &'static str, lane: Lane, realms: &[RealmId]) {
        let announcement = |realm: &RealmId| Announcement {
            channel,
            payload: format!("{}:{}", lane.as_str(), realm.0),
        };
        self.announcer
            .announce(realms.iter().map(announcement).collect());
    }

    pub(super) fn registry_seen(&self, generation: Generation, sent: BootTime) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.registry_seen(generation, sent);
        }
    }

    pub(super) fn tell_definitions_cleared(&self, payload: &[u8]) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.definitions_cleared(payload);
        }
    }

    fn tell(&self, invalidation: Invalidation<'_>) {
        for subscriber in self.subscribers.read().iter() {
            subscriber.invalidate(invalidation);
        }
    }

    /// Applies what a statement saw of a realm's log after some generation that was applied then.
    pub fn apply(&self, tracker: &Tracker, seen: &Changes) {
        let _applying = tracker.applying.lock();
        let mut applied = tracker.applied();
        let realm = tracker.realm;
        for row in &seen.rows {
            if row.generation <= tracker.applied() {
                continue;
            }
            if row.generation > applied + 1 {
                break;
            }
            self.tell(Invalidation {
                realm,
                path: row.path.as_ref(),
                generation: Some(row.generation),
            });
            applied = row.generation;
        }
        for commit in commits(&seen.rows) {
            if (tracker.applied() + 1..=applied).contains(&commit.generation) {
                tracker.feed.push(commit);
            }
        }
        // Rows that are gone (pruned, or more than one read gives) stand for the whole realm.
        if mutant!("applied-jumps-a-gap") {
            applied = seen.generation;
        }
        if applied < seen.generation {
            warn!(
                realm = realm.0,
                applied,
                generation = seen.generation,
                "the log does not reach back: treating the whole realm as changed"
            );
            self.tell(Invalidation {
                realm,
                path: None,
                generation: Some(seen.generation),
            });
            applied = seen.generation;
            tracker.feed.push(Commit {
                generation: applied,
                paths: None,
            });
        }
        tracker.publish(applied);
    }

    /// Reads the log from `applied` on and applies it. Whoever calls while a read is under way shares the next one: the
    /// one under way may have looked before the caller's reason came up.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn catch_up(&self, tracker: &Tracker) -> Result<(), DatabaseError> {
        let begun_before = if mutant!("log-read-joined-midway") {
            tracker.read_done.load(Ordering::SeqCst)
        } else {
            tracker.reads_begun.load(Ordering::SeqCst)
        };
        #[cfg(feature = "under-test")]
        crate::gates::pass("log-wait", "").await;
        let _reading = tracker.reading.lock().await;
        if tracker.read_done.load(Ordering::SeqCst) > begun_before {
            return Ok(());
        }
        let number = tracker.reads_begun.fetch_add(1, Ordering::SeqCst) + 1;
        let sent = BootTime::now();
        let read = self
            .database
            .changes_since(tracker.realm, tracker.applied());
        let seen = bounded(self.timeout, "changes", read).await;
        #[cfg(feature = "under-test")]
        crate::gates::pass("log-read", "").await;
        let seen = seen.inspect_err(|_| tracker.fail(BootTime::now()))?;
        if let Some(seen) = seen {
            self.apply(tracker, &seen);
        }
        tracker.verify(sent);
        tracker.read_done.store(number, Ordering::SeqCst);
        Ok(())
    }

    /// What has been committed after `after` and applied here, in order. Where neither this replica's memory nor the log
    /// reaches back that far, the first of them is the whole realm.
    ///
    /// # Errors
    /// When the database is away and was needed.
    pub async fn commits_after(
        &self,
        tracker: &Tracker,
        after: Generation,
    ) -> Result<Vec<Commit>, DatabaseError> {
        if let Some(known) = tracker.feed.after(after) {
            return Ok(known);
        }
        let read = self.database.changes_since(tracker.realm, after);
        let Some(seen) = bounded(self.timeout, "changes", read).await? else {
            return Ok(Vec::new());
        };
        let applied = tracker.applied();
        let mut found = commits(&seen.rows);
        found.retain(|commit| commit.generation <= applied);
        let first = found
            .first()
            .map_or(applied + 1, |commit| commit.generation);
        if first > after + 1 {
            let whole = Commit {
                generation: first - 1,
                paths: None,
            };
            found.insert(0, whole);
        }
        Ok(found)
    }

    /// Obeys a payload: at once, whoever sent it. The realm whose log is to be read for what is behind it, if this
    /// replica follows it.
    pub fn notice(&self, bytes: &[u8]) -> Option<Arc<Tracker>> {
        let payload = match Payload::parse(bytes) {
            Ok(payload) => payload,
            Err(reason) => {
                warn!(payload = %String::from_utf8_lossy(&bytes[..bytes.len().min(200)]), %reason, "ignored a notification");
                return None;
            }
        };
        let tracker = self.urls.read().get(&payload.realm).cloned()?;
        if !mutant!("payload-not-obeyed") {
            self.drop_unlogged(&tracker, payload.path.as_ref());
        }
        Some(tracker)
    }

    /// The realm at this URL, if this replica follows it.
    #[must_use]
    pub fn tracked_at(&self, url: &RealmUrl) -> Option<Arc<Tracker>> {
        self.urls.read().get(url.as_str()).cloned()
    }

    /// Drops what this replica keeps of a realm's files, and ends the calls that have read them: no broadcast.
    pub fn clear_local_source_caches(&self, tracker: &Tracker) {
        self.drop_unlogged(tracker, None);
    }

    fn drop_unlogged(&self, tracker: &Tracker, path: Option<&LocalPath>) {
        let _applying = tracker.applying.lock();
        self.tell(Invalidation {
            realm: tracker.realm,
            path,
            generation: None,
        });
    }

    /// Drops everything that is kept of a realm, because nobody knows what a commit did.
    pub fn doubt(&self, tracker: &Tracker) {
        if mutant!("unknown-outcome-trusted") {
            return;
        }
        self.clear_local_source_caches(tracker);
    }
}
