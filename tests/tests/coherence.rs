//! Two hosts on one Postgres: what one writes the other serves, whatever becomes of the notification.

use std::time::{Duration, Instant};

use realm_tests::{
    Answer, Host, HostOptions, ORIGIN, Postgres, Storage, distribution, eventually, server,
};
use sqlx::{Connection, PgConnection};

/// Two hosts, and the database between them.
async fn pair(with: impl Fn(HostOptions) -> HostOptions) -> (Host, Host, String) {
    let url = server().database().await;
    let options = with(HostOptions::new(Storage::Postgres(url.clone())));
    let a = options.clone().start().await;
    let b = options.start().await;
    a.create("/r/").await;
    knows(&b, "/r/").await;
    (a, b, url)
}

async fn knows(host: &Host, realm: &str) {
    eventually("the realm is known", || async {
        (host
            .send(
                host.request("GET", realm)
                    .header("accept", "application/vnd.api+json"),
            )
            .await
            .status
            == 200)
            .then_some(())
    })
    .await;
}

async fn notify(url: &str, payload: &str) {
    let mut client = PgConnection::connect(url).await.unwrap();
    sqlx::query("SELECT pg_notify('realm_file_changes', $1)")
        .bind(payload)
        .execute(&mut client)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_on_one_is_served_by_the_other_within_milliseconds() {
    let (a, b, _) = pair(|options| options.with("lease", "60s")).await;
    let (mut drops, mut bodies) = (Vec::new(), 0);
    for round in 0..200 {
        a.put("/r/a.txt", format!("{round}")).await;
        let committed = Instant::now();
        let seen = eventually("the new bytes on b", || async {
            let text = b.get("/r/a.txt").await.text();
            (text == round.to_string()).then_some(text)
        })
        .await;
        drops.push(committed.elapsed());
        bodies += usize::from(!seen.is_empty());
    }
    assert_eq!(bodies, 200);
    println!(
        "{}",
        distribution(
            "commit acknowledged on A -> B serves the new bytes",
            &mut drops
        )
    );
    assert!(
        drops[drops.len() / 2] < Duration::from_millis(250),
        "the lease is far longer, so this was the notification"
    );
    assert!(*drops.last().unwrap() < Duration::from_millis(2500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_on_one_ends_when_the_other_changes_what_it_read() {
    let (a, b, _) =
        pair(|options| options.with("lease", "60s").with("plugin-deadline", "60s")).await;
    a.put("/r/spin.misbehave", "spin-if ./flag.txt go\n").await;
    let mut ends = Vec::new();
    for _ in 0..30 {
        let go = a.put("/r/flag.txt", "go").await.generation();
        let request = b
            .request("GET", "/r/spin.misbehave")
            .header("realm-generation", go)
            .send();
        let waiting = tokio::spawn(request);
        let before = Some(b.call_that_has_read(0).await);
        let written = a
            .put("/r/flag.txt", format!("stop {}", ends.len()))
            .await
            .generation();
        let committed = Instant::now();
        eventually("the call to end", || async {
            b.calls()
                .await
                .iter()
                .all(|call| call["id"].as_u64() != before)
                .then_some(())
        })
        .await;
        ends.push(committed.elapsed());
        let answer = waiting.await.unwrap().unwrap();
        assert_eq!(
            answer.status().as_u16(),
            200,
            "the waiter gets its answer from the new bytes"
        );
        let generation: i64 = answer.headers()["realm-generation"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!(generation >= written);
        assert!(answer.text().await.unwrap().contains("stop"));
    }
    println!(
        "{}",
        distribution(
            "commit acknowledged on A -> B's call has ended (polled over HTTP)",
            &mut ends
        )
    );
    assert!(ends[ends.len() / 2] < Duration::from_millis(250));
    assert!(*ends.last().unwrap() < Duration::from_millis(2500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_client_clears_the_realm_everywhere_and_ends_its_calls() {
    let (a, b, url) =
        pair(|options| options.with("plugin-deadline", "60s").with("lease", "60s")).await;
    a.put("/r/x.ts", "export const x: number = 1;\n").await;
    a.put("/r/spin.misbehave", "spin\n").await;
    for host in [&a, &b] {
        eventually("a hit", || async {
            (host.get("/r/x.ts").await.header("cache-status") == "realm; hit").then_some(())
        })
        .await;
    }
    let spinning = [
        a.request("GET", "/r/spin.misbehave"),
        b.request("GET", "/r/spin.misbehave"),
    ]
    .map(|request| tokio::spawn(request.send()));
    let mut ids = Vec::new();
    for host in [&a, &b] {
        host.running(1).await;
        ids.push(host.calls().await[0]["id"].as_u64());
    }
    notify(&url, &format!("{ORIGIN}/r/:*")).await;
    for (host, id) in [(&a, ids[0]), (&b, ids[1])] {
        eventually("the call is another one", || async {
            host.calls()
                .await
                .iter()
                .all(|call| call["id"].as_u64() != id)
                .then_some(())
        })
        .await;
        let answer = host.get("/r/x.ts").await;
        assert_eq!(
            answer.header("cache-status"),
            "realm; fwd=miss; stored; detail=derivation",
            "dropped, and found again without a call"
        );
        host.running(1).await;
        let again = host.calls().await[0]["id"].as_u64();
        notify(&url, &format!("{ORIGIN}/r/:*")).await;
        eventually("the payload is obeyed", || async {
            (host.get("/r/x.ts").await.header("cache-status") != "realm; hit").then_some(())
        })
        .await;
        assert_eq!(
            host.calls().await[0]["id"].as_u64(),
            again,
            "a second payload without a change ends nothing"
        );
    }
    for request in spinning {
        request.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_notifications_never_turns_a_read_into_an_error() {
    let (a, b, url) = pair(|options| options.with("plugin-deadline", "20s")).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let flood = tokio::spawn({
        let (stop, url) = (stop.clone(), url.clone());
        async move {
            let mut client = PgConnection::connect(&url).await.unwrap();
            let mut sent = 0_u64;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                sqlx::query("SELECT pg_notify('realm_file_changes', $1)")
                    .bind(format!("{ORIGIN}/r/:*"))
                    .execute(&mut client)
                    .await
                    .unwrap();
                sent += 1;
            }
            sent
        }
    });
    for round in 0..60 {
        a.put(
            "/r/x.ts",
            format!("export const round: number = {round};\n"),
        )
        .await;
        for host in [&a, &b] {
            let answer = host.get("/r/x.ts").await;
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        assert!(
            a.get("/r/x.ts")
                .await
                .text()
                .contains(&format!("round = {round};")),
            "its own write, at once"
        );
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    println!(
        "{} notifications while 180 reads were answered",
        flood.await.unwrap()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_notification_costs_no_more_than_the_lease() {
    let (a, b, _) = pair(|options| options.with("lease", "1s")).await;
    a.put("/r/8.txt", "old").await;
    a.put("/r/9.txt", "old").await;
    for path in ["/r/8.txt", "/r/9.txt"] {
        eventually("both have the old bytes", || async {
            (a.get(path).await.text() == "old" && b.get(path).await.text() == "old").then_some(())
        })
        .await;
    }
    b.close_gate("announce", "").await;
    let eight = b.put("/r/8.txt", "new").await.generation();
    let nine = a.put("/r/9.txt", "new").await.generation();
    assert_eq!(nine, eight + 1);
    assert_eq!(
        a.get("/r/8.txt").await.text(),
        "new",
        "A's own commit has read the log under the lock, so it has heard of 8"
    );
    let ten = b.put("/r/8.txt", "newer").await.generation();
    let written = Instant::now();
    eventually("A serves what it was never told of", || async {
        (a.get("/r/8.txt").await.text() == "newer").then_some(())
    })
    .await;
    println!(
        "unannounced commit -> served by the peer after {:?} (lease 1 s)",
        written.elapsed()
    );
    assert!(written.elapsed() < Duration::from_secs(5));
    assert!(a.get("/r/8.txt").await.generation() >= ten);
    let eleven = b.put("/r/8.txt", "newest").await.generation();
    let waited = a
        .send(
            a.request("GET", "/r/8.txt")
                .header("realm-generation", eleven),
        )
        .await;
    assert_eq!(
        (waited.status, waited.text().as_str()),
        (200, "newest"),
        "whoever names the generation does not wait for the lease"
    );
    b.open_gate("announce").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_is_cut_off_comes_back_and_misses_nothing() {
    let (a, b, url) = pair(|options| options.with("lease", "60s")).await;
    let mut client = PgConnection::connect(&url).await.unwrap();
    for round in 0..5 {
        a.put("/r/a.txt", format!("before {round}")).await;
        eventually("heard", || async {
            (b.get("/r/a.txt").await.text() == format!("before {round}")).then_some(())
        })
        .await;
        let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'realm listener' AND datname = current_database()";
        let ended: i64 = sqlx::query_scalar(sql)
            .fetch_one(&mut client)
            .await
            .unwrap();
        assert!(ended >= 2, "both hosts listen");
        let last = a
            .put("/r/a.txt", format!("during {round}"))
            .await
            .generation();
        let cut = Instant::now();
        eventually("what was written while nobody listened", || async {
            (b.get("/r/a.txt").await.text() == format!("during {round}")).then_some(())
        })
        .await;
        assert!(
            cut.elapsed() < Duration::from_secs(20),
            "the lease is longer, so this was the listener's own doing"
        );
        assert!(b.get("/r/a.txt").await.generation() >= last);
        eventually("live again", || async {
            let live = [a.check("listener").await, b.check("listener").await];
            live.iter()
                .all(|check| check["state"] == "live")
                .then_some(())
        })
        .await;
    }
    b.says("lost").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_bytes_are_served_stale_and_said_to_be() {
    let mut postgres = Postgres::start();
    let url = postgres.database().await;
    let options = HostOptions::new(Storage::Postgres(url))
        .with("lease", "1s")
        .with("stale-limit", "8s")
        .with("database-timeout", "1s");
    let (a, b) = (options.clone().start().await, options.start().await);
    a.create("/r/").await;
    knows(&b, "/r/").await;
    a.put("/r/a.ts", "export const version: number = 1;\n")
        .await;
    let bad = a.put("/r/bad.ts", "export const = ;\n").await.generation();
    let known = b.request("GET", "/r/a.ts").header("realm-generation", bad);
    b.send(known).await;
    for host in [&a, &b] {
        eventually("cached", || async {
            let absent = host.get("/r/gone.txt").await;
            let failed = host.get("/r/bad.ts").await;
            assert_eq!((absent.status, failed.status), (404, 406));
            let hit = |answer: &Answer| answer.header("cache-status") == "realm; hit";
            (hit(&host.get("/r/a.ts").await) && hit(&absent) && hit(&failed)).then_some(())
        })
        .await;
    }
    postgres.kill();
    let stale = eventually("a stale answer", || async {
        let answer = b.get("/r/a.ts").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
            .header("cache-status")
            .contains("detail=lease")
            .then_some(answer)
    })
    .await;
    assert!(
        stale
            .header("cache-status")
            .starts_with("realm; hit; ttl=-")
            && stale.text().contains("version = 1;"),
        "{stale:?}"
    );
    for (path, status) in [("/r/gone.txt", 404), ("/r/bad.ts", 406)] {
        let answer = b.get(path).await;
        let says = answer.header("cache-status").contains("detail=lease");
        assert!(answer.status == status && says, "{answer:?}");
    }
    let write = a
        .send(
            a.request("PUT", "/r/a.ts")
                .body("export const version: number = 2;\n"),
        )
        .await;
    assert_eq!(
        (write.status, write.header("retry-after")),
        (503, "1"),
        "{}",
        write.text()
    );
    assert_eq!(
        b.send(b.request("GET", "/r/never-seen.txt")).await.status,
        503,
        "what is not cached cannot be known"
    );
    eventually("too stale", || async {
        let answer = b.get("/r/a.ts").await;
        (answer.status == 503).then(|| assert_eq!(answer.json()["errors"][0]["code"], "too-stale"))
    })
    .await;
    assert_eq!(b.admin("/_ready").await.status, 503);
    postgres.up();
    let back = Instant::now();
    eventually("writes again", || async {
        let answer = a
            .send(
                a.request("PUT", "/r/a.ts")
                    .body("export const version: number = 3;\n"),
            )
            .await;
        matches!(answer.status, 201 | 204).then_some(())
    })
    .await;
    for host in [&a, &b] {
        eventually("the newest bytes, fresh", || async {
            let answer = host.get("/r/a.ts").await;
            let fresh = !answer.header("cache-status").contains("lease");
            (answer.status == 200 && fresh && answer.text().contains("version = 3;")).then_some(())
        })
        .await;
    }
    println!(
        "database back -> written and served fresh by both after {:?}",
        back.elapsed()
    );
    eventually("ready again", || async {
        (b.admin("/_ready").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_leave_no_gap_and_every_commit_is_announced() {
    let (a, b, url) = pair(|options| options).await;
    let mut listener = sqlx::postgres::PgListener::connect(&url).await.unwrap();
    listener.listen("realm_file_changes").await.unwrap();
    let (a, b) = (std::sync::Arc::new(a), std::sync::Arc::new(b));
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let host = if writer % 2 == 0 {
                a.clone()
            } else {
                b.clone()
            };
            tokio::spawn(async move {
                let mut generations = Vec::new();
                for round in 0..25 {
                    generations.push((
                        host.put(&format!("/r/{writer}-{round}.txt"), format!("{round}"))
                            .await
                            .generation(),
                        format!("{writer}-{round}.txt"),
                    ));
                }
                generations
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    acknowledged.sort();
    let generations: Vec<_> = acknowledged
        .iter()
        .map(|(generation, _)| *generation)
        .collect();
    assert_eq!(generations, (2..202).collect::<Vec<_>>(), "gap-free");
    let mut client = PgConnection::connect(&url).await.unwrap();
    let rows: Vec<(i64, String)> = sqlx::query_as(
        "SELECT generation, path FROM changes WHERE path IS NOT NULL ORDER BY generation",
    )
    .fetch_all(&mut client)
    .await
    .unwrap();
    assert_eq!(rows, acknowledged, "the log says the same");
    let mut missing: std::collections::HashSet<_> = acknowledged
        .into_iter()
        .map(|(_, path)| format!("{ORIGIN}/r/:{path}"))
        .collect();
    while !missing.is_empty() {
        let heard = tokio::time::timeout(Duration::from_secs(20), listener.recv())
            .await
            .expect("every commit is announced")
            .unwrap();
        missing.remove(heard.payload());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_lock_that_somebody_else_holds_is_a_clear_error() {
    // One connection: whoever comes next gets the one on which the lock was refused.
    let options = |options: HostOptions| {
        let options = options.with("lock-timeout", "200ms");
        options.with("database-connections", "1")
    };
    let (a, _b, url) = pair(options).await;
    let mut client = PgConnection::connect(&url).await.unwrap();
    // The reference system's key: the first 8 bytes of the URL's SHA-256.
    let key = "('x' || left(encode(sha256(convert_to($1, 'UTF8')), 'hex'), 16))::bit(64)::bigint";
    let lock = format!("SELECT pg_advisory_lock({key})");
    sqlx::query(sqlx::AssertSqlSafe(lock))
        .bind(format!("{ORIGIN}/r/"))
        .execute(&mut client)
        .await
        .unwrap();
    let refused = a.send(a.request("PUT", "/r/a.txt").body("x")).await;
    assert_eq!(
        (refused.status, refused.json()["errors"][0]["code"].as_str()),
        (503, Some("locked")),
        "{}",
        refused.text()
    );
    assert_eq!(refused.header("retry-after"), "1");
    let read = a.get("/r/not-there.txt").await;
    assert_eq!(read.status, 404, "{}", read.text());
    drop(client);
    eventually("the lock is free", || async {
        (a.send(a.request("PUT", "/r/a.txt").body("x")).await.status == 201).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_has_gone_back_is_believed_and_not_the_caches() {
    let (a, b, url) = pair(|options| options.with("lease", "1s")).await;
    a.put("/r/a.txt", "kept").await;
    let kept = a.put("/r/b.txt", "kept too").await.generation();
    for number in 0..5 {
        a.put("/r/a.txt", format!("lost {number}")).await;
    }
    for host in [&a, &b] {
        eventually("what will be lost", || async {
            (host.get("/r/a.txt").await.text() == "lost 4").then_some(())
        })
        .await;
    }
    // As after a restore, or a failover that lost commits: the tables are as they were.
    let mut client = PgConnection::connect(&url).await.unwrap();
    for sql in [
        "UPDATE files SET blob = (SELECT blob FROM files AS other WHERE other.path = 'b.txt') WHERE path = 'a.txt'",
        "DELETE FROM changes WHERE generation > $1",
        "UPDATE realms SET generation = $1",
    ] {
        let mut query = sqlx::query(sql);
        if sql.contains('$') {
            query = query.bind(kept);
        }
        query.execute(&mut client).await.unwrap();
    }
    for host in [&a, &b] {
        eventually("what the database has", || async {
            let answer = host.get("/r/a.txt").await;
            (answer.text() == "kept too" && answer.generation() == kept).then_some(())
        })
        .await;
    }
    let next = b.put("/r/a.txt", "new").await.generation();
    assert_eq!(next, kept + 1, "it goes on from what it has");
    eventually("the new bytes", || async {
        (a.get("/r/a.txt").await.text() == "new").then_some(())
    })
    .await;
}
