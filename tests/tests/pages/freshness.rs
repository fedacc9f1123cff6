use std::time::{Duration, Instant};

use realm_tests::{HostOptions, Postgres, Storage, Token, eventually, on_both, server};
use serde_json::json;
use sqlx::PgPool;

use crate::scene::{Doc, Index, page, visit};

on_both! {
    a_page_is_as_new_as_the_index
    a_deleted_documents_page_is_gone_at_once
    news_that_is_lost_is_made_up_for_by_the_lease
    published_realms_show_pages_and_private_ones_to_their_readers
}

async fn a_page_is_as_new_as_the_index(options: HostOptions) {
    let started = options.clone().with("generation-wait", "700ms");
    let (host, realm) = started
        .with("lease", "1s")
        .with("role", "serve")
        .with_realm()
        .await;
    let index = Index::of(&host, &options).await;
    let path = format!("{realm}x.json");
    host.put(&path, "{}").await;
    index
        .put(
            &realm,
            &Doc::of("x.json", &[("isolated", "", "<p>first</p>")]),
        )
        .await;
    assert_eq!(page(&host, &path).await.generation(), 2, "the entry's own");
    let written = host.put(&path, "{ }").await.generation();
    assert_eq!(written, 3);
    let ask =
        |generation: i64| visit(&host, &path).header("realm-generation", generation.to_string());
    let begun = Instant::now();
    let early = host.send(ask(written)).await;
    assert_eq!(early.status, 503, "{}", early.text());
    assert_eq!(early.errors()[0]["code"], "generation-not-reached");
    assert_eq!(early.header("retry-after"), "1");
    assert!(begun.elapsed() >= Duration::from_millis(700));
    // The change has become a visit, which nobody has made yet.
    index.cursor(&realm, written).await;
    index.visit(&realm, "x.json", true).await;
    assert_eq!(
        host.send(ask(written)).await.status,
        503,
        "what waits is of before"
    );
    let shown = page(&host, &path).await;
    assert_eq!((shown.status, shown.generation()), (200, 2));
    let waiting = tokio::spawn({
        let waiting = ask(written).send();
        async move {
            realm_tests::Answer::of(waiting.await.unwrap())
                .await
                .unwrap()
        }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let second = [("isolated", "", "<p>second</p>")];
    index
        .put(
            &realm,
            &Doc {
                generation: written,
                ..Doc::of("x.json", &second)
            },
        )
        .await;
    index.visit(&realm, "x.json", false).await;
    let shown = waiting.await.unwrap();
    assert_eq!(
        (shown.status, shown.generation()),
        (200, 3),
        "{}",
        shown.text()
    );
    assert!(shown.text().contains("<p>second</p>"), "{}", shown.text());
    // A change elsewhere, which the index has looked at: the page is as new as that.
    let elsewhere = host.put(&format!("{realm}y.txt"), "y").await.generation();
    index.cursor(&realm, elsewhere).await;
    let shown = host.send(ask(elsewhere)).await;
    assert_eq!((shown.status, shown.generation()), (200, elsewhere));
    // Of what the index shows nothing there is nothing to wait for; a document of which it knows nothing yet is waited for
    // in vain, and served as it is.
    let plain =
        visit(&host, &format!("{realm}y.txt")).header("realm-generation", elsewhere.to_string());
    assert_eq!(host.send(plain).await.text(), "y");
    let new = host
        .put(&format!("{realm}new.md"), "# New")
        .await
        .generation();
    let raw = visit(&host, &format!("{realm}new.md")).header("realm-generation", new.to_string());
    assert_eq!(host.send(raw).await.text(), "# New");
}

async fn a_deleted_documents_page_is_gone_at_once(options: HostOptions) {
    let (host, realm) = options.clone().with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    for path in ["x.json", "index.json"] {
        host.put(&format!("{realm}{path}"), "{}").await;
        index
            .put(&realm, &Doc::of(path, &[("isolated", "", "<p>there</p>")]))
            .await;
    }
    let shown = ["x.json", "x", ""];
    for path in shown {
        assert_eq!(
            page(&host, &format!("{realm}{path}")).await.status,
            200,
            "{path}"
        );
    }
    host.delete(&format!("{realm}x.json")).await;
    let deleted = host
        .delete(&format!("{realm}index.json"))
        .await
        .generation();
    for path in shown {
        let gone = page(&host, &format!("{realm}{path}")).await;
        assert_eq!((gone.status, gone.generation()), (404, deleted), "{path}");
    }
    host.delete_realm(&realm).await;
    assert_eq!(page(&host, &realm).await.errors()[0]["code"], "no-realm");
}

async fn news_that_is_lost_is_made_up_for_by_the_lease(options: HostOptions) {
    let (host, realm) = options
        .clone()
        .with("lease", "1s")
        .with("role", "serve")
        .with_realm()
        .await;
    let index = Index::of(&host, &options).await;
    let path = format!("{realm}x.json");
    host.put(&path, "{}").await;
    index
        .put(
            &realm,
            &Doc::of("x.json", &[("isolated", "", "<p>first</p>")]),
        )
        .await;
    assert!(page(&host, &path).await.text().contains("<p>first</p>"));
    let begun = Instant::now();
    index
        .put(
            &realm,
            &Doc::of("x.json", &[("isolated", "", "<p>second</p>")]),
        )
        .await;
    eventually("the page of after the lease", || async {
        let shown = page(&host, &path).await;
        shown.text().contains("<p>second</p>").then_some(())
    })
    .await;
    assert!(
        begun.elapsed() < Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
}

/// With a lease that does not run out meanwhile, the news alone can have done it.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_looked_at_again_when_its_index_has_news() {
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone()));
    let (host, realm) = options
        .clone()
        .with("lease", "1m")
        .with("role", "serve")
        .with_realm()
        .await;
    let index = Index::of(&host, &options).await;
    let path = format!("{realm}x.json");
    host.put(&path, "{}").await;
    index
        .put(
            &realm,
            &Doc::of("x.json", &[("isolated", "", "<p>first</p>")]),
        )
        .await;
    assert!(page(&host, &path).await.text().contains("<p>first</p>"));
    index
        .put(
            &realm,
            &Doc::of("x.json", &[("isolated", "", "<p>second</p>")]),
        )
        .await;
    let shown = page(&host, &path).await;
    assert!(
        shown.text().contains("<p>first</p>"),
        "it is cached: {}",
        shown.text()
    );
    let pool = PgPool::connect(&url).await.unwrap();
    let tell = async |realm: &str| {
        let sql = "SELECT pg_notify('realm_index_updated', $1)";
        sqlx::query(sql).bind(realm).execute(&pool).await.unwrap();
    };
    tell("http://realm.test/other/").await;
    tell("http://realm.test/r/").await;
    eventually("the page that the news is of", || async {
        let shown = page(&host, &path).await;
        shown.text().contains("<p>second</p>").then_some(())
    })
    .await;
}

/// News that comes while a look is under way: what the look found is answered, and believed by nobody after.
#[tokio::test(flavor = "multi_thread")]
async fn news_during_a_look_is_not_lost() {
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone()));
    let (host, realm) = options
        .clone()
        .with("lease", "1m")
        .with("role", "serve")
        .with_realm()
        .await;
    let index = Index::of(&host, &options).await;
    let say = async |word: &str| {
        let isolated = format!("<p>{word}</p>");
        for path in ["x.json", "y.json"] {
            let renderings = [("isolated", "", &*isolated)];
            index.put(&realm, &Doc::of(path, &renderings)).await;
        }
    };
    for path in ["x.json", "y.json"] {
        host.put(&format!("{realm}{path}"), "{}").await;
    }
    say("first").await;
    let (held, other) = (format!("{realm}x.json"), format!("{realm}y.json"));
    assert!(page(&host, &other).await.text().contains("<p>first</p>"));
    host.close_gate("page-read", "x.json").await;
    let early = tokio::spawn(visit(&host, &held).send());
    host.at_gate("page-read", 1).await;
    say("second").await;
    let pool = PgPool::connect(&url).await.unwrap();
    let tell = "SELECT pg_notify('realm_index_updated', 'http://realm.test/r/')";
    sqlx::query(tell).execute(&pool).await.unwrap();
    eventually("the news to be heard", || async {
        let shown = page(&host, &other).await;
        shown.text().contains("<p>second</p>").then_some(())
    })
    .await;
    host.open_gate("page-read").await;
    assert_eq!(early.await.unwrap().unwrap().status(), 200);
    let late = page(&host, &held).await;
    assert!(late.text().contains("<p>second</p>"), "{}", late.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_is_away_a_cached_page_says_how_old_it_is() {
    let mut postgres = Postgres::start();
    let options = HostOptions::new(Storage::Postgres(postgres.database().await));
    let quick = options
        .clone()
        .with("lease", "1s")
        .with("database-timeout", "1s");
    let (host, realm) = quick.with("role", "serve").with_realm().await;
    let index = Index::of(&host, &options).await;
    for path in ["x.json", "y.json"] {
        host.put(&format!("{realm}{path}"), "{}").await;
        index
            .put(&realm, &Doc::of(path, &[("isolated", "", "<p>shown</p>")]))
            .await;
    }
    assert_eq!(page(&host, &format!("{realm}x.json")).await.status, 200);
    postgres.kill();
    eventually("an answer that says that it is stale", || async {
        let shown = page(&host, &format!("{realm}x.json")).await;
        assert_eq!(shown.status, 200, "{}", shown.text());
        shown
            .header("cache-status")
            .contains("detail=lease")
            .then_some(())
    })
    .await;
    let unknown = page(&host, &format!("{realm}y.json")).await;
    assert_eq!((unknown.status, unknown.header("retry-after")), (503, "1"));
    postgres.up();
    eventually("all pages are shown again", || async {
        (page(&host, &format!("{realm}y.json")).await.status == 200).then_some(())
    })
    .await;
}

const SECRET: &str = "a secret of thirty-two bytes or more";

async fn published_realms_show_pages_and_private_ones_to_their_readers(options: HostOptions) {
    let temporary = tempfile::tempdir().unwrap();
    let secret = temporary.path().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let asking = options.clone().with("auth", "jwt").with("role", "serve");
    let host = asking
        .with("secret-file", secret.to_str().unwrap())
        .start()
        .await;
    let index = Index::of(&host, &options).await;
    let operator = Token::of("root")
        .with("operator", json!(true))
        .signed(SECRET);
    let own = Token::of("owner").signed(SECRET);
    let send = async |method: &str, path: &str, token: &str, body: String| {
        let request = host.request(method, path).bearer_auth(token).body(body);
        host.send(request).await
    };
    let new = json!({ "data": { "attributes": { "url": "http://realm.test/r/" } } }).to_string();
    assert_eq!(send("POST", "/_create-realm", &own, new).await.status, 202);
    assert_eq!(
        send("PUT", "/r/index.json", &own, "{}".to_owned())
            .await
            .status,
        201
    );
    let doc = Doc::of("index.json", &[("isolated", "", "<p>shown</p>")]);
    index.put("/r/", &doc).await;
    let private = host.send(visit(&host, "/r/").bearer_auth(&own)).await;
    assert_eq!(private.status, 200, "{}", private.text());
    assert_eq!(
        private.header("cache-control"),
        "private, max-age=0, must-revalidate"
    );
    assert_eq!(page(&host, "/r/").await.status, 404, "nobody's");
    let what = json!({ "sourceRealmURL": "http://realm.test/r/", "publishedRealmURL": "http://realm.test/p/" });
    let done = send("POST", "/_publish-realm", &own, what.to_string()).await;
    assert_eq!(done.status, 202, "{}", done.text());
    index.put("/p/", &doc).await;
    let shown = page(&host, "/p/").await;
    assert!(shown.text().contains("<p>shown</p>"), "{}", shown.text());
    assert_eq!(
        shown.header("cache-control"),
        "public, max-age=0, must-revalidate"
    );
    let archived = json!({ "data": { "type": "realm", "id": "http://realm.test/r/" } }).to_string();
    assert_eq!(
        send("POST", "/_archive-realm", &operator, archived)
            .await
            .status,
        200
    );
    let sealed = host.send(visit(&host, "/r/").bearer_auth(&own)).await;
    assert_eq!(
        (sealed.status, sealed.errors()[0]["code"].as_str()),
        (403, Some("archived"))
    );
}
