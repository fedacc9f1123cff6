//! Random moves of three hosts, with gates moved at random: a row of a published realm is never of another tree than the one
//! that the realm has, in any snapshot of the database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use realm_tests::eventually;
use sqlx::PgPool;

use crate::{Scene, answered, ask, clear, defines, publishing, wanted};

/// Rows of `/p/` that are not of the tree that it has in the same snapshot.
const FOREIGN: &str = "SELECT count(*) FROM definitions d JOIN realms r ON r.id = d.realm_id
     JOIN files f ON f.tree_id = r.tree_id AND f.path = 'dep.txt' JOIN blobs b ON b.hash = f.blob
     WHERE r.url LIKE '%/p/' AND d.path = 'm.misbehave' AND position(convert_from(b.bytes, 'UTF8') IN d.document) = 0";

const GATES: [&str; 7] = [
    "definitions-read",
    "before-call",
    "after-call",
    "rendered",
    "reads-held",
    "definitions-store",
    "announce",
];

/// Looks as often as it can until it is told to stop; how often it looked.
async fn watch(pool: PgPool, stop: Arc<AtomicBool>, looks: Arc<AtomicU64>) {
    while !stop.load(Ordering::SeqCst) {
        let foreign: i64 = sqlx::query_scalar(FOREIGN).fetch_one(&pool).await.unwrap();
        assert_eq!(foreign, 0, "a row of another tree");
        looks.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_snapshot_has_a_row_of_another_tree() {
    let variable = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let rounds = variable("REALM_DEFINITION_ROUNDS").unwrap_or(300);
    let seed = variable("REALM_DEFINITION_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let scene = Scene::published(3).await;
    let (stop, looks) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
    let watching = tokio::spawn(watch(
        scene.pool.clone(),
        Arc::clone(&stop),
        Arc::clone(&looks),
    ));
    let (mut version, mut asked) = (1_u64, 0_u64);
    let mut published = version;
    let mut asking = Vec::new();
    for round in 0..rounds {
        let host = &scene.hosts[random.random_range(0..3)];
        match random.random_range(0..10) {
            0..4 => {
                asked += 1;
                let wanted = wanted(host, "/p/m.misbehave");
                asking.push(ask(wanted));
            }
            4 => {
                let gate = GATES[random.random_range(0..GATES.len())];
                host.close_gate(gate, "").await;
            }
            5 | 6 => {
                version += 1;
                // Somebody who stores may hold it for as long as a gate is closed.
                let write = ask(host
                    .request("PUT", "/s/dep.txt")
                    .body(format!("version {version}.")));
                open(&scene).await;
                assert_eq!(answered(write).await.status, 204);
            }
            7 => {
                let publisher = publishing(host);
                for _ in 0..random.random_range(0..3) {
                    asking.push(ask(wanted(
                        &scene.hosts[random.random_range(0..3)],
                        "/p/m.misbehave",
                    )));
                }
                open(&scene).await;
                assert_eq!(answered(publisher).await.status, 202, "round {round}");
                published = version;
                // Whoever asks the publisher from here on gets what was published.
                let answer = answered(ask(wanted(host, "/p/m.misbehave"))).await.text();
                let text = format!("version {version}");
                assert!(
                    answer.contains(&text),
                    "round {round}: {answer}, not {text}"
                );
            }
            8 => {
                open(&scene).await;
                clear(host, [None, Some("/p/")][random.random_range(0..2)]).await;
            }
            _ => {
                scene
                    .notify("module_cache_invalidated", r#"{"k":"global"}"#)
                    .await;
                scene
                    .notify("realm_file_changes", "http://realm.test/p/:*")
                    .await;
            }
        }
        if random.random_range(0..4) == 0 {
            open(&scene).await;
        }
        assert!(!watching.is_finished(), "round {round}");
    }
    open(&scene).await;
    for asking in asking {
        let answer = answered(asking).await;
        let busy = answer.status == 503 && answer.errors()[0]["code"] == "overtaken";
        assert!(answer.status == 200 || busy, "{}", answer.text());
    }
    for host in &scene.hosts {
        defines(host, "/p/m.misbehave", &format!("version {published}")).await;
    }
    eventually("a last look", || async {
        (looks.load(Ordering::SeqCst) > 0).then_some(())
    })
    .await;
    stop.store(true, Ordering::SeqCst);
    watching.await.unwrap();
    println!(
        "{rounds} rounds, {asked} look-ups, {published} published, {} snapshots",
        looks.load(Ordering::SeqCst)
    );
}

async fn open(scene: &Scene) {
    for host in &scene.hosts {
        for gate in GATES {
            host.open_gate(gate).await;
        }
    }
}
