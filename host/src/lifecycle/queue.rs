use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use crate::realm::RealmUrl;

/// The writers of each realm on this replica, one after the other, so that they never pin more than one connection.
#[derive(Debug)]
pub(super) struct Queues {
    bound: usize,
    queues: Mutex<HashMap<String, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    /// Whether the one before has waited for the realm's lock in vain.
    turn: Arc<tokio::sync::Mutex<bool>>,
    present: usize,
}

/// A writer's turn, until dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    in_vain: OwnedMutexGuard<bool>,
    come: Instant,
    _place: Place<'a>,
}

#[derive(Debug)]
struct Place<'a>(&'a Queues, String);

impl Queues {
    pub(super) fn new(bound: usize) -> Self {
        Self {
            bound,
            queues: Mutex::default(),
        }
    }

    /// Waits for a turn, first come first served; none when too many wait already.
    pub(super) async fn enter(&self, realm: &RealmUrl) -> Option<Turn<'_>> {
        let come = Instant::now();
        let (turn, place) = {
            let mut queues = self.queues.lock();
            let queue = queues.entry(realm.as_str().to_owned()).or_default();
            if queue.present > self.bound {
                return None;
            }
            queue.present += 1;
            (
                Arc::clone(&queue.turn),
                Place(self, realm.as_str().to_owned()),
            )
        };
        Some(Turn {
            in_vain: turn.lock_owned().await,
            come,
            _place: place,
        })
    }
}

/// A look at a lock, for those who have waited for it long enough.
const LOOK: Duration = Duration::from_millis(10);

impl Turn<'_> {
    /// How long to wait for the realm's lock. While somebody elsewhere keeps it, those here have waited for it together:
    /// one after the other they would wait many times as long as they may.
    pub(super) fn patience(&self, limit: Duration) -> Duration {
        if *self.in_vain && !mutant!("waited-one-after-the-other") {
            limit.saturating_sub(self.come.elapsed()).max(LOOK)
        } else {
            limit
        }
    }

    /// Whether it was waited for in vain.
    pub(super) fn waited(&mut self, in_vain: bool) {
        *self.in_vain = in_vain;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut queues = self.0.queues.lock();
        if let Some(queue) = queues.get_mut(&self.1) {
            queue.present -= 1;
            if queue.present == 0 {
                queues.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Queues;
    use crate::realm::RealmUrl;

    #[tokio::test]
    async fn one_at_a_time_and_no_more_than_the_bound_wait() {
        let queues = Queues::new(1);
        let url = |name: &str| RealmUrl::parse(&format!("http://h/{name}/")).unwrap();
        let (one, other) = (url("one"), url("other"));
        let first = queues.enter(&one).await.unwrap();
        let mut second = Box::pin(queues.enter(&one));
        assert!(futures_util::poll!(&mut second).is_pending());
        assert!(queues.enter(&one).await.is_none());
        assert!(
            queues.enter(&other).await.is_some(),
            "another realm has its own queue"
        );
        drop(first);
        drop(second.await.unwrap());
        assert!(queues.queues.lock().is_empty());
    }
}
