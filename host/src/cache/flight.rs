use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

type Map<K, V> = Arc<Mutex<HashMap<K, Entry<V>>>>;

struct Entry<V> {
    flight: Arc<Flight>,
    result: watch::Receiver<Option<V>>,
    waiters: usize,
}

/// Loads that many callers share. A load runs in a task of its own, so a caller that leaves never stops it for the rest.
pub struct Flights<K, V> {
    map: Map<K, V>,
    runtime: Handle,
}

impl<K, V> std::fmt::Debug for Flights<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flights")
            .field("in_flight", &self.map.lock().len())
            .finish()
    }
}

type Detach = Box<dyn Fn(&Arc<Flight>) + Send + Sync>;

/// What a load knows of its callers, and they of it.
pub struct Flight {
    /// Set when the last caller has left.
    pub abandoned: CancellationToken,
    /// Payloads without a change behind them cancel this one no more: a caller has paid for one already.
    pub spared: AtomicBool,
    detach: Detach,
}

impl std::fmt::Debug for Flight {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flight")
            .field("abandoned", &self.abandoned.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Flight {
    /// Lets nobody join any more. Those who wait go on waiting.
    pub fn detach(self: &Arc<Self>) {
        (self.detach)(self);
    }
}

/// One caller's wait for a load.
pub struct Waiter<K: Eq + Hash, V> {
    key: K,
    map: Map<K, V>,
    /// The load.
    pub flight: Arc<Flight>,
    result: watch::Receiver<Option<V>>,
}

impl<K: Eq + Hash, V> std::fmt::Debug for Waiter<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiter")
            .field("flight", &self.flight)
            .finish_non_exhaustive()
    }
}

impl<K, V> Flights<K, V>
where
    K: Eq + Hash + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Loads run on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self {
            map: Map::default(),
            runtime,
        }
    }

    /// Joins the load of `key` that is under way, or starts one.
    pub fn join<F>(&self, key: K, load: impl FnOnce(Arc<Flight>) -> F) -> Waiter<K, V>
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut map = self.map.lock();
        if let Some(entry) = map.get_mut(&key) {
            entry.waiters += 1;
            let (flight, result) = (Arc::clone(&entry.flight), entry.result.clone());
            return Waiter {
                key,
                map: Arc::clone(&self.map),
                flight,
                result,
            };
        }
        let (sender, result) = watch::channel(None);
        let detach = {
            let (map, key) = (Arc::downgrade(&self.map), key.clone());
            move |flight: &Arc<Flight>| {
                if let Some(map) = map.upgrade() {
                    remove(&mut map.lock(), &key, flight);
                }
            }
        };
        let flight = Arc::new(Flight {
            abandoned: CancellationToken::new(),
            spared: AtomicBool::new(false),
            detach: Box::new(detach),
        });
        map.insert(
            key.clone(),
            Entry {
                flight: Arc::clone(&flight),
                result: result.clone(),
                waiters: 1,
            },
        );
        let run = load(Arc::clone(&flight));
        // A panic in the load must not leave its place taken for ever.
        let landing = Landing(Arc::clone(&flight));
        // Traced below whoever asked first.
        let flying = async move {
            let value = run.await;
            drop(landing);
            sender.send_replace(Some(value));
        };
        self.runtime.spawn(flying.in_current_span());
        Waiter {
            key,
            map: Arc::clone(&self.map),
            flight,
            result,
        }
    }
}

struct Landing(Arc<Flight>);

impl Drop for Landing {
    fn drop(&mut self) {
        self.0.detach();
    }
}

fn remove<K: Eq + Hash, V>(map: &mut HashMap<K, Entry<V>>, key: &K, flight: &Arc<Flight>) {
    if map
        .get(key)
        .is_some_and(|entry| Arc::ptr_eq(&entry.flight, flight))
    {
        map.remove(key);
    }
}

impl<K: Eq + Hash, V: Clone> Waiter<K, V> {
    /// What the load gave; none when it panicked.
    pub async fn result(&mut self) -> Option<V> {
        self.result
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|value| value.clone())
    }

    /// Asks that payloads without a change behind them leave this load alone.
    pub fn spare(&self) {
        self.flight.spared.store(true, Ordering::SeqCst);
    }
}

impl<K: Eq + Hash, V> Drop for Waiter<K, V> {
    fn drop(&mut self) {
        let mut map = self.map.lock();
        let last = match map.get_mut(&self.key) {
            Some(entry) if Arc::ptr_eq(&entry.flight, &self.flight) => {
                entry.waiters -= 1;
                entry.waiters == 0
            }
            // Detached: nobody counts any more, and it lands by itself.
            _ => false,
        };
        if last {
            map.remove(&self.key);
            if !mutant!("abandoned-load-goes-on") {
                self.flight.abandoned.cancel();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::runtime::Handle;
    use tokio::sync::Notify;

    use super::Flights;

    #[tokio::test]
    async fn callers_share_one_load_and_a_detached_one_is_not_joined() {
        let flights: Flights<&str, usize> = Flights::new(Handle::current());
        let (loads, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Notify::new()));
        let load = || {
            let (loads, go) = (Arc::clone(&loads), Arc::clone(&go));
            move |_| async move {
                let number = loads.fetch_add(1, Ordering::SeqCst);
                go.notified().await;
                number
            }
        };
        let mut first = flights.join("k", load());
        let mut second = flights.join("k", load());
        first.flight.detach();
        let mut third = flights.join("k", load());
        while loads.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        go.notify_waiters();
        assert_eq!(first.result().await, Some(0));
        assert_eq!(second.result().await, Some(0));
        assert_eq!(third.result().await, Some(1));
    }

    #[tokio::test]
    async fn the_last_caller_that_leaves_abandons_the_load() {
        let flights: Flights<&str, ()> = Flights::new(Handle::current());
        let first = flights.join("k", |_| std::future::pending());
        let second = flights.join("k", |_| std::future::pending());
        let abandoned = first.flight.abandoned.clone();
        drop(first);
        assert!(!abandoned.is_cancelled());
        drop(second);
        assert!(abandoned.is_cancelled());
    }

    #[tokio::test]
    async fn a_load_that_panics_frees_its_place() {
        let flights: Flights<&str, u8> = Flights::new(Handle::current());
        let mut first = flights.join("k", |_| async { panic!("as a test wants it") });
        assert_eq!(first.result().await, None);
        let mut second = flights.join("k", |_| async { 2 });
        assert_eq!(second.result().await, Some(2));
    }
}
