//! Which realms a replica knows: it asks when it knows of none, and follows those that become others.

use std::time::{Duration, Instant};

use realm_tests::{Host, Link, Mode, ORIGIN, Proxy, eventually, server};

use crate::scene::{LONG, answered, ask, gone, is_gone, options, publishing, serves, sql};

async fn pair() -> (Host, Host, String) {
    let database = server().database().await;
    let options = options(&database, LONG);
    (
        options.clone().start().await,
        options.start().await,
        database,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_nobody_announced_is_served_at_its_first_request() {
    let (a, b, _) = pair().await;
    a.close_gate("announce", "").await;
    a.create("/n/").await;
    a.put("/n/a.txt", "new").await;
    assert_eq!(b.get("/n/a.txt").await.text(), "new");
    a.publish("/n/", "/p/").await;
    assert_eq!(b.get("/p/a.txt").await.text(), "new");
    a.create("/m/").await;
    // One that it has never heard of can be published, deleted and read by whoever asks it.
    b.publish("/m/", "/q/").await;
    b.delete_realm("/m/").await;
    for path in ["/m/", "/q/"] {
        assert!(is_gone(&b.get(path).await));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_realm_that_comes_while_a_request_finds_none_is_found() {
    let (a, b, _) = pair().await;
    b.close_gate("no-realm-known", "/n/").await;
    let early = ask(b.request("GET", "/n/a.txt"));
    b.at_gate("no-realm-known", 1).await;
    a.create("/n/").await;
    a.put("/n/a.txt", "new").await;
    // Somebody else's question brings it.
    assert!(is_gone(&b.get("/elsewhere/").await));
    b.open_gate("no-realm-known").await;
    let answer = answered(early).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_becomes_another_realms_is_mounted_anew() {
    let (a, b, _) = pair().await;
    a.create("/s/").await;
    a.put("/s/a.txt", "published").await;
    a.publish("/s/", "/p/").await;
    serves(&b, "/p/a.txt", "published").await;
    let write = |host: &Host| ask(host.request("PUT", "/p/b.txt").body("written"));
    let refused = answered(write(&b)).await;
    assert_eq!(refused.errors()[0]["code"], "published");
    // From a copy to one that people edit, of which the other host hears all at once …
    a.close_gate("announce", "").await;
    a.unpublish("/p/").await;
    a.create("/p/").await;
    a.open_gate("announce").await;
    eventually("writes are taken", || async {
        (answered(write(&b)).await.status == 201).then_some(())
    })
    .await;
    assert_eq!(b.get("/p/a.txt").await.status, 404);
    // … and back to a copy, of which everything is another's.
    a.close_gate("announce", "").await;
    a.delete_realm("/p/").await;
    a.publish("/s/", "/p/").await;
    a.open_gate("announce").await;
    serves(&b, "/p/a.txt", "published").await;
    assert_eq!(b.get("/p/b.txt").await.status, 404);
    // The copy has the number of what was there, so that its files are read before the other host has heard whose they are.
    eventually("writes are refused", || async {
        (answered(write(&b)).await.errors()[0]["code"] == "published").then_some(())
    })
    .await;
    eventually("both have been unmounted", || async {
        (b.log().matches("unmounted").count() >= 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_realm_has_a_host_name_of_its_own() {
    let (a, b, _) = pair().await;
    a.create("/s/").await;
    a.put("/s/a.txt", "of the site").await;
    let body = serde_json::json!({
        "sourceRealmURL": format!("{ORIGIN}/s/"), "publishedRealmURL": "http://site.example/",
    });
    assert_eq!(a.post("/_publish-realm", &body).await.status, 202);
    let by = |host: &Host, name: &'static str, path: &str| {
        ask(host.request("GET", path).header("host", name))
    };
    for host in [&a, &b] {
        for name in ["site.example", "SITE.example", "site.example:80"] {
            let answer = answered(by(host, name, "/a.txt")).await;
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "of the site")
            );
        }
        for name in ["other.example", "site.example:8080", "a.site.example"] {
            assert!(is_gone(&answered(by(host, name, "/a.txt")).await), "{name}");
        }
        // Its host has no other realms than its own.
        assert_eq!(
            answered(by(host, "site.example", "/s/a.txt")).await.status,
            404
        );
        assert_eq!(host.get("/s/a.txt").await.text(), "of the site");
    }
    let body = serde_json::json!({ "publishedRealmURL": "http://site.example/" });
    assert_eq!(a.post("/_unpublish-realm", &body).await.status, 200);
    assert!(is_gone(&answered(by(&a, "site.example", "/a.txt")).await));
    eventually("the other host has heard", || async {
        is_gone(&answered(by(&b, "site.example", "/a.txt")).await).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_makes_no_sense_keeps_no_other_from_being_served() {
    let (a, b, database) = pair().await;
    a.create("/s/").await;
    a.put("/s/a.txt", "a").await;
    a.publish("/s/", "/p/").await;
    serves(&b, "/p/a.txt", "a").await;
    // A realm that is none, and a source that is none any more.
    sql(
        &database,
        "WITH tree AS (INSERT INTO trees DEFAULT VALUES RETURNING id)
         INSERT INTO realms (url, kind, tree_id, created_at, updated_at) SELECT 'nonsense', 'source', id, 0, 0 FROM tree;
         UPDATE realms SET url = 'http:// nonsense /' WHERE url LIKE '%/s/';
         UPDATE counters SET generation = generation + 1 WHERE name = 'registry';
         NOTIFY realm_registry, 'upsert'",
    )
    .await;
    gone(&b, "/s/a.txt").await;
    let fresh = options(&database, LONG).start().await;
    a.create("/t/").await;
    a.put("/t/b.txt", "b").await;
    for host in [&a, &b, &fresh] {
        serves(host, "/p/a.txt", "a").await;
        serves(host, "/t/b.txt", "b").await;
        host.says("a realm cannot be served").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_request_while_the_database_is_away_is_not_told_that_there_is_nothing() {
    let database = server().database().await;
    let proxy = Proxy::start(&database).await;
    let a = options(&database, LONG).start().await;
    let b = options(proxy.url(), LONG).with("database-timeout", "1s");
    let b = b.start().await;
    proxy.set(&Link::ALL, Mode::BlackHole);
    a.create("/n/").await;
    a.put("/n/a.txt", "new").await;
    let requests = [
        b.request("GET", "/n/a.txt"),
        b.request("PUT", "/n/b.txt").body("b"),
        b.request("POST", "/_publish-realm")
            .body(publishing("/n/", "/p/").to_string()),
    ];
    for request in requests {
        let answer = b.send(request).await;
        assert_eq!(answer.status, 503, "{}", answer.text());
        assert_eq!(answer.errors()[0]["code"], "database-unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
    // However many ask, none waits for another's turn to be told nothing.
    let begun = Instant::now();
    let many: Vec<_> = (0..20)
        .map(|number| ask(b.request("GET", &format!("/n{number}/a.txt"))))
        .collect();
    for asking in many {
        assert_eq!(answered(asking).await.status, 503);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
    // What was open stays silent.
    proxy.black_hole_open(&Link::ALL);
    proxy.set(&Link::ALL, Mode::Pass);
    eventually("it is served", || async {
        let request = b.request("GET", "/n/a.txt");
        let answer = b.try_send(request.timeout(Duration::from_secs(5))).await;
        (answer.ok()?.text() == "new").then_some(())
    })
    .await;
}
