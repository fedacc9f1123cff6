//! Modules that read of other realms, and realms that move.

use std::time::Duration;

use realm_tests::{HostOptions, Storage, eventually, server};

use crate::{Scene, about, at, defines, definition, is_cached, options};

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_ends_with_what_it_has_read_of_another_realm() {
    let scene = Scene::of(2).await;
    let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
    a.create("/r/").await;
    a.create("/q/").await;
    a.put("/q/n/dep.txt", "outer").await;
    let module = format!("read {} {}\n", at("/q/n/dep.txt"), at("/t/x.txt"));
    a.put("/r/m.misbehave", module).await;
    defines(a, "/r/m.misbehave", "outer").await;
    eventually("the peer knows", || async {
        is_cached(b, "/r/m.misbehave").await.then_some(())
    })
    .await;
    // The registry moves on, and no URL leads elsewhere.
    a.create("/z/").await;
    for host in [a, b] {
        assert!(is_cached(host, "/r/m.misbehave").await);
    }
    let behind: i64 = sqlx::query_scalar(
        "SELECT c.generation - d.registry FROM definitions d, counters c WHERE c.name = 'registry'",
    )
    .fetch_one(&scene.pool)
    .await
    .unwrap();
    assert_eq!(behind, 0, "it has moved on with the registry");
    // A nearer realm serves what was read.
    a.create("/q/n/").await;
    for host in [a, b] {
        assert!(!is_cached(host, "/r/m.misbehave").await);
    }
    let found = definition(a, "/r/m.misbehave").await.unwrap();
    assert!(!found.to_string().contains("outer"), "{found}");
    a.put("/q/n/dep.txt", "inner").await;
    assert!(!is_cached(a, "/r/m.misbehave").await);
    defines(a, "/r/m.misbehave", "inner").await;
    defines(b, "/r/m.misbehave", "inner").await;
    // What lay in no realm does.
    a.create("/t/").await;
    assert!(!is_cached(a, "/r/m.misbehave").await);
    definition(a, "/r/m.misbehave").await.unwrap();
    a.put("/t/x.txt", "late").await;
    for host in [a, b] {
        defines(host, "/r/m.misbehave", "late").await;
    }
    // The nearer one goes.
    a.delete_realm("/q/n/").await;
    assert!(!is_cached(b, "/r/m.misbehave").await);
    for host in [a, b] {
        defines(host, "/r/m.misbehave", "outer").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_of_a_realm_that_has_moved_names_its_new_urls() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let served = folder.path().join("docs");
    std::fs::create_dir(&served).unwrap();
    std::fs::write(served.join("m.misbehave"), "read ./dep.txt\n").unwrap();
    std::fs::write(served.join("dep.txt"), "text").unwrap();
    for origin in ["http://one.test", "http://two.test"] {
        let host = HostOptions::new(Storage::Sqlite)
            .in_folder(data.path())
            .with("origin", origin)
            .serving(&served)
            .start()
            .await;
        let url = format!("{origin}/docs/m.misbehave");
        let cached = about(&host, "GET", &[("url", &url), ("cached", "")]);
        assert_eq!(
            host.send(cached).await.json(),
            serde_json::json!({}),
            "{origin}"
        );
        let request = about(&host, "GET", &[("url", &url)]);
        let found = host.send(request).await.json();
        assert_eq!(found[&url]["url"], url, "{found}");
        assert!(host.stop().await);
    }
}

/// By a registry that nobody has told this host of: what it is about to store has been read where it lies no more.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_been_read_where_it_lies_no_more_is_not_stored() {
    let database = server().database().await;
    let options = options(&database).with("role", "serve");
    let (a, b) = (options.clone().start().await, options.start().await);
    let scene = Scene {
        hosts: vec![a, b],
        pool: sqlx::PgPool::connect(&database).await.unwrap(),
        database,
    };
    let (a, b) = (&scene.hosts[0], &scene.hosts[1]);
    a.create("/r/").await;
    a.create("/q/").await;
    a.put("/q/n/dep.txt", "outer").await;
    a.put("/r/m.misbehave", format!("read {}\n", at("/q/n/dep.txt")))
        .await;
    defines(b, "/r/m.misbehave", "outer").await;
    sqlx::query("DELETE FROM definitions")
        .execute(&scene.pool)
        .await
        .unwrap();
    b.close_gate("rendered", "m.misbehave").await;
    let caller = crate::ask(crate::wanted(b, "/r/m.misbehave"));
    b.at_gate("rendered", 1).await;
    a.close_gate("announce", "").await;
    a.create("/q/n/").await;
    b.open_gate("rendered").await;
    let answer = tokio::time::timeout(Duration::from_secs(30), crate::answered(caller))
        .await
        .unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(scene.stored("outer").await, 0);
    a.open_gate("announce").await;
}
