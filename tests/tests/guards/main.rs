//! Guards of the host, each on its own: gates bring about what a guard is there for, and without it the test fails.
//! `tests/mutants.txt` says which guard each stands for, and `scripts/mutants` takes them away one by one.

mod announcing;
mod calls;
mod flights;
mod lease;
mod listening;
mod log;
mod mounts;
mod stored;
mod writing;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, eventually, server};
use sqlx::postgres::PgListener;
use sqlx::{Connection, PgConnection};
use tokio::task::JoinHandle;

/// A lease that no test outlasts: what arrives has come by another way.
const LONG: &str = "60s";

/// Two hosts with a realm at `/r/`, and their database. Nothing is on its way between them any more. They only serve: a worker
/// that is woken for a job reads the log, heard of or not.
async fn pair(lease: &str) -> (Host, Host, String) {
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone()))
        .with("role", "serve")
        .with("lease", lease)
        .with("plugin-deadline", "60s");
    let (a, b) = (options.clone().start().await, options.start().await);
    a.create("/r/").await;
    knows(&b, "/r/").await;
    quiet(&a, &b, &url).await;
    (a, b, url)
}

/// One host on SQLite with a realm at `/r/`, whose requests start anew at most `restarts` times.
async fn alone(restarts: &str) -> Host {
    let options = HostOptions::new(Storage::Sqlite)
        .with("plugin-restarts", restarts)
        .with("plugin-deadline", "60s");
    options.with_realm().await.0
}

async fn knows(host: &Host, realm: &str) {
    let listing = || {
        host.request("GET", realm)
            .header("accept", "application/vnd.api+json")
    };
    eventually("the realm is known", || async {
        (host.send(listing()).await.status == 200).then_some(())
    })
    .await;
}

/// Waits until `b` has heard all that `a` has announced so far, and has applied what is behind it.
async fn quiet(a: &Host, b: &Host, url: &str) {
    static MARKS: AtomicUsize = AtomicUsize::new(0);
    let mark = format!("mark {}.", MARKS.fetch_add(1, Ordering::Relaxed));
    let ear = Ear::open(url).await;
    let last = a.put("/r/quiet.txt", mark.clone()).await.generation();
    ear.hears("quiet.txt").await;
    // Payloads are obeyed in order, and one that makes no sense is logged.
    notify(url, &mark).await;
    b.says(&mark).await;
    let request = b.request("GET", "/r/quiet.txt");
    let applied = b.send(request.header("realm-generation", last)).await;
    assert_eq!(applied.status, 200, "{}", applied.text());
}

/// Waits until the host answers from its cache.
async fn cached(host: &Host, path: &str) -> Answer {
    eventually("a hit", || async {
        let answer = host.get(path).await;
        (answer.header("cache-status") == "realm; hit").then_some(answer)
    })
    .await
}

/// Clears the realm on one host, though nothing has changed.
async fn clear(host: &Host) {
    let answer = host.send(host.request("POST", "/r/_invalidate")).await;
    assert_eq!(answer.status, 204);
}

type Asking = JoinHandle<reqwest::Result<reqwest::Response>>;

/// Asks without waiting for the answer.
fn ask(host: &Host, path: &str) -> Asking {
    tokio::spawn(host.request("GET", path).send())
}

/// The answer to what was asked, which must not be long in coming.
async fn answered(what: &str, asking: Asking) -> Answer {
    eventually(what, || async { asking.is_finished().then_some(()) }).await;
    let response = asking.await.expect("no panic").expect("an answer");
    Answer::of(response).await.expect("a whole answer")
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url)
        .await
        .expect("the server is there")
}

async fn notify(url: &str, payload: &str) {
    let mut client = connect(url).await;
    let sent = sqlx::query("SELECT pg_notify('realm_file_changes', $1)").bind(payload);
    sent.execute(&mut client).await.expect("a notification");
}

/// Hears what the hosts are told.
struct Ear {
    heard: Arc<Mutex<Vec<String>>>,
    listening: JoinHandle<()>,
}

impl Ear {
    async fn open(url: &str) -> Self {
        let mut listener = PgListener::connect(url).await.expect("a connection");
        listener.listen("realm_file_changes").await.expect("LISTEN");
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let all = Arc::clone(&heard);
        let listening = tokio::spawn(async move {
            while let Ok(heard) = listener.recv().await {
                all.lock().unwrap().push(heard.payload().to_owned());
            }
        });
        Self { heard, listening }
    }

    /// Waits until `path` of `/r/` is announced.
    async fn hears(&self, path: &str) {
        let payload = format!("{ORIGIN}/r/:{path}");
        eventually(&format!("{path} is announced"), || async {
            self.heard.lock().unwrap().contains(&payload).then_some(())
        })
        .await;
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
