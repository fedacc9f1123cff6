//! Connections of the pool that are lost at the worst moment, or without a word.

use std::time::Duration;

use realm_tests::{Link, Lost, Mode, Proxy, eventually, server};

use crate::history::Outcome;
use crate::scene::{LEASE, LONG, Scene, options};

/// A commit whose answer is lost: the writer is told that nobody knows, and both hosts serve what the database has.
async fn answer_lost(lost: Lost, name: &'static str) {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    // Few connections, and one lost more often than there are: each must be given up in the end.
    // The commit that is lost must be the writer's: the other host does the work.
    let few = options(proxy.url(), LONG)
        .with("database-connections", "2")
        .with("role", "serve");
    let hosts = vec![few, options(&url, LONG)];
    let mut scene = Scene::start(name, &url, LONG, hosts).await;
    scene.load.stop_writing().await;
    for _ in 0..3 {
        eventually("a write", || async {
            let answer = scene.load.write().await?;
            (answer.status == 204).then_some(())
        })
        .await;
        scene.serve(&[0, 1], scene.load.acknowledged()).await;
        proxy.set(&[Link::Pool], Mode::Lose("COMMIT\0", lost));
        scene.fault();
        let committed = scene.load.tried() + 1;
        let answer = tokio::time::timeout(Duration::from_secs(20), scene.load.write())
            .await
            .expect("a writer is not kept waiting for ever")
            .expect("an answer");
        scene.detected("the writer");
        assert_eq!(
            (answer.status, answer.errors()[0]["code"].as_str()),
            (503, Some("outcome-unknown")),
            "{}",
            answer.text()
        );
        scene.heal();
        // It has taken effect. The host that was told nothing must not believe its cache.
        let seen = scene.load.read(0).await;
        assert_eq!(seen, Outcome::Body(committed, None));
        scene.serve(&[1], committed).await;
        let after = scene.coherent(&[0, 1]).await;
        assert!(after < Duration::from_secs(5), "{after:?}");
    }
    scene.end(&[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_answer_lost() {
    answer_lost(Lost::Answer, "commit's answer lost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commit_answer_lost_in_silence() {
    answer_lost(Lost::AnswerAndPeer, "commit's answer lost, in silence").await;
}

/// Every open connection of one host is gone and nobody says so, as when its database's machine is: new ones work.
#[tokio::test(flavor = "multi_thread")]
async fn network_black_holed() {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    let hosts = vec![options(&url, LEASE), options(proxy.url(), LEASE)];
    let mut scene = Scene::start("one host's network a black hole", &url, LEASE, hosts).await;
    proxy.set(&Link::ALL, Mode::BlackHole);
    scene.fault();
    scene.reported(1, "lease").await;
    let bound = Duration::from_secs(10);
    let unread = tokio::time::timeout(bound, scene.hosts[1].get("/r/unread.txt"));
    let write = scene.hosts[1].request("PUT", "/r/b.txt").body("b");
    let written = tokio::time::timeout(bound, scene.hosts[1].send(write));
    let (unread, written) = tokio::join!(unread, written);
    assert_eq!(unread.expect("no reader waits for ever").status, 503);
    assert_eq!(written.expect("no writer waits for ever").status, 503);
    scene.lasts(Duration::from_secs(5)).await;
    scene.load.stop_writing().await;
    // What was open stays silent.
    proxy.black_hole_open(&Link::ALL);
    proxy.set(&Link::ALL, Mode::Pass);
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(20), "{after:?}");
    scene.load.write_on(1);
    scene.end(&[0, 1]).await;
}
