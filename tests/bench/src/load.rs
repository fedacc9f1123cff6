use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::numbers::{at, millis};
use crate::process::{LOAD, apart};

/// What a load asks for.
#[derive(Debug)]
pub(crate) enum Work {
    /// The same request again and again.
    Same(Vec<u8>),
    /// Each once, until it is answered.
    Each(Mutex<VecDeque<Vec<u8>>>),
}

impl Work {
    /// Each request until it has had an answer other than 503.
    pub(crate) fn each(requests: impl Iterator<Item = Vec<u8>>) -> Arc<Self> {
        Arc::new(Self::Each(Mutex::new(requests.collect())))
    }

    fn next(&self) -> Option<Vec<u8>> {
        match self {
            Self::Same(request) => Some(request.clone()),
            Self::Each(all) => all.lock().expect("never poisoned").pop_front(),
        }
    }

    fn again(&self, request: Vec<u8>) {
        if let Self::Each(all) = self {
            all.lock().expect("never poisoned").push_back(request);
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// Answers by status; 0: none, the connection ended.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// 503s that did not say when to come again.
    pub(crate) unsaid: u64,
    /// Milliseconds that good answers took.
    pub(crate) latencies: Vec<f64>,
    pub(crate) elapsed: Duration,
}

impl Outcome {
    /// Good answers per second.
    pub(crate) fn goodput(&self) -> f64 {
        self.latencies.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// All answers per second.
    pub(crate) fn offered(&self) -> f64 {
        self.statuses.values().sum::<u64>() as f64 / self.elapsed.as_secs_f64()
    }

    /// Whether every answer was good, or a 503 that said when to come again.
    pub(crate) fn is_orderly(&self) -> bool {
        self.unsaid == 0
            && self
                .statuses
                .keys()
                .all(|status| matches!(status, 200 | 204 | 304 | 503))
    }

    pub(crate) fn p99(&self) -> f64 {
        at(&self.latencies, 0.99)
    }

    /// Statuses with their counts.
    pub(crate) fn by_status(&self) -> String {
        let mut all: Vec<_> = self
            .statuses
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        if self.unsaid > 0 {
            all.push(format!("503 without Retry-After: {}", self.unsaid));
        }
        all.join(", ")
    }
}

/// A load: how many connections, for how long, and how long each waits after a 503.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) length: Duration,
    pub(crate) patience: Duration,
}

/// Puts a load on a host, from one core.
pub(crate) async fn run(url: &str, load: Load, work: Arc<Work>) -> Outcome {
    let url = url.to_owned();
    apart(Some(LOAD), move || async move {
        let begun = Instant::now();
        let mut clients = Vec::new();
        for _ in 0..load.connections {
            clients.push(tokio::spawn(client(
                url.clone(),
                load.clone(),
                begun,
                Arc::clone(&work),
            )));
        }
        let mut all = Outcome::default();
        for client in clients {
            let one = client.await.expect("a client does not panic");
            for (status, count) in one.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
            all.unsaid += one.unsaid;
            all.latencies.extend(one.latencies);
        }
        all.elapsed = begun.elapsed();
        all
    })
    .await
}

async fn client(url: String, load: Load, begun: Instant, work: Arc<Work>) -> Outcome {
    let mut outcome = Outcome::default();
    let mut connection = None;
    while begun.elapsed() < load.length {
        let Some(request) = work.next() else { break };
        let asked = Instant::now();
        let reply = async {
            let mut open = match connection.take() {
                Some(open) => open,
                None => Connection::open(&url).await?,
            };
            let reply = open.send(&request).await?;
            std::io::Result::Ok((open, reply))
        };
        // Longer than any deadline of the host: what takes longer counts as no answer.
        let reply = tokio::time::timeout(Duration::from_secs(60), reply).await;
        let Ok(Ok((open, reply))) = reply else {
            *outcome.statuses.entry(0).or_default() += 1;
            work.again(request);
            continue;
        };
        let closes = reply
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case("close"));
        connection = Some(open).filter(|_| !closes);
        *outcome.statuses.entry(reply.status).or_default() += 1;
        match reply.status {
            200..400 => outcome.latencies.push(millis(asked.elapsed())),
            503 => {
                outcome.unsaid += u64::from(reply.header("retry-after").is_none());
                work.again(request);
                tokio::time::sleep(load.patience).await;
            }
            _ => {}
        }
    }
    outcome
}
