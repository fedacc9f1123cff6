//! Hosts that die or stand still.

use std::time::Duration;

use realm_tests::{eventually, server};

use crate::notifications::{all_announced, ear};
use crate::scene::{LEASE, Scene, options};

/// The first host dies at `gate`, having committed; the second takes the writes from then on.
async fn dies_at(gate: &str, name: &'static str) {
    let url = server().database().await;
    let options = options(&url, LEASE);
    let hosts = vec![options.clone(), options.clone(), options];
    let mut scene = Scene::start(name, &url, LEASE, hosts).await;
    scene.load.stop_writing().await;
    scene.serve(&[0, 1, 2], scene.load.acknowledged()).await;
    scene.hosts[0].close_gate(gate, "").await;
    let committed = scene.load.tried() + 1;
    let ((), _) = tokio::join!(
        async {
            scene.hosts[0].at_gate(gate, 1).await;
            if gate == "announce" {
                eventually("an acknowledgement", || async {
                    (scene.load.acknowledged() >= committed).then_some(())
                })
                .await;
            }
            scene.hosts[0].signal("KILL");
        },
        scene.load.write(),
    );
    scene.fault();
    // Acknowledged or not: it was committed, and nobody will ever announce it.
    scene.serve(&[1, 2], committed).await;
    scene.detected("the lease's poll");
    scene.load.write_on(1);
    let after = scene.coherent(&[1, 2]).await;
    assert!(after < LEASE + Duration::from_secs(2), "{after:?}");
    scene.end(&[1, 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_after_commit() {
    dies_at("after-commit", "host dead after commit").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_before_announcing() {
    dies_at("announce", "host dead before announcing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_past_its_lease() {
    let url = server().database().await;
    let options = options(&url, LEASE);
    // The one that is stopped does no work: it might be in a transaction, which the other's writes would wait for.
    let hosts = vec![options.clone(), options.with("role", "serve")];
    let mut scene = Scene::start("host stopped past its lease", &url, LEASE, hosts).await;
    scene.load.stop_writing().await;
    all_announced(&scene, &mut ear(&url).await, "1").await;
    scene.serve(&[0, 1], scene.load.acknowledged()).await;
    // When it goes on, nothing tells it what it has missed: no notification, and no poll.
    scene.hosts[1].close_gate("lease-poll", "").await;
    scene.hosts[1].at_gate("lease-poll", 1).await;
    scene.hosts[0].close_gate("announce", "").await;
    scene.fault();
    scene.hosts[1].signal("STOP");
    for _ in 0..20 {
        scene.load.write().await;
    }
    // Shorter than the silence after which the listener would start over.
    scene.lasts(LEASE * 2).await;
    scene.hosts[1].signal("CONT");
    scene.heal();
    // Its own clock has counted the time, so it asks before it answers.
    let newest = scene.load.acknowledged();
    scene.serve(&[1], newest).await;
    scene.detected_since_healing("its next request");
    scene.hosts[1].open_gate("lease-poll").await;
    scene.hosts[0].open_gate("announce").await;
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(10), "{after:?}");
    scene.end(&[0, 1]).await;
}
