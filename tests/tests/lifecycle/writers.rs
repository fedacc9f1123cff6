//! A source that two hosts write to all the time is published: each snapshot is one generation of it, to the byte.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use realm_tests::{Answer, Host, eventually, server};
use sqlx::{Connection, PgConnection};
use tokio::sync::Mutex;

use crate::scene::{LONG, answered, ask, atomic, options, publishing, waiting};

const WRITERS: usize = 4;
const FILES: [&str; 4] = ["a.txt", "b.txt", "c/d.txt", "e.ts"];

/// What each acknowledged generation of the source changed: whose files, to which number.
type Commits = Arc<Mutex<BTreeMap<i64, (usize, u64)>>>;

/// Commits one writer's files, all with one number.
async fn commit(host: &Host, op: &str, writer: usize, number: u64, commits: &Commits) {
    let paths = FILES.map(|file| format!("{writer}/{file}"));
    let changes = paths
        .each_ref()
        .map(|path| (op, path.as_str(), text(path, number)));
    let generation = atomic(host, "/s/", &changes).await.generation();
    commits.lock().await.insert(generation, (writer, number));
}

fn text(path: &str, number: u64) -> String {
    format!("// {path} has {number}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_snapshot_is_one_generation_of_a_source_that_is_being_written() {
    let database = server().database().await;
    let options = options(&database, LONG);
    let hosts: [Arc<Host>; 3] = [
        Arc::new(options.clone().start().await),
        Arc::new(options.clone().start().await),
        Arc::new(options.start().await),
    ];
    hosts[0].create("/s/").await;
    let commits = Commits::default();
    for writer in 0..WRITERS {
        commit(&hosts[0], "add", writer, 0, &commits).await;
    }
    let (stop, numbers) = (Arc::<AtomicBool>::default(), Arc::new(AtomicU64::new(1)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (stop, numbers) = (Arc::clone(&stop), Arc::clone(&numbers));
            let (host, commits) = (Arc::clone(&hosts[writer % 2]), Arc::clone(&commits));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let number = numbers.fetch_add(1, Ordering::SeqCst);
                    commit(&host, "update", writer, number, &commits).await;
                }
            })
        })
        .collect();
    let mut snapshots = Vec::new();
    for round in 0..24 {
        let published = if round % 4 == 3 {
            publish_slowly(&hosts[2], &database, &commits).await
        } else {
            hosts[round % 3].publish("/s/", "/p/").await
        };
        snapshots.push((published.generation(), snapshot(&hosts, &published).await));
    }
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("every write is taken");
    }
    let sources = source_generations(&database).await;
    let commits = commits.lock().await;
    let mut different = Vec::new();
    for (generation, files) in &snapshots {
        let source = sources[generation];
        // What the source had at that generation: each writer's last commit until then.
        let last: HashMap<_, _> = commits
            .range(..=source)
            .map(|(_, commit)| *commit)
            .collect();
        assert_eq!(last.len(), WRITERS);
        for (path, content) in files {
            let writer: usize = path[..1].parse().expect("a writer");
            let expected = text(path, last[&writer]);
            assert_eq!(
                *content, expected,
                "published {generation}, of source {source}"
            );
        }
        different.push(source);
    }
    different.dedup();
    println!(
        "{} snapshots of {} generations, {} commits meanwhile, {} files compared",
        snapshots.len(),
        different.len(),
        commits.len(),
        snapshots
            .iter()
            .map(|(_, files)| files.len())
            .sum::<usize>()
    );
    assert!(different.len() > 20, "it was written between publishes");
}

/// Publishes, and holds the snapshot back until a writer has had the time to spoil it.
async fn publish_slowly(host: &Host, database: &str, commits: &Commits) -> Answer {
    host.close_gate("source-held", "/s/").await;
    let request = host.request("POST", "/_publish-realm");
    let publishing = ask(request.body(publishing("/s/", "/p/").to_string()));
    host.at_gate("source-held", 1).await;
    let client = PgConnection::connect(database).await.expect("a connection");
    let client = Mutex::new(client);
    let before = commits.lock().await.len();
    eventually("a writer waits, or writers go on", || async {
        let spoiled = commits.lock().await.len() > before + 2 * WRITERS;
        (spoiled || waiting(&mut *client.lock().await).await).then_some(())
    })
    .await;
    host.open_gate("source-held").await;
    let answer = answered(publishing).await;
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer
}

/// Every file that is published, as each host in turn serves it.
async fn snapshot(hosts: &[Arc<Host>; 3], published: &Answer) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for writer in 0..WRITERS {
        for (number, file) in FILES.iter().enumerate() {
            let path = format!("{writer}/{file}");
            let request = hosts[(writer + number) % 3]
                .request("GET", &format!("/p/{path}"))
                .header("accept", "application/vnd.card+source")
                .header("realm-generation", published.generation());
            let answer = hosts[0].send(request).await;
            assert_eq!(
                (answer.status, answer.generation()),
                (200, published.generation())
            );
            all.push((path, answer.text()));
        }
    }
    all
}

/// Which generation of the source each published one says that it is.
async fn source_generations(database: &str) -> HashMap<i64, i64> {
    let sql = "SELECT generation, (detail::json ->> 'sourceGeneration')::bigint FROM audit WHERE operation = 'publish'";
    let mut client = PgConnection::connect(database).await.expect("a connection");
    let rows: Vec<(i64, i64)> = sqlx::query_as(sql)
        .fetch_all(&mut client)
        .await
        .expect("audit rows");
    rows.into_iter().collect()
}
