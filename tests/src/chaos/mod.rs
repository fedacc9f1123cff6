//! Clients on several hosts that read and write while faults are injected, with every read held against
//! [`crate::history`], which says what is judged. `make test` runs it for less than a minute; `make chaos` for ten, or for
//! `REALM_CHAOS_SECONDS`.
//!
//! Three hosts on one Postgres, with a lease of one second, serve one realm of few files, so that races are likely: raw
//! files, a module and its alias, style sheets and their partials, files that come and go, files of one commit. Each host
//! reaches the database through a link that can fall silent. Two lanes of faults run beside each other; in
//! each lane every fault has its turn before one comes again (`faults`).
//!
//! Everything that is chosen comes from one seed: which client asks for what in which order and with which pauses, and
//! which fault comes when and stays for how long. `REALM_CHAOS_SEED` runs the same plan again. How the threads of clients,
//! hosts and database interleave is not chosen by anybody, so a race may take several runs of the same plan to show again;
//! the printed history around a violation is what there is to understand it by.

mod clients;
mod cluster;
mod faults;
mod files;
mod link;
mod report;

use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::clients::{reader, readings, writer};
use self::cluster::{Cluster, HOSTS};
use self::faults::{Lane, heal, run_lane};
use self::report::Tally;
use crate::eventually;
use crate::history::{Checker, Rules, Time};

pub use self::report::Report;

/// The hosts' freshness lease.
pub const LEASE: Duration = Duration::from_secs(1);
/// Clients of each host that read.
const READERS: usize = 4;
/// Clients of each host that write.
const WRITERS: usize = 2;
/// Where the realm is.
const REALM: &str = "/r/";

/// A run.
#[derive(Clone, Debug)]
pub struct Chaos {
    /// What all choices come from.
    pub seed: u64,
    /// How long, at most: a violation ends it.
    pub duration: Duration,
    /// A guard of the hosts that is taken away: one of `tests/mutants.txt`.
    pub mutant: Option<&'static str>,
}

/// What clients and faults share.
struct Shared {
    seed: u64,
    begun: Instant,
    cluster: Cluster,
    checker: Mutex<Checker>,
    tally: Mutex<Tally>,
    /// The last generation that was acknowledged.
    acknowledged: AtomicI64,
    values: AtomicU64,
    stopped: watch::Sender<bool>,
}

impl Shared {
    fn now(&self) -> Time {
        self.begun.elapsed()
    }

    fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    /// Sleeps, unless the run ends.
    async fn pause(&self, duration: Duration) {
        let mut stopped = self.stopped.subscribe();
        let _ = tokio::time::timeout(duration, stopped.wait_for(|stopped| *stopped)).await;
    }

    fn tally<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        change(&mut self.tally.lock().expect("never poisoned"))
    }

    fn checker<T>(&self, with: impl FnOnce(&mut Checker) -> T) -> T {
        with(&mut self.checker.lock().expect("never poisoned"))
    }
}

impl Chaos {
    /// Runs it.
    ///
    /// # Panics
    /// When the hosts cannot be started, or do not come to serve what was written last after all faults are healed.
    pub async fn run(self) -> Report {
        let cluster = Cluster::start(self.mutant).await;
        let base = cluster.found_realm(REALM).await;
        let rules = Rules {
            lease: LEASE,
            margin: Duration::ZERO,
        };
        let shared = Arc::new(Shared {
            seed: self.seed,
            begun: Instant::now(),
            cluster,
            checker: Mutex::new(Checker::new(rules, base)),
            tally: Mutex::default(),
            acknowledged: AtomicI64::new(base),
            values: AtomicU64::new(1),
            stopped: watch::Sender::new(false),
        });
        clients::write_all(&shared).await;
        let mut tasks = tokio::task::JoinSet::new();
        for host in 0..HOSTS {
            for number in 0..READERS {
                tasks.spawn(reader(Arc::clone(&shared), host, number));
            }
            for number in 0..WRITERS {
                tasks.spawn(writer(Arc::clone(&shared), host, number));
            }
        }
        let lanes = [Lane::Grave, Lane::Light]
            .map(|lane| tokio::spawn(run_lane(Arc::clone(&shared), lane)));
        self.watch(&shared, &lanes).await;
        let took = shared.now();
        shared.stopped.send_replace(true);
        for lane in lanes {
            lane.await.expect("no fault panics");
        }
        heal(&shared).await;
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no client panics");
        }
        let healed = Instant::now();
        let sound = shared.checker(|checker| {
            checker.settle();
            checker.found().is_empty()
        });
        // A host that is known to be wrong is not waited for.
        if sound {
            come_to_rest(&shared).await;
        }
        shared.checker(Checker::settle);
        Report::new(&self, &shared, took, healed.elapsed())
    }

    /// Judges as the history grows, until time is up or a promise is broken.
    async fn watch(&self, shared: &Shared, lanes: &[JoinHandle<()>]) {
        let mut told = 0;
        while shared.now() < self.duration {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let broken = shared.checker(|checker| {
                checker.settle();
                !checker.found().is_empty()
            });
            // A lane goes on for ever, unless it fails.
            if broken || lanes.iter().any(JoinHandle::is_finished) {
                return;
            }
            let minutes = shared.now().as_secs() / 60;
            if minutes > told {
                told = minutes;
                println!(
                    "seed {}: {minutes} min, {}",
                    self.seed,
                    shared.tally(|tally| tally.line())
                );
            }
        }
    }
}

/// Every host serves everything that was written, and says that it is fresh.
async fn come_to_rest(shared: &Arc<Shared>) {
    for host in 0..HOSTS {
        for target in readings() {
            eventually("the last state, on every host", || async {
                let last = shared.checker(|checker| checker.last());
                let read = clients::read(shared, host, target, None, None).await?;
                (read.generation >= last && !read.stale).then_some(())
            })
            .await;
        }
    }
}
