//! Notifications that do not come: dropped, unheard, or refused by the database.

use std::time::Duration;

use realm_tests::{Link, Lost, Mode, ORIGIN, Proxy, eventually, server};
use sqlx::postgres::PgListener;
use sqlx::{Connection, Executor, PgConnection};

use crate::scene::{LEASE, LONG, Scene, options};

#[tokio::test(flavor = "multi_thread")]
async fn dropped() {
    let url = server().database().await;
    let options = options(&url, LEASE);
    let hosts = vec![options.clone(), options];
    let mut scene = Scene::start("notifications dropped", &url, LEASE, hosts).await;
    scene.hosts[0].close_gate("announce", "").await;
    scene.fault();
    scene.writes(20).await;
    scene.lasts(LEASE * 3).await;
    scene.load.stop_writing().await;
    scene.load.write().await;
    // Nobody knows of a notification that does not come: what finds the last write is the lease's poll.
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    scene.detected_since_healing("the lease's poll");
    assert!(after < LEASE + Duration::from_secs(2), "{after:?}");
    scene.hosts[0].open_gate("announce").await;
    scene.end(&[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listen_backend_terminated() {
    listener_lost("LISTEN backend terminated", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn listener_cut() {
    listener_lost("listener's connection cut", false).await;
}

/// The second host's listener is cut off, with a word from the server or without, and what happens until it is back has
/// been announced to nobody else.
async fn listener_lost(name: &'static str, terminated: bool) {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    let hosts = vec![options(&url, LONG), options(proxy.url(), LONG)];
    let mut scene = Scene::start(name, &url, LONG, hosts).await;
    let mut ear = ear(&url).await;
    proxy.hold_new(&[Link::Listener], true);
    scene.fault();
    if terminated {
        scene.terminate("realm listener").await;
    } else {
        proxy.cut_open(&[Link::Listener]);
    }
    let noticed = scene.reported(1, "listener").await;
    assert!(noticed < Duration::from_secs(2), "{noticed:?}");
    scene.writes(20).await;
    scene.load.stop_writing().await;
    all_announced(&scene, &mut ear, "1").await;
    proxy.hold_new(&[Link::Listener], false);
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(10), "{after:?}");
    scene.end(&[0, 1]).await;
}

/// Hears what hosts announce.
pub(crate) async fn ear(url: &str) -> PgListener {
    let mut ear = PgListener::connect(url).await.unwrap();
    ear.listen("realm_file_changes").await.unwrap();
    ear
}

/// Waits until the first host has announced all that it has committed: announcements keep their order. `mark` is new.
pub(crate) async fn all_announced(scene: &Scene, ear: &mut PgListener, mark: &str) {
    let path = format!("/r/last-{mark}.txt");
    scene.hosts[0].put(&path, "last").await;
    let payload = format!("{ORIGIN}{}", path.replace("/r/", "/r/:"));
    let heard = async { while ear.recv().await.unwrap().payload() != payload {} };
    let bound = Duration::from_secs(30);
    tokio::time::timeout(bound, heard).await.expect("announced");
}

#[tokio::test(flavor = "multi_thread")]
async fn listener_black_holed() {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    let hosts = vec![options(&url, LEASE), options(proxy.url(), LEASE)];
    let mut scene = Scene::start("listener's socket a black hole", &url, LEASE, hosts).await;
    proxy.black_hole_open(&[Link::Listener]);
    scene.fault();
    let noticed = scene.reported(1, "listener").await;
    assert!(
        Duration::from_millis(1_500) < noticed && noticed < Duration::from_secs(8),
        "given up after three seconds of silence, the last ping being up to one old: {noticed:?}"
    );
    // Nothing heals it: the host takes a new connection by itself.
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < Duration::from_secs(15), "{after:?}");
    scene.end(&[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announcer_ended() {
    let url = server().database().await;
    // A worker that is woken for a job reads the log, heard of or not.
    let options = options(&url, LONG).with("role", "serve");
    let hosts = vec![options.clone(), options];
    let mut scene = Scene::start("announcer's connection ended", &url, LONG, hosts).await;
    scene.load.stop_writing().await;
    all_announced(&scene, &mut ear(&url).await, "1").await;
    scene.serve(&[0, 1], scene.load.acknowledged()).await;
    scene.fault();
    scene.terminate("realm announcer").await;
    scene.load.write().await;
    let after = scene.coherent(&[0, 1]).await;
    scene.detected("the next send");
    assert!(after < Duration::from_secs(5), "{after:?}");
    scene.end(&[0, 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn announcer_ended_in_a_send() {
    let url = server().database().await;
    let proxy = Proxy::start(&url).await;
    let hosts = vec![options(proxy.url(), LONG), options(&url, LONG)];
    let name = "announcer's connection ended in a send";
    let mut scene = Scene::start(name, &url, LONG, hosts).await;
    scene.load.stop_writing().await;
    let mut ear = ear(&url).await;
    for lost in [Lost::Statement, Lost::Answer, Lost::AnswerAndPeer] {
        all_announced(&scene, &mut ear, &format!("{lost:?}")).await;
        scene.serve(&[0, 1], scene.load.acknowledged()).await;
        proxy.set(&[Link::Announcer], Mode::Lose("/r/:a.txt", lost));
        scene.fault();
        scene.load.write().await;
        let after = scene.coherent(&[0, 1]).await;
        assert!(after < Duration::from_secs(5), "{lost:?}: {after:?}");
    }
    scene.detected("the send");
    scene.end(&[0, 1]).await;
}

/// Every `pg_notify` fails, those of the announcers and those of the pings, as when the queue is full. Until it really is,
/// Postgres 15 takes 8 GB of disk and minutes of time: `REALM_TEST_FULL_QUEUE=1` takes both. Without it the right to
/// notify is taken away.
#[tokio::test(flavor = "multi_thread")]
async fn queue_full() {
    let url = server().database().await;
    let role = crate::scene::role(&url).await;
    let options = options(&role.url, LEASE);
    let hosts = vec![options.clone(), options];
    let mut scene = Scene::start("NOTIFY queue full", &url, LEASE, hosts).await;
    let filled = match std::env::var_os("REALM_TEST_FULL_QUEUE") {
        Some(_) => Some(fill_queue(&url).await),
        None => None,
    };
    scene.fault();
    if filled.is_none() {
        let sql = "REVOKE EXECUTE ON FUNCTION pg_notify(text, text) FROM PUBLIC";
        scene.sql(sql).await;
    }
    scene.reported(1, "listener").await;
    scene.writes(20).await;
    scene.serve(&[0, 1], scene.load.acknowledged()).await;
    eventually("the log says why", || async {
        let log = scene.hosts[0].log();
        (log.contains("could not announce") && log.contains("could not ping")).then_some(())
    })
    .await;
    // Postgres takes the 8 GB away before it lets anybody send.
    let bound = Duration::from_secs(if filled.is_some() { 200 } else { 10 });
    drop(filled);
    let sql = "GRANT EXECUTE ON FUNCTION pg_notify(text, text) TO PUBLIC";
    scene.sql(sql).await;
    scene.heal();
    let after = scene.coherent(&[0, 1]).await;
    assert!(after < bound, "{after:?}");
    scene.end(&[0, 1]).await;
}

/// Fills the server's queue behind a session that listens and stays in a transaction; the session, which frees it when it
/// ends.
async fn fill_queue(url: &str) -> PgConnection {
    let mut idle = PgConnection::connect(url).await.unwrap();
    idle.execute("LISTEN nothing").await.unwrap();
    idle.execute("BEGIN").await.unwrap();
    idle.execute("SELECT 1").await.unwrap();
    let mut sender = PgConnection::connect(url).await.unwrap();
    let batch = "SELECT count(pg_notify('filler', lpad(n::text, 7990, 'x'))) FROM generate_series(1, 10000) n";
    while sender.execute(batch).await.is_ok() {}
    // What a batch no longer fits into has room for a small one.
    let one = "SELECT pg_notify('filler', lpad(random()::text, 7990, 'x'))";
    while sender.execute(one).await.is_ok() {}
    idle
}
