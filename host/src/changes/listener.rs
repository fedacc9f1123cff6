use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::postgres::{PgListener, PgNotification, PgPoolOptions};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{DEFINITIONS, FILE_CHANGES, Hub, INDEX_UPDATED, JOBS, PLUGINS, REGISTRY, Tracker};
use crate::database::{Database, DatabaseError, Lane, is_queue_full, postgres_options};
use crate::realm::RealmId;

/// Whether notifications arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListenerState {
    /// They do.
    Live,
    /// They do not.
    Lost,
    /// They do again, and what came in between is being read from the log.
    Resync,
}

impl ListenerState {
    /// The state's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Lost => "lost",
            Self::Resync => "resync",
        }
    }
}

/// A running listener.
#[derive(Clone, Debug)]
pub struct Listening(watch::Receiver<(ListenerState, Instant)>);

impl Listening {
    /// The state, and since when.
    #[must_use]
    pub fn state(&self) -> (ListenerState, Instant) {
        *self.0.borrow()
    }
}

/// How often the connection is asked for a sign of life.
const PING: Duration = Duration::from_secs(1);
/// How long none may come before the connection is given up.
const SILENCE: Duration = Duration::from_secs(3);
/// Notifications that may wait to be obeyed; beyond, the log is read instead.
const BUFFER: usize = 16_384;

/// Starts listening: one connection per process, whatever the number of realms.
///
/// # Errors
/// When the database is away.
pub async fn listen(
    url: &str,
    database: &Database,
    hub: Arc<Hub>,
) -> Result<Listening, DatabaseError> {
    let Database::Postgres(pool) = database else {
        return Err(DatabaseError::Refused(
            "only a Postgres notifies".to_owned(),
        ));
    };
    let (state, watched) = watch::channel((ListenerState::Lost, Instant::now()));
    let ping = format!("realm_ping_{:016x}", rand::random::<u64>());
    let listener = Listener {
        url: url.to_owned(),
        ping,
        pool: pool.clone(),
        hub,
        state,
    };
    let (session, _) = listener.connect().await?;
    tokio::spawn(async move { listener.run(Some(session)).await });
    Ok(Listening(watched))
}

struct Listener {
    url: String,
    ping: String,
    pool: sqlx::PgPool,
    hub: Arc<Hub>,
    state: watch::Sender<(ListenerState, Instant)>,
}

/// One connection's worth of listening.
struct Session {
    notifications: mpsc::Receiver<PgNotification>,
    /// When the last sign of life came.
    alive: Arc<Mutex<Instant>>,
    receiver: tokio::task::JoinHandle<()>,
    pinger: tokio::task::JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        // The whole connection goes with its task, so nothing can be swallowed by ending it midway.
        self.receiver.abort();
        self.pinger.abort();
    }
}

impl Session {
    async fn answered(&mut self, since: Instant) -> bool {
        let alive = Arc::clone(&self.alive);
        let heard = async {
            while *alive.lock() <= since {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SILENCE, heard).await.is_ok()
    }

    fn silent_for(&self) -> Duration {
        self.alive.lock().elapsed()
    }
}

impl Listener {
    async fn run(self, mut session: Option<Session>) {
        let mut pause = Duration::from_millis(50);
        loop {
            if let Some(session) = session.take() {
                self.enter(ListenerState::Resync);
                if self.resync().await {
                    pause = Duration::from_millis(50);
                    self.enter(ListenerState::Live);
                    self.serve(session).await;
                }
                self.enter(ListenerState::Lost);
                self.hub.announcer.forget_own();
            }
            match self.connect().await {
                Ok((mut connected, first)) => {
                    if connected.answered(first).await {
                        session = Some(connected);
                        continue;
                    }
                    warn!("a new listening connection delivers nothing; trying again");
                }
                Err(error) => warn!(%error, "could not listen; trying again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn enter(&self, state: ListenerState) {
        let (before, _) = self.state.send_replace((state, Instant::now()));
        if before != state {
            info!(state = state.as_str(), "listener");
        }
    }

    /// LISTEN first, then read the log, then trust the caches.
    async fn resync(&self) -> bool {
        if mutant!("no-resync") {
            return true;
        }
        for tracker in self.hub.tracked() {
            if let Err(error) = self.hub.catch_up(&tracker).await {
                warn!(%error, "could not read the log after listening anew");
                return false;
            }
        }
        self.hub.tell_registry();
        self.hub.tell_plugins(None);
        self.hub.tell_job(None);
        self.hub.tell_index_updated(None);
        true
    }

    async fn connect(&self) -> Result<(Session, Instant), DatabaseError> {
        #[cfg(feature = "under-test")]
        crate::gates::pass("listen", "").await;
        let options = postgres_options(&self.url)?.application_name("realm listener");
        // A pool of its own: sqlx's listener takes its connection from one.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(SILENCE)
            .max_lifetime(None)
            .idle_timeout(None)
            .connect_with(options)
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.ignore_pool_close_event(true);
        // Otherwise it would reconnect by itself and never tell of the gap.
        listener.eager_reconnect(false);
        listener
            .listen_all([
                FILE_CHANGES,
                REGISTRY,
                DEFINITIONS,
                JOBS,
                INDEX_UPDATED,
                PLUGINS,
                &self.ping,
            ])
            .await?;
        let (sender, notifications) = mpsc::channel(BUFFER);
        let first = Instant::now();
        let alive = Arc::new(Mutex::new(first));
        let receiver = tokio::spawn(receive(
            listener,
            sender,
            self.ping.clone(),
            Arc::clone(&alive),
        ));
        let pinger = tokio::spawn(ping(self.pool.clone(), self.ping.clone()));
        Ok((
            Session {
                notifications,
                alive,
                receiver,
                pinger,
            },
            first,
        ))
    }

    /// Obeys what comes until nothing does any more.
    async fn serve(&self, mut session: Session) {
        loop {
            let silence = SILENCE.saturating_sub(session.silent_for());
            // Only the channel's wait is given up here; the connection's own task is left alone.
            match tokio::time::timeout(silence, session.notifications.recv()).await {
                Ok(Some(notification)) => self.obey(notification, &mut session.notifications),
                Ok(None) => {
                    warn!("the listening connection is gone");
                    return;
                }
                Err(_) if mutant!("silence-not-noticed") => {
                    tokio::time::sleep(PING).await;
                }
                Err(_) if session.silent_for() >= SILENCE => {
                    warn!(
                        seconds = SILENCE.as_secs(),
                        "no sign of life from the listening connection: giving it up"
                    );
                    return;
                }
                Err(_) => {}
            }
        }
    }

    /// Obeys a notification and all that have come with it, then reads the log once for each realm that they named.
    fn obey(&self, first: PgNotification, more: &mut mpsc::Receiver<PgNotification>) {
        let mut behind: HashMap<RealmId, Arc<Tracker>> = HashMap::new();
        let (mut registry, mut plugins) = (false, false);
        let mut jobs = HashSet::new();
        let mut next = Some(first);
        while let Some(notification) = next {
            let own = self.hub.announcer.is_own(notification.process_id());
            match notification.channel() {
                FILE_CHANGES if own && !mutant!("own-announcement-obeyed") => {}
                FILE_CHANGES => {
                    let tracker = self.hub.notice(notification.payload().as_bytes());
                    behind.extend(tracker.map(|tracker| (tracker.realm, tracker)));
                }
                REGISTRY => registry = true,
                PLUGINS => plugins |= !own,
                DEFINITIONS if !own => {
                    let payload = notification.payload().as_bytes();
                    self.hub.tell_definitions_cleared(payload);
                }
                JOBS if !own => {
                    jobs.insert(Lane::job(notification.payload()));
                }
                INDEX_UPDATED if !own => {
                    self.hub.tell_index_updated(Some(notification.payload()));
                }
                _ => {}
            }
            next = more.try_recv().ok();
        }
        if registry {
            self.hub.tell_registry();
        }
        if plugins {
            self.hub.tell_plugins(None);
        }
        for job in jobs {
            self.hub.tell_job(job);
        }
        if mutant!("log-not-read-after-a-payload") {
            return;
        }
        for tracker in behind.into_values() {
            let hub = Arc::clone(&self.hub);
            // Beside the listener: a slow database must not keep the next payload from being obeyed.
            tokio::spawn(async move {
                if let Err(error) = hub.catch_up(&tracker).await {
                    debug!(realm = tracker.realm.0, %error, "the log could not be read; the lease will see to it");
                }
            });
        }
    }
}

/// Reads the connection until it breaks. Runs in a task of its own and is never cancelled inside a wait that goes on.
async fn receive(
    mut listener: PgListener,
    sender: mpsc::Sender<PgNotification>,
    ping: String,
    alive: Arc<Mutex<Instant>>,
) {
    loop {
        let received = listener.try_recv().await;
        #[cfg(feature = "under-test")]
        if !matches!(received, Ok(Some(_))) {
            crate::gates::pass("listener-lost", "").await;
        }
        match received {
            Ok(Some(notification)) => {
                *alive.lock() = Instant::now();
                if notification.channel() != ping && sender.try_send(notification).is_err() {
                    warn!("more notifications than can be obeyed: starting over from the log");
                    return;
                }
            }
            // The connection was lost, and what was sent until it is back with it.
            Ok(None) if mutant!("lost-connection-swallowed") => {}
            Ok(None) => return,
            Err(error) => {
                warn!(%error, "listening failed");
                return;
            }
        }
    }
}

async fn ping(pool: sqlx::PgPool, channel: String) {
    loop {
        let sent = sqlx::query("SELECT pg_notify($1, '')")
            .bind(&channel)
            .execute(&pool)
            .await;
        if let Err(error) = sent {
            warn!(%error, "could not ping the listener");
            if is_queue_full(&error) {
                // It stays full when whoever held it up has gone: only asking how full it is makes room in it.
                let usage = sqlx::query("SELECT pg_notification_queue_usage()");
                let _ = usage.execute(&pool).await;
            }
        }
        tokio::time::sleep(PING).await;
    }
}
