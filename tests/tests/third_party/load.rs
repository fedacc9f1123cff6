//! Clients that do not stop asking, and know for each answer what it may be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use realm_tests::{Answer, Host, distribution};
use tokio::task::JoinHandle;

use crate::stage::soon;

/// What is in force, in the order in which it comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    One = 1,
    Two = 2,
    Removed = 3,
}

/// Asks a host for a document, and says of which phase the answer is.
pub(crate) type Ask = Arc<dyn Fn(Arc<Host>, usize) -> JoinHandle<Phase> + Send + Sync>;

/// What is known of the hosts.
#[derive(Debug)]
struct Known {
    /// By host: what must be in force, since it has shown it of everything.
    least: [AtomicUsize; 2],
    /// What may be, since it has been begun.
    most: AtomicUsize,
    done: AtomicBool,
    answers: AtomicUsize,
}

/// Clients at work.
pub(crate) struct Load {
    known: Arc<Known>,
    clients: Vec<JoinHandle<Vec<Duration>>>,
}

impl Load {
    /// Two clients for each host.
    pub(crate) fn start(hosts: &[Arc<Host>; 2], documents: usize, ask: &Ask) -> Self {
        let known = Arc::new(Known {
            least: [AtomicUsize::new(1), AtomicUsize::new(1)],
            most: AtomicUsize::new(1),
            done: AtomicBool::new(false),
            answers: AtomicUsize::new(0),
        });
        let clients = (0..4).map(|client| {
            let (host, known, ask) = (
                Arc::clone(&hosts[client % 2]),
                Arc::clone(&known),
                Arc::clone(ask),
            );
            tokio::spawn(async move {
                let mut at = documents * client / 4;
                let mut seen = vec![1; documents];
                let mut times = Vec::new();
                while !known.done.load(Ordering::SeqCst) {
                    at = (at + 1) % documents;
                    let least = known.least[client % 2].load(Ordering::SeqCst).max(seen[at]);
                    let begun = Instant::now();
                    let phase = ask(Arc::clone(&host), at).await.expect("a right answer") as usize;
                    times.push(begun.elapsed());
                    let most = known.most.load(Ordering::SeqCst);
                    assert!(
                        (least..=most).contains(&phase),
                        "phase {phase}, not {least} to {most}, on {}",
                        host.public
                    );
                    seen[at] = phase;
                    known.answers.fetch_add(1, Ordering::SeqCst);
                }
                times
            })
        });
        let clients = clients.collect();
        Self { known, clients }
    }

    /// A change is about to be asked for.
    pub(crate) fn begin(&self, phase: Phase) {
        self.known.most.store(phase as usize, Ordering::SeqCst);
    }

    /// It is in force on a host.
    pub(crate) fn is_in_force(&self, host: usize, phase: Phase) {
        self.known.least[host].store(phase as usize, Ordering::SeqCst);
    }

    /// Waits for so many further answers.
    pub(crate) async fn go_on(&self, answers: usize) {
        let before = self.known.answers.load(Ordering::SeqCst);
        soon("the clients go on", async || {
            let ended = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!ended, "a client has met a wrong answer");
            self.known.answers.load(Ordering::SeqCst) >= before + answers
        })
        .await;
    }

    /// Ends it; a line about the answers.
    pub(crate) async fn end(self, name: &str) -> String {
        self.known.done.store(true, Ordering::SeqCst);
        let mut times = Vec::new();
        for client in self.clients {
            times.extend(client.await.expect("no wrong answer"));
        }
        distribution(name, &mut times)
    }
}

/// The phase of an answer that must be good: one edition's text, the other's, or what there is without either.
pub(crate) fn phase(
    answer: &Answer,
    one: &str,
    two: &str,
    removed: impl Fn(&Answer) -> bool,
) -> Option<Phase> {
    if removed(answer) {
        return Some(Phase::Removed);
    }
    if answer.status != 200 {
        return None;
    }
    let text = answer.text();
    match () {
        () if text == one => Some(Phase::One),
        () if text == two => Some(Phase::Two),
        () => None,
    }
}
