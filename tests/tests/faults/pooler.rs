//! A pooler between a host and the database.

use std::time::Instant;

use realm_tests::{Pooler, server};

use crate::scene::{LEASE, Scene, options};
use crate::table::{Entry, Row};

#[tokio::test(flavor = "multi_thread")]
async fn transaction_mode() {
    let entry = Entry::new("pooler in transaction mode");
    let url = server().database().await;
    let pooler = Pooler::start(&url, "transaction");
    let begun = Instant::now();
    let said = options(pooler.url(), LEASE)
        .try_start()
        .await
        .expect_err("a host that would hear nothing must not serve");
    assert!(
        said.contains("delivers no notification") && said.contains("transaction mode"),
        "{said}"
    );
    entry.report(Row {
        detected: Some((begun.elapsed(), "refuses to start".to_owned())),
        ..Row::default()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn session_mode() {
    let url = server().database().await;
    let pooler = Pooler::start(&url, "session");
    let hosts = vec![options(&url, LEASE), options(pooler.url(), LEASE)];
    let mut scene = Scene::start("pooler in session mode", &url, LEASE, hosts).await;
    scene.fault();
    scene.load.write_on(1);
    scene.writes(20).await;
    scene.load.stop_writing().await;
    scene.heal();
    scene.coherent(&[0, 1]).await;
    let counts = scene.end(&[0, 1]).await;
    assert_eq!((counts.refused, counts.refused_writes), (0, 0), "it works");
}
