//! The faults, and the schedule by which they come. A lane has one fault at a time; two lanes run beside each other.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection, Executor};

use super::cluster::HOSTS;
use super::{REALM, Shared};
use crate::ORIGIN;

/// How often the log loses its rows while it does.
const PRUNED_EVERY: Duration = Duration::from_millis(40);

/// Faults of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Those that take a process, the database or the network away.
    Grave,
    /// Those that take away connections, notifications and rows of the log.
    Light,
}

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fault {
    /// The database is killed, and started again.
    DatabaseKilled,
    /// Every statement about realms waits.
    DatabaseSlow,
    /// A host hears nothing of the database, and the database nothing of it.
    HostCutOff,
    /// A host is stopped for longer than its lease, and goes on.
    HostStopped,
    /// A host is killed, and started again.
    HostKilled,
    /// The connections on which hosts listen end.
    ListenersEnded,
    /// The connections on which hosts announce end.
    AnnouncersEnded,
    /// All other connections of all hosts end, transactions and all.
    ConnectionsEnded,
    /// A host announces nothing.
    Unannounced,
    /// No host announces anything, and the log loses its rows.
    LogPruned,
    /// Somebody sends notifications, some without sense.
    Flooded,
}

/// One step of a lane.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub(super) pause: Duration,
    pub(super) fault: Fault,
    pub(super) host: usize,
    /// How long it stays.
    pub(super) stay: Duration,
    /// Whether connections break when it ends.
    pub(super) breaks: bool,
}

/// The steps of a lane: every fault has its turn before one comes again.
pub(super) fn schedule(seed: u64, lane: Lane) -> impl Iterator<Item = Step> {
    use Fault::*;
    let (mut deck, pauses, stays) = match lane {
        Lane::Grave => (
            vec![
                DatabaseKilled,
                DatabaseSlow,
                HostCutOff,
                HostStopped,
                HostKilled,
            ],
            300..1800,
            200..2800,
        ),
        Lane::Light => (
            vec![
                ListenersEnded,
                AnnouncersEnded,
                ConnectionsEnded,
                Unannounced,
                LogPruned,
                Flooded,
            ],
            100..700,
            100..900,
        ),
    };
    let mut random = StdRng::seed_from_u64(seed.wrapping_mul(1000).wrapping_add(900 + lane as u64));
    let mut next = deck.len();
    std::iter::from_fn(move || {
        if next == deck.len() {
            deck.shuffle(&mut random);
            next = 0;
        }
        let fault = deck[next];
        next += 1;
        let pause = Duration::from_millis(random.random_range(pauses.clone()));
        let stay = Duration::from_millis(random.random_range(stays.clone()));
        let (host, breaks) = (random.random_range(0..HOSTS), random.random_bool(0.5));
        Some(Step {
            pause,
            fault,
            host,
            stay,
            breaks,
        })
    })
}

/// Injects one fault after the other, and heals each.
pub(super) async fn run_lane(shared: Arc<Shared>, lane: Lane) {
    for step in schedule(shared.seed, lane) {
        shared.pause(step.pause).await;
        if shared.is_stopped() {
            return;
        }
        // A fault that needs what another has taken away does not come about.
        let came = inject(&shared, step).await.is_some();
        shared.tally(|tally| tally.injected(step.fault, came));
    }
}

async fn inject(shared: &Shared, step: Step) -> Option<()> {
    let (cluster, host) = (&shared.cluster, step.host);
    match step.fault {
        Fault::DatabaseKilled => {
            let mut postgres = cluster.postgres.lock().await;
            tokio::task::block_in_place(|| postgres.kill());
            shared.pause(step.stay / 2).await;
            tokio::task::block_in_place(|| postgres.up());
        }
        Fault::DatabaseSlow => {
            let mut client = cluster.client().await.ok()?;
            let lock = "SET lock_timeout = '3s'; BEGIN; LOCK TABLE realms, files, changes IN ACCESS EXCLUSIVE MODE";
            client.execute(lock).await.ok()?;
            shared.pause(step.stay * 2 / 3).await;
            client.execute("ROLLBACK").await.ok()?;
        }
        Fault::HostCutOff => {
            cluster.links[host].silence();
            shared.pause(step.stay * 2).await;
            cluster.links[host].speak(step.breaks);
        }
        Fault::HostStopped => {
            let stopped = cluster.host(host);
            stopped.signal("STOP");
            shared.pause(super::LEASE + step.stay / 2).await;
            stopped.signal("CONT");
        }
        Fault::HostKilled => {
            // Half of the time while what it has committed is neither answered nor announced.
            if step.breaks {
                gate(shared, host, "after-commit", true).await;
                shared.pause(step.stay / 6).await;
            }
            cluster.replace(host).await;
        }
        Fault::ListenersEnded => end(shared, "= 'realm listener'").await?,
        Fault::AnnouncersEnded => end(shared, "= 'realm announcer'").await?,
        Fault::ConnectionsEnded => end(shared, "= 'realm'").await?,
        Fault::Unannounced => {
            gate(shared, host, "announce", true).await?;
            shared.pause(step.stay * 2).await;
            gate(shared, host, "announce", false).await?;
        }
        Fault::LogPruned => {
            for host in 0..HOSTS {
                gate(shared, host, "announce", true).await;
            }
            let until = shared.now() + step.stay;
            let mut pruned = Some(());
            // Again and again: whoever has not read a row yet when it goes must see the gap.
            while pruned.is_some() && shared.now() < until {
                pruned = sql(shared, "DELETE FROM changes").await;
                shared.pause(PRUNED_EVERY).await;
            }
            for host in 0..HOSTS {
                gate(shared, host, "announce", false).await;
            }
            pruned?;
        }
        Fault::Flooded => flood(shared, step.stay).await?,
    }
    Some(())
}

async fn sql(shared: &Shared, sql: &'static str) -> Option<()> {
    let mut client = shared.cluster.client().await.ok()?;
    client.execute(sql).await.ok()?;
    Some(())
}

/// Ends connections to the database by what they are for.
async fn end(shared: &Shared, name: &str) -> Option<()> {
    let _no_host_starts = shared.cluster.starting.read().await;
    let mut client = shared.cluster.client().await.ok()?;
    let sql = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name {name} AND datname = current_database()"
    );
    client.execute(sqlx::AssertSqlSafe(sql)).await.ok()?;
    Some(())
}

/// Closes or opens a gate of a host.
async fn gate(shared: &Shared, host: usize, point: &str, close: bool) -> Option<()> {
    let host = shared.cluster.host(host);
    let url = format!("{}/_gates/{point}", host.admin);
    let request = if close {
        host.client.put(url)
    } else {
        host.client.delete(url)
    };
    host.try_send(request.timeout(Duration::from_secs(8)))
        .await
        .ok()
        .map(|_| ())
}

async fn flood(shared: &Shared, stay: Duration) -> Option<()> {
    let mut client = shared.cluster.client().await.ok()?;
    let until = shared.now() + stay;
    let payloads = format!(
        "SELECT pg_notify('realm_file_changes', '{ORIGIN}{REALM}:' || CASE i % 4 WHEN 0 THEN '*' WHEN 1 THEN 'mod.ts' WHEN 2 THEN '_theme.scss' ELSE 'nothing-' || i END) FROM generate_series(1, 40) AS i"
    );
    client
        .execute("SELECT pg_notify('realm_file_changes', 'nonsense')")
        .await
        .ok()?;
    while shared.now() < until && !shared.is_stopped() {
        client
            .execute(sqlx::AssertSqlSafe(payloads.as_str()))
            .await
            .ok()?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.close().await.ok()
}

/// Heals what a lane may have left behind: a gate whose host did not answer when it was to be opened.
pub(super) async fn heal(shared: &Shared) {
    for host in 0..HOSTS {
        gate(shared, host, "announce", false).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Lane, schedule};

    #[test]
    fn a_seed_gives_the_same_plan_and_every_fault_its_turn() {
        for (lane, kinds) in [(Lane::Grave, 5), (Lane::Light, 6)] {
            let plan = |seed| {
                schedule(seed, lane)
                    .take(60)
                    .map(|step| format!("{step:?}"))
                    .collect::<Vec<_>>()
            };
            assert_eq!(plan(7), plan(7));
            assert_ne!(plan(7), plan(8));
            let faults: BTreeSet<_> = schedule(7, lane)
                .take(kinds)
                .map(|step| step.fault)
                .collect();
            assert_eq!(faults.len(), kinds);
        }
    }
}
