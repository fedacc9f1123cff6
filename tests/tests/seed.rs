//! The race that this project grew from, end to end: a peer that is warm with the old tree, a publish on another host, the
//! worker on a third, and gates that hold each of them where chance wills it. What the index has of a generation must be what
//! the tree had at it, whatever happens when.
//!
//! `REALM_SEED_ROUNDS` says how many rounds (a thousand take some minutes), `REALM_SEED_SEED` runs one plan again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use realm_tests::{Host, HostOptions, ORIGIN, Storage, eventually, server};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgPool, Row};

const DOCUMENTS: usize = 4;

/// Which round each generation of the source has.
type Known = std::sync::Mutex<BTreeMap<i64, u64>>;

/// Where the worker can be held, and about what.
const WORKER: [(&str, &str); 8] = [
    ("before-call", ".misrender"),
    ("before-call", "m.ts"),
    ("after-call", ".misrender"),
    ("after-call", "m.ts"),
    ("path-read", "part.txt"),
    ("path-read", "m"),
    ("rendered", ".misrender"),
    ("log-read", ""),
];

fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Every file of a round says which one it is of.
async fn write(host: &Host, round: u64, existing: bool) -> i64 {
    let op = if existing { "update" } else { "add" };
    let file = |href: String, content: String| json!({ "op": op, "href": href, "data": { "type": "source", "attributes": { "content": content } } });
    let mut operations = vec![
        file(
            "m.ts".into(),
            format!("export const round: string = 'round-{round};'"),
        ),
        file("part.txt".into(), format!("round-{round};")),
    ];
    // Some documents change with the round, others are made of what does.
    for document in 0..DOCUMENTS {
        let own = if document % 2 == 0 {
            format!("\nround-{round};")
        } else {
            String::new()
        };
        let line = [
            "load ./m",
            "read ./part.txt",
            "load ./m.ts ./absent",
            "read ./part.txt ./m.ts",
        ];
        operations.push(file(
            format!("d{document}.misrender"),
            format!("{}{own}", line[document]),
        ));
    }
    if existing {
        // What does not change is no part of a write.
        operations.retain(|operation| {
            let content = operation["data"]["attributes"]["content"].as_str();
            content.is_some_and(|content| content.contains("round-"))
        });
    }
    let body = json!({ "atomic:operations": operations });
    let answer = host.post("/s/_atomic", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer.generation()
}

/// What is wrong with the index, if anything is: rows whose text is not of the generation that they name.
async fn wrong(pool: &PgPool, known: &Known) -> Result<usize, String> {
    let mut snapshot = pool.begin().await.map_err(|error| error.to_string())?;
    let fail = |error: sqlx::Error| error.to_string();
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut *snapshot)
        .await
        .map_err(fail)?;
    let publishes = sqlx::query(
        "SELECT generation, (detail::jsonb ->> 'sourceGeneration')::bigint AS source FROM audit
         WHERE operation = 'publish' ORDER BY generation",
    );
    let publishes = publishes.fetch_all(&mut *snapshot).await.map_err(fail)?;
    let published: BTreeMap<i64, i64> = publishes
        .iter()
        .map(|row| (row.get("generation"), row.get("source")))
        .collect();
    let rows = sqlx::query(
        "SELECT e.path, e.generation, e.error, convert_from(b.bytes, 'UTF8') AS html
         FROM index_entries e JOIN realms r ON r.id = e.realm_id JOIN index_renderings i ON i.entry_id = e.id
             JOIN blobs b ON b.hash = i.blob WHERE r.url = $1",
    );
    let rows = rows
        .bind(format!("{ORIGIN}/p/"))
        .fetch_all(&mut *snapshot)
        .await
        .map_err(fail)?;
    // What the snapshot has was known before it was published.
    let rounds = known.lock().expect("no panic").clone();
    for row in &rows {
        let (path, generation): (String, i64) = (row.get("path"), row.get("generation"));
        let (html, error): (String, Option<String>) = (row.get("html"), row.get("error"));
        let source = published
            .range(..=generation)
            .next_back()
            .map(|(_, source)| *source);
        let round = source.and_then(|source| rounds.range(..=source).next_back());
        let Some((_, round)) = round else {
            return Err(format!(
                "{path} is of generation {generation}, which nobody published"
            ));
        };
        let said: Vec<&str> = html.split("round-").skip(1).collect();
        let all = said
            .iter()
            .all(|rest| rest.starts_with(&format!("{round};")));
        if said.is_empty() || !all || error.is_some() {
            return Err(format!(
                "{path} says it is of generation {generation}, which has round {round}: {html} {error:?}"
            ));
        }
    }
    Ok(rows.len())
}

/// Every document of the published realm is of this round.
async fn settled(pool: &PgPool, round: u64) {
    eventually(&format!("the index has round {round} alone"), || async {
        let rows = sqlx::query(
            "SELECT convert_from(b.bytes, 'UTF8') AS html FROM index_entries e JOIN realms r ON r.id = e.realm_id
             JOIN index_renderings i ON i.entry_id = e.id JOIN blobs b ON b.hash = i.blob WHERE r.url = $1",
        );
        let rows = rows.bind(format!("{ORIGIN}/p/")).fetch_all(pool).await.ok()?;
        let text = format!("round-{round};");
        let new = rows.iter().filter(|row| row.get::<String, _>("html").contains(&text)).count();
        (new == DOCUMENTS).then_some(())
    })
    .await;
}

/// Whether the worker comes to a gate soon.
async fn comes_to(worker: &Host, point: &str) -> bool {
    let deadline = tokio::time::Instant::now() + Duration::from_millis(60);
    while tokio::time::Instant::now() < deadline {
        if worker.waiting_at(point).await > 0 {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_row_of_the_index_ever_holds_a_byte_of_the_old_tree() {
    let rounds = number("REALM_SEED_ROUNDS", 60);
    let seed = number("REALM_SEED_SEED", rand::random_range(0..1_000_000));
    println!("seed {seed}, {rounds} rounds");
    let mut random = StdRng::seed_from_u64(seed);
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone())).with("lease", "2s");
    let publisher = options.clone().with("role", "serve").start().await;
    let peer = Arc::new(options.clone().with("role", "serve").start().await);
    let worker = options.with("role", "serve,work").start().await;
    publisher.create("/s/").await;
    let pool = PgPoolOptions::new()
        .max_connections(3)
        .connect(&url)
        .await
        .expect("the server");
    let known: Arc<Known> = Arc::default();
    let (done, checks) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let checker = {
        let (pool, known, done, checks) = (
            pool.clone(),
            Arc::clone(&known),
            Arc::clone(&done),
            Arc::clone(&checks),
        );
        tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                let seen = wrong(&pool, &known).await;
                let rows = seen.unwrap_or_else(|wrong| panic!("{wrong}"));
                checks.fetch_add(rows as u64, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
        })
    };
    let mut held: u64 = 0;
    for round in 1..=rounds {
        // The peer is warm with the tree before.
        if round > 1 {
            peer.get("/p/m.ts").await;
            peer.get("/p/part.txt").await;
        }
        let generation = write(&publisher, round, round > 1).await;
        known.lock().expect("no panic").insert(generation, round);
        let count = random.random_range(0..3);
        let gates: Vec<_> = WORKER.sample(&mut random, count).copied().collect();
        let first = random.random_bool(0.5);
        if first {
            for (point, about) in &gates {
                worker.close_gate(point, about).await;
            }
        }
        let (late, again) = (random.random_bool(0.3), random.random_bool(0.5));
        if late {
            peer.close_gate("log-read", "").await;
        }
        publisher.publish("/s/", "/p/").await;
        if !first {
            for (point, about) in &gates {
                worker.close_gate(point, about).await;
            }
        }
        // Where the check has been made and nothing is stored yet, the realm is held: whoever changes it waits.
        let inside = random.random_bool(0.3);
        if inside {
            worker.close_gate("reads-held", ".misrender").await;
        }
        // The worker comes to one of its gates, or not: either is a round.
        for point in gates
            .iter()
            .map(|(point, _)| *point)
            .chain(inside.then_some("reads-held"))
        {
            held += u64::from(comes_to(&worker, point).await);
        }
        let opening = async {
            if inside {
                tokio::time::sleep(Duration::from_millis(20)).await;
                worker.open_gate("reads-held").await;
            }
        };
        let changing = async {
            if !again {
                return round;
            }
            // While it is held there, the tree changes once more.
            let next = round + 1_000_000;
            let generation = write(&publisher, next, true).await;
            known.lock().expect("no panic").insert(generation, next);
            publisher.publish("/s/", "/p/").await;
            next
        };
        let (round, ()) = tokio::join!(changing, opening);
        for (point, _) in &gates {
            worker.open_gate(point).await;
        }
        peer.open_gate("log-read").await;
        settled(&pool, round).await;
        assert!(!checker.is_finished(), "the checker has found something");
    }
    done.store(true, Ordering::SeqCst);
    checker.await.expect("nothing that is wrong");
    let rows = checks.load(Ordering::Relaxed);
    println!("{rows} rows looked at, the worker was held {held} times");
    assert!(rows > rounds * DOCUMENTS as u64 && held > 0);
}
