use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::call::Work;
use super::installed::Plugin;
use super::token::{CallToken, Ended};
use crate::cache::{Flight, Stamp};
use crate::changes::{Invalidation, Subscriber};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId};

/// One look of a call at a path, absent ones included.
#[derive(Clone, Debug)]
pub struct ReadEntry {
    /// In which realm.
    pub realm: RealmId,
    /// What was asked for.
    pub path: LocalPath,
    /// What came of it: none while it is being loaded.
    pub found: Option<Found>,
    /// What it was for.
    pub kind: ReadKind,
}

/// What a look was for, and with that how it is compared later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadKind {
    /// The file that the path means.
    File,
    /// The module that it is served as, by its tag.
    Module(Arc<str>),
    /// Something that is named elsewhere already, by a derivation's key or by the tag of a module: it ends the call, and is
    /// not compared.
    Around,
}

/// A URL that a call has asked for and got nothing of: it lies in no realm, or in one that it may not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The URL.
    pub url: String,
    /// Where it lies, and what had been applied of that realm before it was looked at.
    pub place: Option<(RealmId, LocalPath, Generation)>,
}

/// What a look came to.
#[derive(Clone, Debug)]
pub struct Found {
    /// The realm's generation in the statement that looked.
    pub read_at: Generation,
    /// The file that the path means; none: there is none.
    pub file: Option<(LocalPath, BlobHash)>,
    /// The floors that keep it true.
    pub stamp: Stamp,
}

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum CallState {
    /// It waits to be admitted.
    Queued,
    /// It runs.
    Running,
    /// Its outcome is being stored.
    Storing,
}

impl CallState {
    /// The state's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Storing => "storing",
        }
    }
}

/// A call from the moment at which it is wanted until its outcome is stored.
#[derive(Debug)]
pub struct InFlight {
    /// Its number.
    pub id: u64,
    /// `name@version`.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// What it is for.
    pub work: Work,
    /// The realm that asks, and its URL.
    pub realm: (RealmId, String),
    /// The file that it is about.
    pub path: LocalPath,
    /// Since when.
    pub since: Instant,
    /// Ends it.
    pub token: CallToken,
    /// It has read by a specifier that means something else in other realms.
    pub bound: AtomicBool,
    /// It was told that something is outside or forbidden, which no read set can hold.
    pub untold: AtomicBool,
    state: AtomicU8,
    reads: Mutex<Vec<ReadEntry>>,
    elsewhere: Mutex<Vec<Elsewhere>>,
    flight: Arc<Flight>,
}

impl InFlight {
    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> CallState {
        match self.state.load(Ordering::Relaxed) {
            0 => CallState::Queued,
            1 => CallState::Running,
            _ => CallState::Storing,
        }
    }

    /// It has come this far.
    pub fn enter(&self, state: CallState) {
        self.state.store(state as u8, Ordering::Relaxed);
    }

    /// Records a look before it is loaded; its place in the read set.
    pub fn looking(&self, entry: ReadEntry) -> usize {
        let mut reads = self.reads.lock();
        reads.push(entry);
        reads.len() - 1
    }

    /// Records what a look came to.
    pub fn found(&self, place: usize, found: Found) {
        self.reads.lock()[place].found = Some(found);
    }

    /// Records what a module came to, with everything that it was made from.
    pub fn loaded(&self, place: usize, found: Found, tag: Arc<str>, beneath: &[ReadEntry]) {
        let mut reads = self.reads.lock();
        reads[place].found = Some(found);
        reads[place].kind = ReadKind::Module(tag);
        for read in beneath {
            let known = reads
                .iter()
                .any(|known| known.realm == read.realm && known.path == read.path);
            if !known && !mutant!("reads-of-a-module-not-its-users") {
                reads.push(ReadEntry {
                    kind: ReadKind::Around,
                    ..read.clone()
                });
            }
        }
    }

    /// Records that nothing was to be had of a URL.
    pub fn missed(&self, elsewhere: Elsewhere) {
        self.untold.store(true, Ordering::SeqCst);
        self.elsewhere.lock().push(elsewhere);
    }

    /// The URLs that nothing was to be had of.
    #[must_use]
    pub fn elsewhere(&self) -> Vec<Elsewhere> {
        self.elsewhere.lock().clone()
    }

    /// The read set so far.
    #[must_use]
    pub fn reads(&self) -> Vec<ReadEntry> {
        self.reads.lock().clone()
    }

    /// Ends it before its time.
    fn end(&self, reason: Ended) {
        // Detached first: whoever comes from here on starts afresh.
        if !mutant!("flight-not-detached") {
            self.flight.detach();
        }
        if self.token.end(reason) {
            metrics::counter!("realm_calls_cancelled_total", "plugin" => self.plugin.clone())
                .increment(1);
        }
    }

    fn is_met_by(&self, invalidation: &Invalidation<'_>) -> bool {
        self.reads.lock().iter().any(|read| {
            let place = read.realm == invalidation.realm
                && invalidation.path.is_none_or(|path| {
                    *path == read.path
                        || (!mutant!("call-of-alias-not-cancelled")
                            && path.aliases().any(|alias| alias == read.path.as_str()))
                });
            // A row touches only what was read before it; what is still being loaded is compared with the floors after.
            place
                && invalidation.generation.is_none_or(|generation| {
                    read.found
                        .as_ref()
                        .is_some_and(|found| found.read_at < generation)
                })
        })
    }
}

/// The calls in flight on this replica.
#[derive(Debug, Default)]
pub struct Calls {
    next: AtomicU64,
    stopping: AtomicBool,
    in_flight: Mutex<HashMap<u64, Arc<InFlight>>>,
}

/// Takes a call off the list when its flight has landed.
#[derive(Debug)]
pub struct Landed<'a>(&'a Calls, u64);

impl Drop for Landed<'_> {
    fn drop(&mut self) {
        self.0.in_flight.lock().remove(&self.1);
    }
}

impl Calls {
    /// Puts a call on the list, with what is read already.
    pub fn begin(
        &self,
        plugin: &Plugin,
        work: Work,
        realm: (RealmId, String),
        path: LocalPath,
        reads: Vec<ReadEntry>,
        flight: Arc<Flight>,
    ) -> (Arc<InFlight>, Landed<'_>) {
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let call = Arc::new(InFlight {
            id,
            plugin: plugin.label(),
            digest: plugin.digest.clone(),
            work,
            realm,
            path,
            since: Instant::now(),
            token: CallToken::default(),
            bound: AtomicBool::new(false),
            untold: AtomicBool::new(false),
            state: AtomicU8::new(CallState::Queued as u8),
            reads: Mutex::new(reads),
            elsewhere: Mutex::default(),
            flight,
        });
        self.in_flight.lock().insert(id, Arc::clone(&call));
        if self.stopping.load(Ordering::SeqCst) {
            call.token.end(Ended::Stopping);
        }
        (call, Landed(self, id))
    }

    /// The list, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<InFlight>> {
        let mut calls: Vec<_> = self.in_flight.lock().values().cloned().collect();
        calls.sort_by_key(|call| call.id);
        calls
    }

    /// A plugin is out of force: ends its calls, and those that may have loaded a module which it has made. The set that it
    /// was in says so already, so that whoever puts a call on the list from here on sees it.
    pub fn end_of(&self, digest: &str) {
        for call in self.list() {
            let loads = matches!(call.work, Work::Render | Work::Define);
            if call.digest == digest || loads {
                call.end(Ended::Removed);
            }
        }
    }

    /// Ends every call, and every one that is begun from here on: the host is stopping.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        for call in self.list() {
            call.token.end(Ended::Stopping);
        }
    }
}

impl Subscriber for Calls {
    fn invalidate(&self, invalidation: Invalidation<'_>) {
        for call in self.list() {
            if mutant!("call-not-cancelled") || !call.is_met_by(&invalidation) {
                continue;
            }
            let reason = match invalidation.generation {
                Some(_) => Ended::Change,
                // Whoever may NOTIFY must not be able to starve readers: the first payload is obeyed, further ones end
                // nothing unless there is a change behind them.
                None if call.flight.spared.load(Ordering::SeqCst) => continue,
                None => Ended::Notice,
            };
            call.end(reason);
        }
    }
}
