//! Readers hammer three hosts while realms are made, published, published again, unpublished and deleted: none of them may
//! see a mixture, a gap, or old bytes for longer than the bound.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use realm_tests::{Host, ORIGIN, eventually, server};
use serde_json::json;
use tokio::sync::watch;

use crate::reading::{FILES, Reader, Seen, expected};
use crate::scene::{atomic, options};

const LEASE: Duration = Duration::from_secs(1);
/// What a request may be under way until its host judges the lease.
const SLACK: Duration = Duration::from_millis(50);
/// How long rounds are begun.
const BUDGET: Duration = Duration::from_secs(18);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Create,
    Publish,
    Republish,
    Unpublish,
    Delete,
}

const OPERATIONS: [Operation; 5] = [
    Operation::Create,
    Operation::Publish,
    Operation::Republish,
    Operation::Unpublish,
    Operation::Delete,
];

/// One operation on realms of its own.
struct Round {
    operation: Operation,
    number: u64,
    /// The trees that are read before and after it; none: there is no realm.
    trees: [Option<u64>; 2],
}

impl Round {
    fn new(operation: Operation, number: u64) -> Self {
        let trees = match operation {
            Operation::Create | Operation::Publish => [None, Some(number)],
            Operation::Republish => [Some(number), Some(number + 1)],
            Operation::Unpublish | Operation::Delete => [Some(number), None],
        };
        Self {
            operation,
            number,
            trees,
        }
    }

    fn realm(&self, name: &str) -> String {
        format!("/{name}{}/", self.number)
    }

    /// What is read.
    fn paths(&self) -> Vec<String> {
        let realms: &[&str] = match self.operation {
            Operation::Create => return vec![format!("{}realm.json", self.realm("s"))],
            Operation::Delete => &["s", "p", "q"],
            _ => &["p"],
        };
        let files = |realm: &&str| FILES.map(|file| format!("{}{file}", self.realm(realm)));
        realms.iter().flat_map(files).collect()
    }

    async fn prepare(&self, host: &Host) {
        if self.operation == Operation::Create {
            return;
        }
        let source = self.realm("s");
        host.create(&source).await;
        write(host, &source, "add", self.number).await;
        if self.trees[0].is_some() {
            host.publish(&source, &self.realm("p")).await;
            host.publish(&source, &self.realm("q")).await;
        }
        if self.operation == Operation::Republish {
            write(host, &source, "update", self.number + 1).await;
        }
    }

    async fn happen(&self, host: &Host) {
        let (source, published) = (self.realm("s"), self.realm("p"));
        match self.operation {
            Operation::Create => {
                let url = format!("{ORIGIN}{source}");
                let named = json!({ "url": url, "name": self.number.to_string() });
                let body = json!({ "data": { "attributes": named } });
                assert_eq!(host.post("/_create-realm", &body).await.status, 202);
            }
            Operation::Publish | Operation::Republish => {
                host.publish(&source, &published).await;
            }
            Operation::Unpublish => {
                host.unpublish(&published).await;
            }
            Operation::Delete => {
                host.delete_realm(&source).await;
            }
        }
    }
}

/// One commit that puts the same number into every file.
async fn write(host: &Host, realm: &str, op: &'static str, number: u64) {
    let module = || format!("export const version: number = {number};\n");
    let sheet = format!("/* {number} */ @use 'theme'; a {{ width: theme.$w }}\n");
    let mut changes = vec![
        (op, "a.ts", module()),
        (op, "sub/b.ts", module()),
        (op, "c.txt", number.to_string()),
        (op, "main.scss", sheet),
        (op, "_theme.scss", format!("$w: {number}px;\n")),
    ];
    match (op, number % 2) {
        (_, 0) => changes.push(("add", "even.txt", number.to_string())),
        ("update", _) => changes.push(("remove", "even.txt", String::new())),
        _ => {}
    }
    atomic(host, realm, &changes).await;
}

/// What the rounds of one operation came to.
#[derive(Default)]
struct Tally {
    rounds: usize,
    reads: usize,
    confirmed: usize,
    /// How long after the acknowledgement a request was sent that got what was there before: on the host that took the
    /// operation, and on the others.
    stalest: [Option<Duration>; 2],
}

/// Runs one operation under load; everything that was seen, and when it was acknowledged.
async fn under_load(hosts: &[Arc<Host>], acting: usize, round: &Round) -> (Vec<Seen>, Instant) {
    // This one has never been asked for these realms: its first request comes with the operation.
    let cold = (acting + 2) % hosts.len();
    round.prepare(&hosts[acting]).await;
    let (stop, stopped) = watch::channel(false);
    let begin = |number: usize| {
        [false, true].map(|conditional| {
            let passes = Arc::<AtomicUsize>::default();
            let reader = Reader {
                number,
                host: Arc::clone(&hosts[number]),
                paths: round.paths(),
                conditional,
                passes: Arc::clone(&passes),
                stop: stopped.clone(),
            };
            (passes, tokio::spawn(reader.run()))
        })
    };
    let warm = (0..hosts.len()).filter(|number| *number != cold);
    let mut readers: Vec<_> = warm.flat_map(begin).collect();
    passes(&readers, 2).await;
    readers.extend(begin(cold));
    round.happen(&hosts[acting]).await;
    let acknowledged = Instant::now();
    let path = &round.paths()[0];
    for host in hosts {
        eventually("every host has it", || async {
            let answer = host.get(path).await;
            let there = answer.status == 200 && {
                let number = round.trees[1].unwrap_or_default().to_string();
                answer.text().contains(&number)
            };
            (there == round.trees[1].is_some()).then_some(())
        })
        .await;
    }
    passes(&readers, 2).await;
    stop.send_replace(true);
    let mut seen = Vec::new();
    for (_, reader) in readers {
        seen.extend(reader.await.expect("good answers only"));
    }
    (seen, acknowledged)
}

/// Waits until each reader has read everything so many more times.
async fn passes<T>(readers: &[(Arc<AtomicUsize>, T)], more: usize) {
    for (passes, _) in readers {
        let wanted = passes.load(Ordering::SeqCst) + more;
        eventually("readers to read", || async {
            (passes.load(Ordering::SeqCst) >= wanted).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reader_sees_a_mixture_a_gap_or_old_bytes_after_the_bound() {
    let database = server().database().await;
    let options = options(&database, "1s");
    let mut hosts = Vec::new();
    for _ in 0..3 {
        hosts.push(Arc::new(options.clone().start().await));
    }
    let begun = Instant::now();
    let mut tallies: [Tally; 5] = Default::default();
    let mut trees: HashMap<(String, i64), (u64, String)> = HashMap::new();
    let mut number = 1;
    for acting in (0..hosts.len()).cycle() {
        if tallies[0].rounds >= 2 && begun.elapsed() > BUDGET {
            break;
        }
        for (operation, tally) in OPERATIONS.into_iter().zip(&mut tallies) {
            // Odd trees and even ones take turns at coming first.
            let round = Round::new(operation, number);
            number += 3;
            let (seen, acknowledged) = under_load(&hosts, acting, &round).await;
            tally.rounds += 1;
            check(&round, &seen, &mut trees);
            for read in seen {
                let [before, after] = round.trees.map(|tree| expected(&read.path, tree));
                tally.reads += 1;
                tally.confirmed += usize::from(read.confirmed);
                if read.outcome == before && before != after && read.sent > acknowledged {
                    let stale = read.sent - acknowledged;
                    let worst = &mut tally.stalest[usize::from(read.host != acting)];
                    *worst = (*worst).max(Some(stale));
                }
            }
        }
    }
    report(&tallies);
    for (operation, tally) in OPERATIONS.iter().zip(&tallies) {
        let [acting, peers] = tally.stalest;
        assert_eq!(acting, None, "{operation:?}: whoever took it has it");
        assert!(peers.unwrap_or_default() <= LEASE + SLACK, "{operation:?}");
        assert!(tally.reads > 100, "{operation:?}: {} reads", tally.reads);
    }
}

/// Every answer is the old or the new, and all answers of one generation are of one tree, on every host.
fn check(round: &Round, seen: &[Seen], trees: &mut HashMap<(String, i64), (u64, String)>) {
    for read in seen {
        let what = format!("{:?} {}: {read:?}", round.operation, round.number);
        let fits = |tree: &Option<u64>| expected(&read.path, *tree) == read.outcome;
        let fitting: Vec<_> = round.trees.iter().filter(|tree| fits(tree)).collect();
        assert!(!fitting.is_empty(), "{what}: neither old nor new");
        let (&[Some(tree)], Some(generation)) = (&fitting[..], read.generation) else {
            continue;
        };
        let realm = read.path[..=read.path[1..].find('/').expect("a realm") + 1].to_owned();
        let known = trees
            .entry((realm, generation))
            .or_insert_with(|| (*tree, what.clone()));
        assert_eq!(
            known.0, *tree,
            "one generation, two trees: {what}, and {}",
            known.1
        );
    }
}

fn report(tallies: &[Tally]) {
    println!(
        "operation  rounds   reads  of them 304  stalest on the acting host  on the peers (lease 1 s)"
    );
    for (operation, tally) in OPERATIONS.iter().zip(tallies) {
        let ms = |stale: Option<Duration>| {
            stale.map_or("none".to_owned(), |stale| {
                format!("{:.1} ms", stale.as_secs_f64() * 1e3)
            })
        };
        let [acting, peers] = tally.stalest.map(ms);
        println!(
            "{:<9}  {:>6}  {:>6}  {:>11}  {acting:>26}  {peers:>24}",
            format!("{operation:?}"),
            tally.rounds,
            tally.reads,
            tally.confirmed
        );
    }
}
