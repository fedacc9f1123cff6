use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Registry;
use crate::changes::BootTime;
use crate::database::{DatabaseError, bounded};

/// When a question was sent, and what came of it.
pub(super) type Asked = (Instant, Result<(), DatabaseError>);

impl Registry {
    /// Reads the registry again if it has changed since this replica has read it. Callers share a question that was asked
    /// after they came.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn catch_up(&self) -> Result<(), DatabaseError> {
        let come = Instant::now();
        let mut asked = self.asked.lock().await;
        match &*asked {
            Some((sent, found)) if *sent >= come => return found.clone(),
            _ => {}
        }
        let sent = Instant::now();
        let found = self.ask().await;
        // One that failed is shared as well: else each would wait for one of its own.
        let shared = found.is_ok() || !mutant!("failed-question-not-shared");
        *asked = shared.then(|| (sent, found.clone()));
        found
    }

    async fn ask(&self) -> Result<(), DatabaseError> {
        let sent = BootTime::now();
        let now = self.database.registry_generation();
        let now = bounded(self.timeout, "registry", now).await?;
        if now == self.generation() {
            self.verify(sent);
            return Ok(());
        }
        self.refresh().await
    }

    /// Judges the registry's lease for a request that came at `now`.
    #[must_use]
    pub fn is_leased(&self, now: BootTime, lease: Duration) -> bool {
        let verified = BootTime::from_nanos(self.verified.load(Ordering::SeqCst));
        now.since(verified) <= lease || mutant!("registry-lease-not-judged")
    }

    /// A statement sent at `sent` showed that this replica knows every realm that there is.
    pub(super) fn verify(&self, sent: BootTime) {
        self.verified.fetch_max(sent.as_nanos(), Ordering::SeqCst);
    }
}
