use std::sync::{Arc, Weak};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::calls::Calls;
use super::pipeline::Plugins;

/// The plugins in force on this replica, which may change while calls run: whoever begins something takes the set of that
/// moment, and stays with it.
#[derive(Debug)]
pub struct LivePlugins {
    current: RwLock<Arc<Plugins>>,
    /// Sets that somebody may still be at work with.
    past: Mutex<Vec<Weak<Plugins>>>,
    changed: watch::Sender<()>,
}

impl LivePlugins {
    /// These, at first.
    #[must_use]
    pub fn new(plugins: Plugins) -> Arc<Self> {
        Arc::new(Self {
            current: RwLock::new(Arc::new(plugins)),
            past: Mutex::default(),
            changed: watch::Sender::new(()),
        })
    }

    /// Those of now.
    #[must_use]
    pub fn current(&self) -> Arc<Plugins> {
        Arc::clone(&self.current.read())
    }

    /// Puts others in force: whoever asks from here on gets these. Calls go on with those that they have begun with, but for
    /// what needs one of `gone`, by digest: that begins anew.
    pub fn replace(&self, plugins: Plugins, gone: &[String], calls: &Calls) {
        let before = std::mem::replace(&mut *self.current.write(), Arc::new(plugins));
        {
            let mut past = self.past.lock();
            past.retain(|set| set.strong_count() > 0);
            past.push(Arc::downgrade(&before));
            for set in past.iter().filter_map(Weak::upgrade) {
                set.lose(gone);
            }
        }
        if !mutant!("calls-of-a-removed-plugin-go-on") {
            for digest in gone {
                calls.end_of(digest);
            }
        }
        self.changed.send_replace(());
    }

    /// Hears of each change from here on.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
