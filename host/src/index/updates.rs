use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::changes::Hub;
use crate::realm::RealmUrl;

/// Says that realms' indexes have changed: at once, and while it goes on no more often than this.
#[derive(Debug)]
pub(super) struct Updates {
    hub: Arc<Hub>,
    realms: Mutex<HashMap<RealmUrl, Update>>,
}

/// When it was last said, and whether there is more to say.
#[derive(Debug)]
struct Update {
    said: Instant,
    owed: bool,
}

/// How often it is said of one realm.
pub(super) const EVERY: Duration = Duration::from_millis(100);

impl Updates {
    pub(super) fn new(hub: Arc<Hub>) -> Self {
        Self {
            hub,
            realms: Mutex::default(),
        }
    }

    /// Entries of a realm have been stored.
    pub(super) fn stored(&self, url: &RealmUrl) {
        {
            let mut realms = self.realms.lock();
            if let Some(update) = realms.get_mut(url)
                && update.said.elapsed() < EVERY
            {
                update.owed = true;
                return;
            }
            let update = Update {
                said: Instant::now(),
                owed: false,
            };
            realms.insert(url.clone(), update);
        }
        self.hub.index_updated(url);
    }

    /// Says what is owed: a realm's, or everyone's.
    pub(super) fn flush(&self, only: Option<&RealmUrl>) {
        let mut owed = Vec::new();
        self.realms.lock().retain(|url, update| {
            if only.is_some_and(|only| only != url) {
                return true;
            }
            if update.owed {
                owed.push(url.clone());
                (update.said, update.owed) = (Instant::now(), false);
                return true;
            }
            update.said.elapsed() < EVERY
        });
        for url in owed {
            self.hub.index_updated(&url);
        }
    }
}
