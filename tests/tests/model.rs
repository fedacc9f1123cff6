//! Random interleavings of reads, writes, deletes and invalidations over two hosts, held against a model: every answer
//! must be what the realm had at the generation that it names, and no older than what its host had acknowledged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use realm_tests::{Answer, Host, HostOptions, Postgres, Storage, eventually};

/// The files that change.
const FILES: [&str; 4] = ["foo.ts", "foo.js", "_theme.scss", "theme.scss"];
/// The paths that are read.
const PATHS: [&str; 6] = [
    "foo",
    "foo.ts",
    "foo.js",
    "main.scss",
    "theme.scss",
    "foo.ts.map",
];
/// Reads that may go on at one time on each host, and rounds of each client.
const CLIENTS: usize = 4;

#[derive(Clone, Debug)]
enum Step {
    Read(usize),
    Source(usize),
    Write(usize),
    Pair,
    Delete(usize),
    Invalidate,
    InvalidatePath(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..PATHS.len()).prop_map(Step::Read),
        2 => (0..FILES.len()).prop_map(Step::Source),
        4 => (0..FILES.len()).prop_map(Step::Write),
        1 => Just(Step::Pair),
        2 => (0..FILES.len()).prop_map(Step::Delete),
        1 => Just(Step::Invalidate),
        1 => (0..FILES.len()).prop_map(Step::InvalidatePath),
    ]
}

/// Per client: which host it talks to, and what it does.
fn plan() -> impl Strategy<Value = Vec<(usize, Vec<Step>)>> {
    prop::collection::vec((0..2_usize, prop::collection::vec(step(), 1..25)), CLIENTS)
}

/// What a file says when it was written as number `n`.
fn content(file: &str, number: usize) -> String {
    match file {
        "foo.ts" => format!("export const version: number = {number};\n"),
        "foo.js" => format!("export const version = {number};\n"),
        _ => format!("$c: {number}px;\n"),
    }
}

#[derive(Debug, Default)]
struct Observed {
    /// Generation → the files that it changed: their number, or that they are gone.
    changes: BTreeMap<i64, Vec<(usize, Option<usize>)>>,
    reads: Vec<Seen>,
}

#[derive(Debug)]
struct Seen {
    what: String,
    path: String,
    raw: bool,
    /// What the host had acknowledged before the read began.
    acknowledged: i64,
    answer: Answer,
}

struct Clients {
    hosts: [Host; 2],
    realm: String,
    acknowledged: [AtomicI64; 2],
    numbers: AtomicUsize,
}

impl Clients {
    async fn run(&self, client: usize, host: usize, steps: Vec<Step>) -> Observed {
        let mut observed = Observed::default();
        let (to, acknowledged) = (&self.hosts[host], &self.acknowledged[host]);
        for (index, step) in steps.into_iter().enumerate() {
            let what = format!("client {client} on host {host}, step {index} {step:?}");
            match step {
                Step::Read(path) => {
                    let (path, before) = (PATHS[path], acknowledged.load(Ordering::SeqCst));
                    let answer = to.get(&format!("{}{path}", self.realm)).await;
                    observed.reads.push(Seen {
                        what,
                        path: path.into(),
                        raw: false,
                        acknowledged: before,
                        answer,
                    });
                }
                Step::Source(file) => {
                    let (path, before) = (FILES[file], acknowledged.load(Ordering::SeqCst));
                    let answer = to.source(&format!("{}{path}", self.realm)).await;
                    observed.reads.push(Seen {
                        what,
                        path: path.into(),
                        raw: true,
                        acknowledged: before,
                        answer,
                    });
                }
                Step::Write(file) => {
                    let number = self.numbers.fetch_add(1, Ordering::SeqCst);
                    let path = format!("{}{}", self.realm, FILES[file]);
                    let written = to
                        .put(&path, content(FILES[file], number))
                        .await
                        .generation();
                    acknowledged.fetch_max(written, Ordering::SeqCst);
                    observed
                        .changes
                        .entry(written)
                        .or_default()
                        .push((file, Some(number)));
                }
                Step::Pair => {
                    let number = self.numbers.fetch_add(1, Ordering::SeqCst);
                    let operation = |file: &str, op: &str| {
                        let content = content(file, number);
                        serde_json::json!({ "op": op, "href": file, "data": { "type": "source", "attributes": { "content": content } } })
                    };
                    // Two files at once; whether they are there already decides the verb, so both are tried.
                    for (first, second) in [
                        ("add", "add"),
                        ("update", "update"),
                        ("add", "update"),
                        ("update", "add"),
                    ] {
                        let operations =
                            [operation("foo.ts", first), operation("_theme.scss", second)];
                        let body =
                            serde_json::json!({ "atomic:operations": operations }).to_string();
                        let done = to
                            .send(
                                to.request("POST", &format!("{}_atomic", self.realm))
                                    .body(body),
                            )
                            .await;
                        if done.status == 201 {
                            acknowledged.fetch_max(done.generation(), Ordering::SeqCst);
                            observed
                                .changes
                                .entry(done.generation())
                                .or_default()
                                .extend([(0, Some(number)), (2, Some(number))]);
                            break;
                        }
                    }
                }
                Step::Delete(file) => {
                    let done = to
                        .send(to.request("DELETE", &format!("{}{}", self.realm, FILES[file])))
                        .await;
                    if done.status == 204 {
                        acknowledged.fetch_max(done.generation(), Ordering::SeqCst);
                        observed
                            .changes
                            .entry(done.generation())
                            .or_default()
                            .push((file, None));
                    }
                }
                Step::Invalidate => {
                    to.send(to.request("POST", &format!("{}_invalidate", self.realm)))
                        .await;
                }
                Step::InvalidatePath(file) => {
                    let url = format!("{}{}{}", realm_tests::ORIGIN, self.realm, FILES[file]);
                    let body = serde_json::json!({ "data": { "attributes": { "urls": [url] } } })
                        .to_string();
                    to.send(
                        to.request("POST", &format!("{}_invalidate", self.realm))
                            .body(body),
                    )
                    .await;
                }
            }
        }
        observed
    }
}

/// What the realm had at a generation.
fn state(
    changes: &BTreeMap<i64, Vec<(usize, Option<usize>)>>,
    generation: i64,
) -> [Option<usize>; 4] {
    let mut state = [None; 4];
    for (file, number) in changes
        .range(..=generation)
        .flat_map(|(_, changes)| changes)
    {
        state[*file] = *number;
    }
    state
}

fn check(
    changes: &BTreeMap<i64, Vec<(usize, Option<usize>)>>,
    seen: &Seen,
) -> Result<(), TestCaseError> {
    let Seen {
        what,
        path,
        raw,
        acknowledged,
        answer,
    } = seen;
    // Constant change may turn a read away, politely; it never gives a wrong answer.
    if answer.status == 503 {
        return Ok(());
    }
    let generation = answer.generation();
    prop_assert!(
        generation >= *acknowledged,
        "{what}: at {generation}, though its host had acknowledged {acknowledged}"
    );
    let [ts, js, partial, theme] = state(changes, generation);
    let text = answer.text();
    let expected = match (path.as_str(), raw) {
        ("foo", _) => ts.or(js).map(|number| format!("version = {number};")),
        ("foo.ts", false) => ts.map(|number| format!("version = {number};")),
        ("foo.ts", true) => ts.map(|number| content("foo.ts", number)),
        ("foo.js", _) => js.map(|number| format!("version = {number};")),
        ("foo.ts.map", _) => ts.map(|number| format!("number = {number};")),
        ("main.scss", _) => match theme.or(partial) {
            Some(number) => Some(format!("{number}px")),
            None => {
                prop_assert_eq!(answer.status, 406, "{} at {}: {}", what, generation, text);
                return Ok(());
            }
        },
        ("theme.scss", false) => {
            prop_assert_eq!(
                answer.status,
                if theme.is_some() { 200 } else { 404 },
                "{} at {}",
                what,
                generation
            );
            return Ok(());
        }
        ("theme.scss", true) => theme.map(|number| content("theme.scss", number)),
        (_, _) => partial.map(|number| content("_theme.scss", number)),
    };
    match expected {
        Some(part) => prop_assert!(
            answer.status == 200 && text.contains(&part),
            "{what} at {generation}: {} {text}, not {part}",
            answer.status
        ),
        None => prop_assert_eq!(answer.status, 404, "{} at {}: {}", what, generation, text),
    }
    Ok(())
}

#[test]
fn every_answer_is_what_the_realm_had_at_the_generation_that_it_names() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let postgres = Postgres::start();
    let hosts = runtime.block_on(async {
        let url = postgres.database().await;
        let options = HostOptions::new(Storage::Postgres(url)).with("plugin-restarts", "8");
        [options.clone().start().await, options.start().await]
    });
    let (rounds, reads) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let hosts = std::cell::RefCell::new(Some(hosts));
    // A round takes a tenth of a second; `REALM_MODEL_CASES=10000` looks longer.
    let cases = std::env::var("REALM_MODEL_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(60);
    let mut runner = TestRunner::new(Config {
        cases,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&plan(), |plan| {
        let realm = format!("/case{}/", rounds.fetch_add(1, Ordering::SeqCst));
        let hosts_now = hosts.borrow_mut().take().expect("one case at a time");
        let clients = Arc::new(Clients {
            hosts: hosts_now,
            realm,
            acknowledged: [AtomicI64::new(0), AtomicI64::new(0)],
            numbers: AtomicUsize::new(1),
        });
        let observed = runtime.block_on(async {
            clients.hosts[0].create(&clients.realm).await;
            clients.hosts[0]
                .put(
                    &format!("{}main.scss", clients.realm),
                    "@use 'theme'; a { width: theme.$c }\n",
                )
                .await;
            eventually("both know the realm", || async {
                (clients.hosts[1]
                    .source(&format!("{}main.scss", clients.realm))
                    .await
                    .status
                    == 200)
                    .then_some(())
            })
            .await;
            let tasks: Vec<_> = plan
                .into_iter()
                .enumerate()
                .map(|(client, (host, steps))| {
                    let clients = Arc::clone(&clients);
                    tokio::spawn(async move { clients.run(client, host, steps).await })
                })
                .collect();
            let mut all = Observed::default();
            for task in tasks {
                let one = task.await.expect("no panic");
                for (generation, changes) in one.changes {
                    all.changes.entry(generation).or_default().extend(changes);
                }
                all.reads.extend(one.reads);
            }
            all
        });
        let clients = Arc::into_inner(clients).expect("every task has ended");
        *hosts.borrow_mut() = Some(clients.hosts);
        reads.fetch_add(observed.reads.len(), Ordering::SeqCst);
        observed
            .reads
            .iter()
            .try_for_each(|seen| check(&observed.changes, seen))
    });
    println!(
        "{} cases, {} reads checked",
        rounds.load(Ordering::SeqCst),
        reads.load(Ordering::SeqCst)
    );
    if let Err(error) = result {
        panic!("{error}");
    }
}
