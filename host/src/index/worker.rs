use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, info, warn};

use super::updates::EVERY;
use super::{Inner, Run, Worker};
use crate::database::{Database, DatabaseError, Job, Lane, bounded};
use crate::reading::ReadError;
use crate::realm::RealmId;
use crate::telemetry::TRACE;

/// What a turn with a job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is nothing more to do.
    Done,
    /// There is more to do, after a pause and as urgent as this.
    More(Duration, i64),
}

/// Why a turn with a job ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The database did not do it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Something could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The first pause after a failure; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The pause after so many failures in a row.
pub(super) fn pause(attempts: i64, longest: Duration) -> Duration {
    let doubled = u32::try_from(attempts.clamp(0, 20)).unwrap_or(0);
    FIRST_PAUSE.saturating_mul(1 << doubled).min(longest)
}

impl Worker {
    /// Works until it is stopped.
    pub(super) async fn run(&self) {
        let own = &self.0;
        let mut ticks = tokio::time::interval(own.limits.lease / 3);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut flushes = tokio::time::interval(EVERY);
        flushes.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut changes = own.reader.plugin_changes();
        let (mut freed, mut swept) = (false, false);
        loop {
            tokio::select! {
                biased;
                () = own.stop.cancelled() => break,
                _ = ticks.tick() => {
                    if !freed {
                        freed = self.free().await.inspect_err(said).is_ok();
                    }
                    if !swept {
                        swept = self.sweep().await.inspect_err(said).is_ok();
                    }
                    let _ = self.keep().await.inspect_err(said);
                    let _ = self.claim().await.inspect_err(said);
                }
                Ok(()) = changes.changed() => {
                    swept = self.sweep().await.inspect_err(said).is_ok();
                    let _ = self.claim().await.inspect_err(said);
                }
                () = own.wake.worker.notified() => {
                    let _ = self.claim().await.inspect_err(said);
                }
                _ = flushes.tick() => own.updates.flush(None),
            }
        }
        for run in own.running.lock().values() {
            run.token.cancel();
        }
        // Jobs end by themselves now, at their next wait.
        while !own.running.lock().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        own.updates.flush(None);
        if mutant!("jobs-not-given-back") {
            return;
        }
        let given = own.database.give_jobs_back(&own.id);
        match bounded(own.limits.database_timeout, "give_jobs_back", given).await {
            // Whoever is left goes on at once.
            Ok(()) => own.hub.want_jobs(Lane::Render, &[RealmId(0)]),
            Err(error) => {
                warn!(%error, "jobs could not be given back: others go on when their lease is over")
            }
        }
    }

    /// At the start: nobody holds a job of an embedded database.
    async fn free(&self) -> Result<(), DatabaseError> {
        match &self.0.database {
            Database::Sqlite(_) => self.0.database.free_jobs().await,
            Database::Postgres(_) => Ok(()),
        }
    }

    /// At the start, and when its plugins have changed: what was indexed with others is visited again. A worker does not do
    /// so at other times, or two with other plugins would do it for ever.
    async fn sweep(&self) -> Result<(), DatabaseError> {
        let own = &self.0;
        if mutant!("other-plugins-not-visited") {
            return Ok(());
        }
        let plugins = own.reader.plugins();
        let others = own.database.visited_with_others(plugins.name()).await?;
        if !others.is_empty() {
            info!(
                realms = others.len(),
                "plugins are others than these realms were indexed with: visiting them again"
            );
        }
        for realm in others {
            if own.database.visit_with(realm, plugins.name()).await? {
                own.hub.want_jobs(Lane::Render, &[realm]);
            }
        }
        Ok(())
    }

    /// Renews the leases of what runs here, ends what another has taken over, and wishes for what nobody has.
    async fn keep(&self) -> Result<(), DatabaseError> {
        let own = &self.0;
        #[cfg(feature = "under-test")]
        crate::gates::pass("job-renew", "").await;
        if mutant!("job-lease-not-renewed") {
            return Ok(());
        }
        let renewed = own.database.renew_jobs(&own.id, own.limits.lease);
        let held = bounded(own.limits.database_timeout, "renew_jobs", renewed).await?;
        let held: HashSet<_> = held.into_iter().collect();
        let mut left = Vec::new();
        {
            let running = own.running.lock();
            for (key, run) in running.iter() {
                if !held.contains(key) {
                    debug!(
                        lane = key.0.as_str(),
                        realm = key.1.0,
                        "another worker has taken this job over"
                    );
                    run.token.cancel();
                }
            }
            left.extend(held.into_iter().filter(|key| !running.contains_key(key)));
        }
        // It ended, and the database could not be told so then.
        for (lane, realm) in left {
            let job = Job {
                lane,
                realm,
                wanted: -1,
                attempts: 0,
            };
            own.database.finish_job(&own.id, job).await?;
        }
        let recovered = own.database.recover_jobs();
        bounded(own.limits.database_timeout, "recover_jobs", recovered).await?;
        self.measure().await
    }

    /// What there is to do in the cluster.
    async fn measure(&self) -> Result<(), DatabaseError> {
        let counts = self.0.database.count_jobs().await?;
        for lane in Lane::ALL {
            for state in ["running", "waiting", "failed"] {
                let of = counts
                    .iter()
                    .find(|of| of.lane == lane && of.state == state);
                let gauge =
                    metrics::gauge!("realm_jobs", "lane" => lane.as_str(), "state" => state);
                gauge.set(of.map_or(0, |of| of.count) as f64);
            }
        }
        let waiting = self.0.database.count_visits().await?;
        metrics::gauge!("realm_index_visits_waiting").set(waiting as f64);
        let lag = self.0.database.index_lag().await?.unwrap_or_default();
        metrics::gauge!("realm_index_lag_seconds").set(lag.as_secs_f64());
        Ok(())
    }

    /// Takes as many jobs as there is room for.
    async fn claim(&self) -> Result<(), DatabaseError> {
        let own = &self.0;
        for lane in Lane::ALL {
            #[cfg(feature = "under-test")]
            crate::gates::pass("job-claim", lane.as_str()).await;
            let room = own.room(lane);
            if room == 0 {
                continue;
            }
            let (id, lease) = (&own.id, own.limits.lease);
            let plugins = own.reader.plugins();
            let claimed = own
                .database
                .claim_jobs(id, lane, room, lease, plugins.name());
            let claimed = bounded(own.limits.database_timeout, "claim_jobs", claimed).await?;
            for job in claimed {
                let token = CancellationToken::new();
                let number = own.runs.fetch_add(1, Ordering::Relaxed);
                let run = Run {
                    number,
                    token: token.clone(),
                };
                // Still running here: its lease had run out, and nobody else wanted it.
                if let Some(old) = own.running.lock().insert((job.lane, job.realm), run) {
                    old.token.cancel();
                }
                let worker = self.clone();
                let span = tracing::info_span!(
                    target: TRACE, "job", otel.name = lane.as_str(), realm.lane = lane.as_str(), realm.id = job.realm.0
                );
                own.tasks
                    .spawn(async move { worker.work(job, number, token).await }.instrument(span));
            }
        }
        Ok(())
    }

    async fn work(&self, job: Job, number: u64, token: CancellationToken) {
        let own = &self.0;
        let turn = async {
            match job.lane {
                Lane::Index => self.expand(job).await,
                Lane::Render => self.visits(job).await,
            }
        };
        let turn = tokio::select! {
            biased;
            () = token.cancelled() => None,
            turn = turn => Some(turn),
        };
        if let Some(turn) = turn
            && let Err(error) = self.end(job, turn).await
        {
            // The next heartbeat sees to it.
            debug!(%error, "the end of a job could not be written down");
        }
        own.forget(job, number);
        own.wake.worker.notify_one();
    }

    async fn end(&self, job: Job, turn: Result<Turn, Trouble>) -> Result<(), DatabaseError> {
        let own = &self.0;
        let limit = own.limits.database_timeout;
        #[cfg(feature = "under-test")]
        crate::gates::pass("job-end", job.lane.as_str()).await;
        let (pause, priority, error) = match turn {
            Ok(Turn::Done) => {
                let finished = own.database.finish_job(&own.id, job);
                if bounded(limit, "finish_job", finished).await? {
                    own.hub.job_finished(job.lane, job.realm);
                }
                return Ok(());
            }
            Ok(Turn::More(pause, priority)) => (pause, priority, None),
            Err(error) => {
                let pause = pause(job.attempts, own.limits.pause);
                warn!(lane = job.lane.as_str(), realm = job.realm.0, %error, ?pause, "a job failed; it is tried again");
                (pause, 0, Some(error.to_string()))
            }
        };
        let postponed = own
            .database
            .postpone_job(&own.id, job, pause, priority, error.as_deref());
        bounded(limit, "postpone_job", postponed).await?;
        if !pause.is_zero() {
            let (worker, stop) = (self.clone(), own.stop.clone());
            own.tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = tokio::time::sleep(pause) => worker.0.wake.worker.notify_one(),
                }
            });
        }
        Ok(())
    }
}

impl Inner {
    /// How many more jobs of a lane may run here.
    pub(super) fn room(&self, lane: Lane) -> usize {
        let running = self.running.lock();
        let running = running.keys().filter(|key| key.0 == lane).count();
        (self.limits.concurrency * 2).max(4).saturating_sub(running)
    }

    /// A turn with a job has ended; another one may have begun meanwhile, where the lease of this one had run out.
    fn forget(&self, job: Job, number: u64) {
        let mut running = self.running.lock();
        let key = (job.lane, job.realm);
        if running.get(&key).is_some_and(|run| run.number == number) {
            running.remove(&key);
        }
    }
}

fn said(error: &DatabaseError) {
    debug!(%error, "jobs cannot be asked for; the next turn tries again");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::pause;

    #[test]
    fn each_pause_is_twice_as_long_up_to_the_bound() {
        let longest = Duration::from_secs(60);
        let pauses: Vec<_> = (0..4)
            .map(|attempts| pause(attempts, longest).as_millis())
            .collect();
        assert_eq!(pauses, [100, 200, 400, 800]);
        assert_eq!(pause(i64::MAX, longest), longest);
    }
}
