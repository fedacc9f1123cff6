use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tracing::debug;

use crate::database::{Database, DatabaseError, bounded};

/// One thing that is so or not of a host.
#[derive(Clone, Debug)]
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Whether the host cannot serve without it.
    pub required: bool,
    /// Whether it is so.
    pub good: bool,
    /// In a word.
    pub state: &'static str,
    /// For how long; of the lease: since it was last renewed.
    pub age: Duration,
    /// In words, with what to do.
    pub detail: String,
}

/// Checks, asked anew each time.
pub type Checks = Arc<dyn Fn() -> Vec<Check> + Send + Sync>;

/// This host among the replicas of its cluster: says in the database how it is, and reads what the others say.
#[derive(Clone)]
pub struct Replicas {
    database: Database,
    id: Arc<str>,
    url: Arc<str>,
    begun: Instant,
    checks: Checks,
    timeout: Duration,
}

impl std::fmt::Debug for Replicas {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replicas")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// How often those that went without a word are taken away.
const TICKS_BETWEEN_PRUNING: u64 = 100;
/// A replica that has said nothing for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(3600);

impl Replicas {
    /// This host, reached at `url`.
    #[must_use]
    pub fn new(database: Database, url: &str, checks: Checks, timeout: Duration) -> Self {
        Self {
            database,
            id: format!("{:016x}", rand::random::<u64>()).into(),
            url: url.into(),
            begun: Instant::now(),
            checks,
            timeout,
        }
    }

    /// How this host is.
    #[must_use]
    pub fn checks(&self) -> Vec<Check> {
        (self.checks)()
    }

    /// Says so every `interval`. Ends never.
    pub async fn keep(self, interval: Duration) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        for number in 0_u64.. {
            ticks.tick().await;
            if number.is_multiple_of(TICKS_BETWEEN_PRUNING) {
                // Those that went without a word.
                self.forget("").await;
            }
            let checks = Value::from(as_json(&self.checks())).to_string();
            let version = env!("CARGO_PKG_VERSION");
            let told = self
                .database
                .tell_replica(&self.id, &self.url, version, &checks);
            if let Err(error) = bounded(self.timeout, "tell_replica", told).await {
                debug!(%error, "could not tell the other replicas how this one is");
            }
        }
    }

    /// Leaves the cluster.
    pub async fn leave(&self) {
        self.forget(&self.id).await;
    }

    async fn forget(&self, id: &str) {
        let left = self.database.forget_replicas(id, FORGOTTEN);
        if let Err(error) = bounded(self.timeout, "forget_replicas", left).await {
            debug!(%error, "replicas that have gone could not be taken away");
        }
    }

    /// Every replica as it has last said of itself, this one as it is now.
    ///
    /// # Errors
    /// When the database is away; this host's own entry is there all the same.
    pub async fn list(&self) -> (Vec<Value>, Option<DatabaseError>) {
        let own = json!({
            "id": &*self.id, "url": &*self.url, "version": env!("CARGO_PKG_VERSION"), "self": true,
            "startedMsAgo": millis(self.begun.elapsed()), "seenMsAgo": 0, "checks": as_json(&self.checks()),
        });
        let mut all = vec![own];
        match bounded(self.timeout, "replicas", self.database.replicas()).await {
            Ok(rows) => {
                let others = rows.into_iter().filter(|row| *row.id != *self.id);
                all.extend(others.map(|row| {
                    json!({
                        "id": row.id, "url": row.url, "version": row.version, "self": false,
                        "startedMsAgo": millis(row.started), "seenMsAgo": millis(row.seen),
                        "checks": serde_json::from_str::<Value>(&row.checks).unwrap_or_default(),
                    })
                }));
                (all, None)
            }
            Err(error) => (all, Some(error)),
        }
    }
}

/// Checks as the surface shows them.
#[must_use]
pub fn as_json(checks: &[Check]) -> Vec<Value> {
    let one = |check: &Check| {
        json!({
            "name": check.name, "good": check.good, "required": check.required, "state": check.state,
            "ageMs": millis(check.age), "detail": check.detail,
        })
    };
    checks.iter().map(one).collect()
}

fn millis(age: Duration) -> u64 {
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}
