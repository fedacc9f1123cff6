//! A publish against a delete of its source, on two hosts: held at each of their statements in turn. Whatever comes first,
//! nothing is published whose source is gone, and nobody waits for ever.

use realm_tests::{Answer, Host, eventually, server};
use sqlx::{Connection, PgConnection};

use crate::scene::{Asking, about, answered, ask, is_gone, options, publishing, waiting};

/// More statements than either of them has: beyond its last, an operation is not held.
const STATEMENTS: usize = 24;

struct Scene {
    publisher: Host,
    deleter: Host,
    client: PgConnection,
    rounds: usize,
    /// How often the second waited for the first, in the end.
    waited: usize,
    published: usize,
    refused: usize,
}

impl Scene {
    async fn start() -> Self {
        let database = server().database().await;
        let options = options(&database, "2s");
        Self {
            publisher: options.clone().start().await,
            deleter: options.start().await,
            client: PgConnection::connect(&database)
                .await
                .expect("a connection"),
            rounds: 0,
            waited: 0,
            published: 0,
            refused: 0,
        }
    }

    /// A source, published already where `before` says so.
    async fn prepare(&mut self, before: bool) -> [String; 2] {
        self.rounds += 1;
        let [source, target] = ["s", "p"].map(|name| format!("/{name}{}/", self.rounds));
        self.publisher.create(&source).await;
        self.publisher.put(&format!("{source}a.txt"), "a").await;
        if before {
            self.publisher.publish(&source, &target).await;
        }
        [source, target]
    }

    fn publish(&self, source: &str, target: &str) -> Asking {
        let request = self.publisher.request("POST", "/_publish-realm");
        ask(request.body(publishing(source, target).to_string()))
    }

    fn delete(&self, source: &str) -> Asking {
        let request = self.deleter.request("DELETE", "/_delete-realm");
        ask(request.body(about(source).to_string()))
    }

    /// Waits until the second operation is over, or waits for the first.
    async fn met(&mut self, second: &Asking) {
        let client = tokio::sync::Mutex::new(&mut self.client);
        let met = eventually("the second is over or waits", || async {
            let waits = waiting(&mut **client.lock().await).await;
            (waits || second.is_finished()).then_some(waits)
        });
        self.waited += usize::from(met.await);
    }

    /// Both are over: the source is gone and nothing is published from it.
    async fn check(&mut self, what: &str, realms: &[String; 2], publish: Answer, delete: Answer) {
        assert_eq!(delete.status, 204, "{what}: {}", delete.text());
        match publish.status {
            202 => self.published += 1,
            400 => {
                self.refused += 1;
                assert_eq!(publish.errors()[0]["code"], "no-realm", "{what}");
            }
            _ => panic!("{what}: {} {}", publish.status, publish.text()),
        }
        let orphans = "SELECT count(*) FROM realms p LEFT JOIN realms s ON s.id = p.source_realm_id AND s.deleted_at IS NULL
                       WHERE p.kind = 'published' AND p.deleted_at IS NULL AND s.id IS NULL";
        let orphans: i64 = sqlx::query_scalar(orphans)
            .fetch_one(&mut self.client)
            .await
            .expect("a count");
        assert_eq!(orphans, 0, "{what}");
        for realm in realms {
            for (host, at_once) in [(&self.deleter, true), (&self.publisher, false)] {
                let path = format!("{realm}a.txt");
                assert!(!at_once || is_gone(&host.get(&path).await), "{what}");
                crate::scene::gone(host, &path).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_that_comes_while_its_source_is_published_takes_that_too() {
    let mut scene = Scene::start().await;
    for before in [false, true] {
        for statement in 1..=STATEMENTS {
            let what = format!("publish held at statement {statement}, published before: {before}");
            let realms = scene.prepare(before).await;
            let about = format!("publish:{statement};");
            scene.publisher.close_gate("statement", &about).await;
            let publish = scene.publish(&realms[0], &realms[1]);
            if !held(&scene.publisher, &publish).await {
                break;
            }
            let delete = scene.delete(&realms[0]);
            scene.met(&delete).await;
            scene.publisher.open_gate("statement").await;
            let (publish, delete) = (answered(publish).await, answered(delete).await);
            scene.check(&what, &realms, publish, delete).await;
        }
    }
    scene.report("publish first");
    assert!(
        scene.waited > 10 && scene.published > 10,
        "it was held in between"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_of_a_source_that_is_being_deleted_waits_and_is_refused() {
    let mut scene = Scene::start().await;
    for before in [false, true] {
        for statement in 1..=STATEMENTS {
            let what = format!("delete held at statement {statement}, published before: {before}");
            let realms = scene.prepare(before).await;
            let about = format!("delete:{statement};");
            scene.deleter.close_gate("statement", &about).await;
            let delete = scene.delete(&realms[0]);
            if !held(&scene.deleter, &delete).await {
                break;
            }
            let publish = scene.publish(&realms[0], &realms[1]);
            scene.met(&publish).await;
            scene.deleter.open_gate("statement").await;
            let (publish, delete) = (answered(publish).await, answered(delete).await);
            scene.check(&what, &realms, publish, delete).await;
        }
    }
    scene.report("delete first");
    assert!(
        scene.waited > 10 && scene.refused > 10,
        "it was held in between"
    );
}

/// Waits until the operation stands at the gate; false when it is over without having come there.
async fn held(host: &Host, operation: &Asking) -> bool {
    eventually("the gate, or the end", || async {
        let waiting = host.admin("/_gates/statement").await.json()["waiting"].as_u64();
        let there = waiting > Some(0);
        (there || operation.is_finished()).then_some(there)
    })
    .await
}

impl Scene {
    fn report(&self, order: &str) {
        println!(
            "{order}: {} rounds, the second waited in {}, published (and gone with its source) {}, refused {}",
            self.rounds, self.waited, self.published, self.refused
        );
    }
}
