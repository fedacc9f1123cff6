//! One writer and readers of every host, who never let up.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use realm_tests::{Answer, Host};
use tokio::sync::Mutex as Turn;
use tokio::task::JoinHandle;

use crate::history::{Ack, History, Outcome, Refusal, Seen};

/// The file that everything is about: each write puts the next number into it.
pub(crate) const FILE: &str = "/r/a.txt";

/// Readers of each host, and how long they rest between two reads: the hosts are to have time for other things.
const READERS: usize = 2;
const REST: Duration = Duration::from_millis(4);

#[derive(Debug)]
struct Shared {
    hosts: Vec<Arc<Host>>,
    history: Mutex<History>,
    /// The last number that was tried.
    number: AtomicU64,
    /// Who takes the writes.
    writer: AtomicUsize,
    writing: AtomicBool,
    reading: AtomicBool,
    /// One write at a time: numbers are acknowledged in their order.
    turn: Turn<()>,
}

/// The load on some hosts.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    readers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Clients of `hosts`, of which the first takes the writes. They rest until they are told to begin.
    pub(crate) fn new(hosts: &[Arc<Host>]) -> Self {
        let shared = Arc::new(Shared {
            hosts: hosts.to_vec(),
            history: Mutex::default(),
            number: AtomicU64::new(0),
            writer: AtomicUsize::new(0),
            writing: AtomicBool::new(false),
            reading: AtomicBool::new(true),
            turn: Turn::default(),
        });
        Self {
            shared,
            readers: Vec::new(),
        }
    }

    /// Begins.
    pub(crate) fn begin(&mut self) {
        for host in 0..self.shared.hosts.len() {
            for _ in 0..READERS {
                let shared = Arc::clone(&self.shared);
                self.readers.push(tokio::spawn(read(shared, host)));
            }
        }
        self.shared.writing.store(true, Ordering::SeqCst);
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move {
            while shared.writing.load(Ordering::SeqCst) {
                shared.write().await;
                tokio::time::sleep(REST).await;
            }
        });
    }

    /// Lets the writer finish its write and rest.
    pub(crate) async fn stop_writing(&self) {
        self.shared.writing.store(false, Ordering::SeqCst);
        drop(self.shared.turn.lock().await);
    }

    /// Another host takes the writes from now on.
    pub(crate) fn write_on(&self, host: usize) {
        self.shared.writer.store(host, Ordering::SeqCst);
    }

    /// One write; its answer, if there was one.
    pub(crate) async fn write(&self) -> Option<Answer> {
        self.shared.write().await
    }

    /// The newest number that was acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        let history = self.shared.history.lock().expect("never poisoned");
        history.acknowledged_at(Instant::now())
    }

    /// The newest number that was tried.
    pub(crate) fn tried(&self) -> u64 {
        self.shared.number.load(Ordering::SeqCst)
    }

    /// Looks at the history as it is.
    pub(crate) fn history<T>(&self, look: impl FnOnce(&History) -> T) -> T {
        look(&self.shared.history.lock().expect("never poisoned"))
    }

    /// One read of a host, which is noted; what it came to.
    pub(crate) async fn read(&self, host: usize) -> Outcome {
        self.shared.read(host).await
    }

    /// Ends the clients.
    pub(crate) async fn end(&mut self) {
        self.stop_writing().await;
        self.shared.reading.store(false, Ordering::SeqCst);
        for reader in self.readers.drain(..) {
            reader.await.expect("a reader does not panic");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.writing.store(false, Ordering::SeqCst);
        self.shared.reading.store(false, Ordering::SeqCst);
    }
}

async fn read(shared: Arc<Shared>, host: usize) {
    while shared.reading.load(Ordering::SeqCst) {
        shared.read(host).await;
        tokio::time::sleep(REST).await;
    }
}

impl Shared {
    async fn write(&self) -> Option<Answer> {
        let _turn = self.turn.lock().await;
        let number = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        let host = &self.hosts[self.writer.load(Ordering::SeqCst)];
        let request = host.request("PUT", FILE).body(number.to_string());
        let answer = host.try_send(request).await.ok();
        let at = Instant::now();
        let mut history = self.history.lock().expect("never poisoned");
        match &answer {
            Some(answer) if matches!(answer.status, 201 | 204) => history.acks.push(Ack {
                at,
                number,
                generation: answer.generation(),
            }),
            Some(answer) => history.refusals.push(Refusal {
                at,
                status: answer.status,
                code: answer.errors()[0]["code"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            }),
            None => history.refusals.push(Refusal {
                at,
                status: 0,
                code: String::new(),
            }),
        }
        answer
    }

    async fn read(&self, host: usize) -> Outcome {
        let sent = Instant::now();
        let asked = &self.hosts[host];
        let outcome = match asked.try_send(asked.request("GET", FILE)).await {
            Err(_) => Outcome::Unanswered,
            Ok(answer) if answer.status == 200 => {
                let number = answer.text().parse().expect("a number was written");
                Outcome::Body(number, said(answer.header("cache-status")))
            }
            Ok(answer) => Outcome::Refused(answer.status),
        };
        let seen = Seen {
            host,
            sent,
            outcome,
        };
        let mut history = self.history.lock().expect("never poisoned");
        history.reads.push(seen);
        outcome
    }
}

/// How many seconds past the lease an answer says to be.
fn said(cache_status: &str) -> Option<u64> {
    let (_, age) = cache_status.split_once("ttl=-")?;
    assert!(cache_status.contains("detail=lease"), "{cache_status}");
    let (age, _) = age.split_once(';')?;
    Some(age.parse().expect("a number of seconds"))
}
