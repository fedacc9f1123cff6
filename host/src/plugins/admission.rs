use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::realm::RealmId;

/// Who may call a plugin now: so many at a time, the others in a bounded queue that serves realms in turn, and within a
/// realm whoever has waited longest. Whoever comes back because what it read has changed keeps its place.
#[derive(Debug)]
pub struct Admission {
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    concurrency: usize,
    bound: usize,
    running: usize,
    waiting: usize,
    realms: BTreeMap<RealmId, BTreeMap<(Instant, u64), oneshot::Sender<Permit>>>,
    turn: VecDeque<RealmId>,
    next: u64,
}

/// The right to one call; given back when dropped.
#[derive(Debug)]
pub struct Permit(Option<Arc<Admission>>);

/// More calls wait than may.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{0} calls of the plugin are waiting already")]
pub struct QueueFull(pub usize);

impl Admission {
    /// Admits `concurrency` calls at a time, and lets `bound` wait.
    #[must_use]
    pub fn new(concurrency: usize, bound: usize) -> Arc<Self> {
        let queue = Queue {
            concurrency,
            bound,
            ..Queue::default()
        };
        Arc::new(Self {
            queue: Mutex::new(queue),
        })
    }

    /// Other bounds from now on: whoever is admitted stays so, and whoever waits has waited for the better ones.
    pub(super) fn bound(self: &Arc<Self>, concurrency: usize, bound: usize) {
        let mut admitted = Vec::new();
        {
            let mut queue = self.queue.lock();
            (queue.concurrency, queue.bound) = (concurrency, bound);
            while queue.running < queue.concurrency
                && let Some(next) = queue.take_next()
            {
                queue.running += 1;
                admitted.push(next);
            }
        }
        for next in admitted {
            drop(next.send(Permit(Some(Arc::clone(self)))));
        }
    }

    /// Waits for a turn; `since` is when the request came.
    ///
    /// # Errors
    /// When the queue is full.
    pub async fn enter(
        self: &Arc<Self>,
        realm: RealmId,
        since: Instant,
    ) -> Result<Permit, QueueFull> {
        let (place, turn) = {
            let mut queue = self.queue.lock();
            if queue.running < queue.concurrency {
                queue.running += 1;
                return Ok(Permit(Some(Arc::clone(self))));
            }
            if queue.waiting >= queue.bound && !mutant!("queue-without-a-bound") {
                return Err(QueueFull(queue.waiting));
            }
            let (sender, turn) = oneshot::channel();
            let place = (since, queue.next);
            queue.next += 1;
            queue.waiting += 1;
            if !queue.realms.contains_key(&realm) {
                queue.turn.push_back(realm);
            }
            queue.realms.entry(realm).or_default().insert(place, sender);
            (place, turn)
        };
        let _leave = Leave {
            admission: self,
            realm,
            place,
        };
        Ok(turn
            .await
            .expect("a waiting sender is dropped only with its receiver's own place"))
    }

    /// Calls that run, and calls that wait.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let queue = self.queue.lock();
        (queue.running, queue.waiting)
    }

    fn release(self: Arc<Self>) {
        let next = {
            let mut queue = self.queue.lock();
            // Where there are more than may be, one fewer from here on.
            let next = if queue.running > queue.concurrency {
                None
            } else {
                queue.take_next()
            };
            if next.is_none() {
                queue.running -= 1;
            }
            next
        };
        if let Some(next) = next {
            // A receiver that has gone meanwhile gives the permit straight back here.
            drop(next.send(Permit(Some(self))));
        }
    }
}

impl Queue {
    fn take_next(&mut self) -> Option<oneshot::Sender<Permit>> {
        let realm = self.turn.pop_front()?;
        let waiting = self.realms.get_mut(&realm)?;
        let (_, next) = waiting.pop_first()?;
        self.waiting -= 1;
        if waiting.is_empty() {
            self.realms.remove(&realm);
        } else {
            self.turn.push_back(realm);
        }
        Some(next)
    }
}

/// Takes a place out of the queue when whoever waited there has gone.
struct Leave<'a> {
    admission: &'a Admission,
    realm: RealmId,
    place: (Instant, u64),
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        let mut queue = self.admission.queue.lock();
        let Some(waiting) = queue.realms.get_mut(&self.realm) else {
            return;
        };
        if waiting.remove(&self.place).is_some() {
            let empty = waiting.is_empty();
            queue.waiting -= 1;
            if empty {
                queue.realms.remove(&self.realm);
                queue.turn.retain(|realm| *realm != self.realm);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.0.take() {
            admission.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use parking_lot::Mutex;

    use super::Admission;
    use crate::realm::RealmId;

    #[tokio::test]
    async fn realms_take_turns_and_the_longest_wait_goes_first() {
        let admission = Admission::new(1, 10);
        let first = admission.enter(RealmId(1), Instant::now()).await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let now = Instant::now();
        let mut tasks = Vec::new();
        for (realm, age, name) in [
            (1, 1, "1 young"),
            (1, 9, "1 old"),
            (1, 5, "1 middle"),
            (2, 0, "2 late"),
        ] {
            let (own, order) = (Arc::clone(&admission), Arc::clone(&order));
            let before = admission.load().1;
            tasks.push(tokio::spawn(async move {
                let _permit = own
                    .enter(RealmId(realm), now - Duration::from_secs(age))
                    .await
                    .unwrap();
                order.lock().push(name);
            }));
            while admission.load().1 == before {
                tokio::task::yield_now().await;
            }
        }
        drop(first);
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*order.lock(), ["1 old", "2 late", "1 middle", "1 young"]);
        assert_eq!(admission.load(), (0, 0));
    }

    #[tokio::test]
    async fn bounds_change_while_calls_run_and_wait() {
        let admission = Admission::new(1, 10);
        let first = admission.enter(RealmId(1), Instant::now()).await.unwrap();
        let enter = || {
            let admission = Arc::clone(&admission);
            tokio::spawn(async move { admission.enter(RealmId(1), Instant::now()).await })
        };
        let (second, third) = (enter(), enter());
        while admission.load().1 < 2 {
            tokio::task::yield_now().await;
        }
        admission.bound(3, 10);
        let (second, third) = (second.await.unwrap(), third.await.unwrap());
        assert_eq!(admission.load(), (3, 0));
        admission.bound(1, 1);
        let fourth = enter();
        while admission.load().1 < 1 {
            tokio::task::yield_now().await;
        }
        assert!(admission.enter(RealmId(1), Instant::now()).await.is_err());
        drop(first);
        drop(second);
        assert_eq!(admission.load(), (1, 1), "one is as many as there may be");
        drop(third);
        drop(fourth.await.unwrap());
        assert_eq!(admission.load(), (0, 0));
    }

    #[tokio::test]
    async fn the_queue_is_bounded_and_whoever_leaves_frees_a_place() {
        let admission = Admission::new(1, 1);
        let running = admission.enter(RealmId(1), Instant::now()).await.unwrap();
        let waiting = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.enter(RealmId(1), Instant::now()).await.map(drop) }
        });
        while admission.load().1 == 0 {
            tokio::task::yield_now().await;
        }
        assert!(admission.enter(RealmId(2), Instant::now()).await.is_err());
        waiting.abort();
        let _ = waiting.await;
        assert_eq!(admission.load(), (1, 0));
        drop(running);
        assert_eq!(admission.load(), (0, 0));
    }
}
