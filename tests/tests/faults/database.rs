//! A database that is away, slow, full or read-only.

use std::time::Duration;

use realm_tests::{HostOptions, Link, Mode, Postgres, Proxy, Storage, eventually, server};

use crate::notifications::{all_announced, ear};
use crate::scene::{LEASE, Scene, options};

#[tokio::test(flavor = "multi_thread")]
async fn killed_and_restarted() {
    let mut postgres = Postgres::start();
    let mut scene = before_a_kill("Postgres killed and restarted", &postgres).await;
    scene.load.stop_writing().await;
    scene.serve(&[0, 1], scene.load.acknowledged()).await;
    all_announced(&scene, &mut ear(scene.database()).await, "1").await;
    scene.serve(&[0, 1], scene.load.acknowledged()).await;
    kill(&mut scene, &mut postgres).await;
    let counts = scene.end(&[0, 1]).await;
    assert!(counts.said > 0, "what is cached is served: {counts:?}");
    assert_eq!(counts.refused, 0, "{counts:?}");
}

/// Commits that are cut off are in doubt: what was cached of their realm is dropped, so there is nothing to serve.
#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_writes() {
    let mut postgres = Postgres::start();
    let mut scene = before_a_kill("Postgres killed in the middle of writes", &postgres).await;
    kill(&mut scene, &mut postgres).await;
    scene.end(&[0, 1]).await;
}

async fn before_a_kill(name: &'static str, postgres: &Postgres) -> Scene {
    let url = postgres.database().await;
    let options = options(&url, LEASE);
    Scene::start(name, &url, LEASE, vec![options.clone(), options]).await
}

/// Kills the server, and starts it again after a while in which writes are refused.
async fn kill(scene: &mut Scene, postgres: &mut Postgres) {
    scene.fault();
    postgres.kill();
    for host in [0, 1] {
        scene.reported(host, "lease").await;
    }
    let write = scene.load.write().await.expect("an answer");
    assert_eq!((write.status, write.header("retry-after")), (503, "1"));
    scene.lasts(Duration::from_secs(4)).await;
    scene.load.stop_writing().await;
    postgres.up();
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(10), "{after:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow() {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    // An answer takes several of the server's, so the database has its usual time.
    let options = HostOptions::new(Storage::Postgres(proxy.url().to_owned())).with("lease", "1s");
    let hosts = vec![options.clone(), options];
    let mut scene = Scene::start("database slow (300 ms an answer)", &url, LEASE, hosts).await;
    proxy.set(&Link::ALL, Mode::Delay(Duration::from_millis(300)));
    scene.fault();
    scene.writes(2).await;
    scene.lasts(Duration::from_secs(6)).await;
    scene.load.stop_writing().await;
    proxy.set(&Link::ALL, Mode::Pass);
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(10), "{after:?}");
    let counts = scene.end(&[0, 1]).await;
    assert_eq!(counts.refused, 0, "slow is not away: {counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn out_of_connections() {
    let url = server().database().await;
    let role = crate::scene::role(&url).await;
    let options = options(&role.url, LEASE);
    let hosts = vec![options.clone(), options];
    let mut scene = Scene::start("out of connections", &url, LEASE, hosts).await;
    scene.fault();
    scene
        .sql(&format!("ALTER ROLE {} CONNECTION LIMIT 0", role.name))
        .await;
    scene.terminate("realm%").await;
    scene.reported(1, "listener").await;
    scene.lasts(Duration::from_secs(4)).await;
    scene.load.stop_writing().await;
    scene
        .sql(&format!("ALTER ROLE {} CONNECTION LIMIT -1", role.name))
        .await;
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(10), "{after:?}");
    let codes = scene.refusals();
    assert!(codes.contains("database-unavailable"), "{codes:?}");
    let counts = scene.end(&[0, 1]).await;
    assert!(counts.said > 0, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only() {
    // The setting is the whole server's.
    let postgres = Postgres::start();
    let url = postgres.database().await;
    let options = options(&url, LEASE);
    let hosts = vec![options.clone(), options];
    let mut scene = Scene::start("database read-only", &url, LEASE, hosts).await;
    scene.hosts[0]
        .put("/r/never-read.ts", "export const n: number = 1;\n")
        .await;
    scene.fault();
    set_read_only(&scene, true).await;
    let refused = eventually("a write is refused", || async {
        let answer = scene.load.write().await?;
        (answer.status >= 400).then_some(answer)
    })
    .await;
    scene.detected("the next write");
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, "1"),
        "{}",
        refused.text()
    );
    assert!(refused.text().contains("read-only"), "{}", refused.text());
    for host in &scene.hosts {
        let made = host.get("/r/never-read.ts").await;
        assert_eq!(made.status, 200, "{}", made.text());
        assert!(made.text().contains("const n = 1;"), "{}", made.text());
    }
    scene.lasts(Duration::from_secs(3)).await;
    scene.load.stop_writing().await;
    set_read_only(&scene, false).await;
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(10), "{after:?}");
    let counts = scene.end(&[0, 1]).await;
    assert_eq!((counts.refused, counts.said), (0, 0), "reads go on");
}

async fn set_read_only(scene: &Scene, read_only: bool) {
    // `ALTER SYSTEM` runs in no transaction, so each is sent by itself.
    let value = if read_only { "on" } else { "off" };
    scene
        .sql(&format!(
            "ALTER SYSTEM SET default_transaction_read_only = {value}"
        ))
        .await;
    scene.sql("SELECT pg_reload_conf()").await;
}
