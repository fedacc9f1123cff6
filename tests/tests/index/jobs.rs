//! Who does what there is to do, and who goes on when they are gone.

use realm_tests::{HostOptions, Storage, eventually, server};

use crate::{Tables, quick, scene};

/// Two hosts on one database; the first made the realm `/r/`.
async fn two() -> (realm_tests::Host, realm_tests::Host, Tables, String) {
    let url = server().database().await;
    let options = || quick(HostOptions::new(Storage::Postgres(url.clone())));
    let (a, _) = options().with_realm().await;
    let b = options().start().await;
    let tables = Tables::of(&a, &Storage::Postgres(url.clone())).await;
    tables.settled().await;
    (a, b, tables, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_is_followed_by_another() {
    let (a, b, tables, _) = two().await;
    b.close_gate("job-claim", "").await;
    b.at_gate("job-claim", 1).await;
    a.close_gate("index-expand", "").await;
    a.put("/r/a.txt", "one").await;
    a.at_gate("index-expand", 1).await;
    a.signal("KILL");
    b.open_gate("job-claim").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_stops_gives_its_jobs_back() {
    let url = server().database().await;
    let options = || HostOptions::new(Storage::Postgres(url.clone())).with("job-lease", "10m");
    let (a, _) = options().with_realm().await;
    let b = options().start().await;
    let tables = Tables::of(&a, &Storage::Postgres(url.clone())).await;
    tables.settled().await;
    b.close_gate("job-claim", "").await;
    a.close_gate("index-expand", "").await;
    a.put("/r/a.txt", "one").await;
    a.at_gate("index-expand", 1).await;
    b.open_gate("job-claim").await;
    assert!(a.stop().await);
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_for_as_long_as_it_is_worked_on() {
    let (a, b, tables, _) = two().await;
    b.close_gate("index-expand", "").await;
    a.close_gate("job-claim", "").await;
    a.put("/r/a.txt", "one").await;
    b.at_gate("index-expand", 1).await;
    a.open_gate("job-claim").await;
    a.close_gate("index-expand", "").await;
    let sql = "SELECT leased_until FROM jobs WHERE lane = 'index'";
    let first = tables.number(sql).await;
    eventually("the lease is renewed twice", || async {
        (tables.number(sql).await > first + 1000).then_some(())
    })
    .await;
    let waiting = a.admin("/_gates/index-expand").await.json()["waiting"].clone();
    assert_eq!(waiting, 0, "nobody else works on it");
    for host in [&a, &b] {
        host.open_gate("index-expand").await;
    }
    tables.settled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_has_lost_its_lease_is_followed_by_another() {
    let (a, b, tables, _) = two().await;
    b.close_gate("job-claim", "").await;
    a.close_gate("job-renew", "").await;
    a.at_gate("job-renew", 1).await;
    // What renews also claims, so nothing more comes of this one; another goes on.
    a.put("/r/a.txt", "one").await;
    b.open_gate("job-claim").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_realm_is_worked_on_by_one_at_a_time() {
    let (a, b, tables, _) = two().await;
    for host in [&a, &b] {
        host.close_gate("index-expand", "").await;
    }
    a.put("/r/a.txt", "one").await;
    let at_gate = || async {
        let mut all = 0;
        for host in [&a, &b] {
            let answer = host.admin("/_gates/index-expand").await.json();
            all += answer["waiting"].as_u64().unwrap();
        }
        all
    };
    eventually("somebody works on it", || async {
        (at_gate().await > 0).then_some(())
    })
    .await;
    for round in 0..20 {
        a.put("/r/a.txt", format!("{round}")).await;
        b.put("/r/b.txt", format!("{round}")).await;
    }
    assert_eq!(at_gate().await, 1);
    for host in [&a, &b] {
        host.open_gate("index-expand").await;
    }
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt", "b.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wished_for_while_a_job_runs_is_done_as_well() {
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url)).with("job-lease", "10m");
    let storage = options.storage().clone();
    let (host, _) = options.with_realm().await;
    let tables = Tables::of(&host, &storage).await;
    tables.settled().await;
    host.close_gate("job-end", "index").await;
    host.put("/r/a.txt", "one").await;
    host.at_gate("job-end", 1).await;
    host.put("/r/b.txt", "two").await;
    host.open_gate("job-end").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt", "b.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_dies_between_its_commit_and_its_announcement_loses_nothing() {
    let (a, b, tables, _) = two().await;
    a.close_gate("job-claim", "").await;
    a.close_gate("after-commit", "").await;
    let asking = tokio::spawn(a.request("PUT", "/r/a.txt").body("one").send());
    a.at_gate("after-commit", 1).await;
    a.signal("KILL");
    assert!(asking.await.unwrap().is_err());
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_on_one_replica_wakes_the_worker_of_another() {
    let url = server().database().await;
    let options = || HostOptions::new(Storage::Postgres(url.clone())).with("job-lease", "10m");
    let (a, _) = options().with("role", "serve").with_realm().await;
    let b = options().with("role", "work").start().await;
    let tables = Tables::of(&a, &Storage::Postgres(url.clone())).await;
    tables.settled().await;
    a.put("/r/a.txt", "one").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
    drop(b);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_nobody_has_is_found_by_the_poll() {
    let (host, tables) = scene(HostOptions::new(Storage::Sqlite)).await;
    tables.settled().await;
    host.close_gate("job-claim", "").await;
    host.put("/r/a.txt", "one").await;
    tables.execute("DELETE FROM jobs").await;
    host.open_gate("job-claim").await;
    tables.settled().await;
    assert_eq!(tables.paths("/r/").await, ["a.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_documents_are_rendered_at_one_time_as_the_setting_says() {
    for concurrency in [1, 3] {
        let options = HostOptions::new(Storage::Sqlite);
        let options = options.with("index-concurrency", &concurrency.to_string());
        let (host, tables) = scene(options).await;
        tables.settled().await;
        host.close_gate("index-visit", "").await;
        for number in 0..8 {
            host.put(&format!("/r/d{number}.misrender"), "echo one")
                .await;
        }
        host.at_gate("index-visit", concurrency).await;
        // Their visits are all there, and the worker has looked for them again and again.
        let visits = "SELECT count(*) FROM index_visits";
        eventually("every visit waits", || async {
            (tables.number(visits).await == 8).then_some(())
        })
        .await;
        for _ in 0..10 {
            host.put("/r/other.txt", "other").await;
            host.delete("/r/other.txt").await;
        }
        let waiting = host.admin("/_gates/index-visit").await.json()["waiting"].clone();
        assert_eq!(waiting, concurrency);
        host.open_gate("index-visit").await;
        tables.settled().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_does_not_wait_for_all_of_anothers_documents() {
    let options = HostOptions::new(Storage::Sqlite).with("index-concurrency", "1");
    let (host, tables) = scene(options).await;
    host.create("/s/").await;
    tables.settled().await;
    host.close_gate("index-visit", "").await;
    for number in 0..30 {
        host.put(&format!("/r/d{number}.misrender"), "echo many")
            .await;
    }
    host.put("/s/one.misrender", "echo one").await;
    let both = "SELECT count(*) FROM jobs WHERE lane = 'render' AND worker IS NOT NULL";
    eventually("both realms are worked on", || async {
        (tables.number(both).await == 2).then_some(())
    })
    .await;
    host.open_gate("index-visit").await;
    tables.settled().await;
    let later = "SELECT count(*) FROM index_entries WHERE id > (SELECT id FROM index_entries WHERE path = 'one.misrender')";
    let later = tables.number(later).await;
    assert!(later > 20, "only {later} of 30 came after it");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_reasons_that_pass_is_no_error_and_is_done_in_the_end() {
    let options = HostOptions::new(Storage::Postgres(server().database().await));
    let (host, tables) = scene(options).await;
    tables.settled().await;
    // A writer that holds the realm for longer than a store waits for it.
    host.close_gate("before-commit", "held.txt").await;
    host.close_gate("index-store", "d.misrender").await;
    host.put("/r/d.misrender", "echo one").await;
    host.at_gate("index-store", 1).await;
    let writing = tokio::spawn(host.request("PUT", "/r/held.txt").body("held").send());
    host.at_gate("before-commit", 1).await;
    host.open_gate("index-store").await;
    let tried = "SELECT coalesce(max(attempts), 0) FROM index_visits";
    eventually("it is tried again and again", || async {
        (tables.number(tried).await >= 2).then_some(())
    })
    .await;
    assert_eq!(tables.paths("/r/").await, Vec::<String>::new());
    host.open_gate("before-commit").await;
    assert!(writing.await.unwrap().unwrap().status().is_success());
    tables.settled().await;
    let entry = tables.entry("/r/", "d.misrender").await.unwrap();
    assert_eq!(entry.error, None);
}
