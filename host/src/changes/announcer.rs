use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::warn;

use crate::database::{DatabaseError, bounded, postgres_options};

/// One notification to be sent.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The channel.
    pub channel: &'static str,
    /// The payload.
    pub payload: String,
}

enum Job {
    Send(Vec<Announcement>),
    Flush(oneshot::Sender<()>),
}

/// Sends what has been committed: one task, one connection, all that has come since its last statement as one batch.
/// (A NOTIFY inside the write's own transaction would hold a database-wide lock through the commit.)
#[derive(Clone, Debug)]
pub struct Announcer {
    jobs: Option<mpsc::UnboundedSender<Job>>,
    pid: Arc<AtomicU32>,
    state: watch::Receiver<Announcing>,
}

/// How an announcer gets on.
#[derive(Clone, Copy, Debug)]
pub struct Announcing {
    /// Announcements that could not be sent yet.
    pub waiting: usize,
    /// Whether the last try failed.
    pub failing: bool,
    /// Since when it has been so.
    pub since: Instant,
}

/// How long to wait before a lost connection is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// Announcements that wait while the database is away; beyond, the lease does their work.
const MOST_WAITING: usize = 100_000;

impl Announcer {
    /// An announcer to the Postgres at `url`; to nobody, where the database has one host.
    #[must_use]
    pub fn start(url: Option<String>, timeout: Duration) -> Self {
        let pid = Arc::new(AtomicU32::new(0));
        let (told, state) = watch::channel(Announcing {
            waiting: 0,
            failing: false,
            since: Instant::now(),
        });
        let jobs = url.map(|url| {
            let (sender, jobs) = mpsc::unbounded_channel();
            tokio::spawn(run(url, jobs, Arc::clone(&pid), timeout, told));
            sender
        });
        Self { jobs, pid, state }
    }

    /// How it gets on.
    #[must_use]
    pub fn state(&self) -> Announcing {
        *self.state.borrow()
    }

    /// Hands over what to send. Never waits: a commit's answer does not depend on it.
    pub fn announce(&self, announcements: Vec<Announcement>) {
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Job::Send(announcements));
        }
    }

    /// Waits until everything handed over before has been sent.
    pub async fn flush(&self) {
        if let Some(jobs) = &self.jobs {
            let (sender, sent) = oneshot::channel();
            let _ = jobs.send(Job::Flush(sender));
            let _ = sent.await;
        }
    }

    /// Takes no backend for its own until it has sent again: after a restart of the server, numbers go round anew.
    pub(super) fn forget_own(&self) {
        self.pid.store(0, Ordering::SeqCst);
    }

    /// The backend that sends: this replica has applied its own commits before it announces them.
    #[must_use]
    pub fn is_own(&self, pid: u32) -> bool {
        pid != 0 && self.pid.load(Ordering::SeqCst) == pid
    }
}

async fn run(
    url: String,
    mut jobs: mpsc::UnboundedReceiver<Job>,
    pid: Arc<AtomicU32>,
    timeout: Duration,
    told: watch::Sender<Announcing>,
) {
    let tell = |waiting: usize, failing: bool| {
        told.send_if_modified(|state| {
            if state.failing != failing {
                state.since = Instant::now();
            }
            (state.waiting, state.failing) = (waiting, failing);
            false
        });
    };
    let mut connection: Option<(PgConnection, u32)> = None;
    let mut waiting: Vec<Announcement> = Vec::new();
    let mut batch = Vec::new();
    while jobs.recv_many(&mut batch, 1024).await > 0 {
        let mut flushed = Vec::new();
        for job in batch.drain(..) {
            match job {
                Job::Send(announcements) => waiting.extend(announcements),
                Job::Flush(done) => flushed.push(done),
            }
        }
        #[cfg(feature = "under-test")]
        crate::gates::pass("announce", "").await;
        while !waiting.is_empty() {
            let sent = send(&url, &mut connection, &waiting, &pid);
            match bounded(timeout, "announce", sent).await {
                Ok(()) => {
                    waiting.clear();
                    tell(0, false);
                }
                Err(error) => {
                    warn!(%error, waiting = waiting.len(), "could not announce; trying again");
                    connection = None;
                    if mutant!("announcement-lost-with-its-connection") {
                        waiting.clear();
                    }
                    // What comes meanwhile is bounded as well.
                    while let Ok(job) = jobs.try_recv() {
                        match job {
                            Job::Send(announcements) => waiting.extend(announcements),
                            Job::Flush(done) => flushed.push(done),
                        }
                    }
                    waiting.truncate(MOST_WAITING);
                    tell(waiting.len(), true);
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

async fn send(
    url: &str,
    slot: &mut Option<(PgConnection, u32)>,
    waiting: &[Announcement],
    pid: &AtomicU32,
) -> Result<(), DatabaseError> {
    let (connection, own) = match slot {
        Some(known) => known,
        None => {
            let mut connection = postgres_options(url)?
                .application_name("realm announcer")
                .connect()
                .await?;
            let own: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
                .fetch_one(&mut connection)
                .await?;
            slot.insert((connection, own.cast_unsigned()))
        }
    };
    pid.store(*own, Ordering::SeqCst);
    let channels: Vec<&str> = waiting
        .iter()
        .map(|announcement| announcement.channel)
        .collect();
    let payloads: Vec<&str> = waiting
        .iter()
        .map(|announcement| announcement.payload.as_str())
        .collect();
    let sql = "SELECT count(pg_notify(channel, payload)) FROM unnest($1::text[], $2::text[]) AS batch (channel, payload)";
    let sent = sqlx::query(sql)
        .bind(channels)
        .bind(payloads)
        .execute(&mut *connection)
        .await;
    if sent.is_err()
        && let Some((connection, _)) = slot.take()
    {
        let _ = connection.close_hard().await;
    }
    sent.map(|_| ()).map_err(DatabaseError::from)
}
