//! `_search`, over HTTP: how it is asked, what it answers, and what it waits for.

use std::time::{Duration, Instant};

use realm_host::database::{Database, DatabaseError};
use realm_host::realm::RealmId;
use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, on_both};
use serde_json::{Value, json};

use crate::stage::{Entry, LIMIT, MOST, REALM, add, execute, fill, number, open, parse};

on_both! {
    what_fits_is_found_and_says_what_it_is
    a_search_is_asked_by_query_or_by_a_post_that_says_so
    a_bad_query_is_told_where
    a_search_is_bounded
    what_was_good_last_is_found_and_what_never_was_is_not
    a_search_waits_for_the_index
    a_search_names_what_the_index_shows_everything_of
    pages_of_other_origins_may_search_where_they_may_read
}

/// A host that does no work of its own, a realm of it at `/r/`, and its database.
async fn scene(options: HostOptions) -> (Host, Database, RealmId) {
    let url = match options.storage() {
        Storage::Postgres(url) => Some(url.clone()),
        Storage::Sqlite => None,
    };
    let host = options.with("role", "serve").start().await;
    host.create("/r/").await;
    let database = open(url, &host.data).await;
    let realm = number(&database, &format!("{ORIGIN}/r/")).await;
    (host, database, realm)
}

async fn search(host: &Host, query: &Value) -> Answer {
    let request = host.request("QUERY", "/r/_search");
    host.send(request.body(query.to_string())).await
}

fn paths(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let found = answer.json();
    let ids = found["data"].as_array().unwrap().iter();
    ids.map(|entry| {
        entry["id"]
            .as_str()
            .unwrap()
            .replace(&format!("{ORIGIN}/r/"), "")
    })
    .collect()
}

/// Says how far the index has come.
async fn cursor(database: &Database, realm: RealmId, generation: i64) {
    let sql = "INSERT INTO index_cursors (realm_id, generation, plugins) VALUES ($1, $2, '')
               ON CONFLICT (realm_id) DO UPDATE SET generation = excluded.generation";
    execute!(database, sql.to_owned(), realm.0, generation);
}

/// Says that a file is to be looked at again, or no longer.
async fn visit(database: &Database, realm: RealmId, path: Option<&str>) {
    let sql = match path {
        Some(_) => "INSERT INTO index_visits (realm_id, path, priority) VALUES ($1, $2, 0)",
        None => "DELETE FROM index_visits WHERE realm_id = $1 AND path <> $2",
    };
    execute!(database, sql.to_owned(), realm.0, path.unwrap_or_default());
}

async fn what_fits_is_found_and_says_what_it_is(options: HostOptions) {
    let (host, database, realm) = scene(options).await;
    cursor(&database, realm, 1).await;
    let ann = Entry {
        title: Some("Ann".to_owned()),
        types: vec![
            format!("{ORIGIN}/r/person.gts/Person"),
            "http://base/card.gts/Card".to_owned(),
        ],
        modified_at: 784_111_777_000,
        words: "ann engineer".to_owned(),
        ..Entry::card(
            "people/ann b.json",
            json!({ "age": 41, "tags": [{ "name": "é" }], "z": 1.5, "a": null }),
        )
    };
    let ann_alone = [&ann];
    let mut file = Entry::card(
        "notes.txt",
        json!({ "name": "notes.txt", "mediaType": "text/plain", "size": 3 }),
    );
    file.kind = "file";
    fill(&database, realm, &[ann.clone(), file]).await;
    let answer = search(
        &host,
        &json!({ "filter": { "type": { "module": "./person", "name": "Person" } } }),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(
        answer.json(),
        json!({
            "data": [{
                "type": "card", "id": format!("{ORIGIN}/r/people/ann%20b.json"), "attributes": ann_alone[0].search_document,
                "meta": { "title": "Ann", "types": ann.types, "lastModified": "Sun, 06 Nov 1994 08:49:37 GMT" },
            }],
            "meta": { "page": { "total": 1 } },
        })
    );
    assert_eq!(answer.header("content-type"), "application/vnd.api+json");
    assert_eq!(
        answer.header("cache-control"),
        "public, max-age=0, must-revalidate"
    );
    assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
    assert_eq!(
        (answer.generation(), answer.header("cache-status")),
        (1, "realm; fwd=miss")
    );
    let same = host
        .request("QUERY", "/r/_search")
        .header("if-none-match", answer.header("etag"));
    let same = host
        .send(same.body(r#"{"filter":{"matches":"engineer"}}"#))
        .await;
    assert_eq!((same.status, same.body.len()), (304, 0), "the same answer");
    let all = search(&host, &json!({ "sort": [{ "by": "lastModified" }] })).await;
    assert_eq!(paths(&all), ["notes.txt", "people/ann%20b.json"]);
    assert_eq!(all.json()["data"][0]["type"], "file");
    let beyond = search(&host, &json!({ "page": { "size": 1, "number": 2 } })).await;
    assert_eq!(
        (
            paths(&beyond).len(),
            &beyond.json()["meta"]["page"]["total"]
        ),
        (0, &json!(2))
    );
    assert_eq!(
        paths(&search(&host, &json!({ "page": { "size": 1, "number": 1 } })).await),
        ["people/ann%20b.json"]
    );
    assert!(
        paths(&search(&host, &json!({ "filter": { "eq": { "tags.name": "e" } } })).await)
            .is_empty()
    );
    assert_eq!(
        paths(
            &search(
                &host,
                &json!({ "filter": { "contains": { "tags.name": "É" } } })
            )
            .await
        )
        .len(),
        1
    );
}

async fn a_search_is_asked_by_query_or_by_a_post_that_says_so(options: HostOptions) {
    let (host, database, realm) = scene(options).await;
    fill(
        &database,
        realm,
        &[Entry::card("a.json", json!({ "a": 1 }))],
    )
    .await;
    let post = || host.request("POST", "/r/_search").body("{}");
    let asked = host
        .send(post().header("x-http-method-override", "QUERY"))
        .await;
    assert_eq!(paths(&asked), ["a.json"]);
    for kind in [
        "application/json",
        "application/vnd.api+json; charset=utf-8",
        "Application/vnd.card+JSON",
    ] {
        let asked = host
            .request("QUERY", "/r/_search")
            .header("content-type", kind);
        assert_eq!(
            paths(&host.send(asked.body("{}")).await),
            ["a.json"],
            "{kind}"
        );
    }
    let plain = host
        .request("QUERY", "/r/_search")
        .header("content-type", "text/plain");
    assert_eq!(host.send(plain.body("{}")).await.status, 415);
    let other = post().header("x-http-method-override", "DELETE");
    for request in [
        post(),
        other,
        host.request("GET", "/r/_search"),
        host.request("HEAD", "/r/_search"),
        host.request("PUT", "/r/_search"),
    ] {
        let answer = host.send(request).await;
        assert_eq!(
            (answer.status, answer.header("allow")),
            (405, "QUERY, POST")
        );
    }
    let file = host
        .send(host.request("QUERY", "/r/a.json").body("{}"))
        .await;
    assert_eq!(file.status, 405, "a file is not searched");
}

async fn a_bad_query_is_told_where(options: HostOptions) {
    let (host, _database, _realm) = scene(options).await;
    let bad = json!({ "filter": { "every": [{ "matches": "x" }, { "range": { "age": { "gt": {} } } }] } });
    let answer = search(&host, &bad).await;
    let error = &answer.errors()[0];
    assert_eq!((answer.status, &error["code"]), (400, &json!("bad-query")));
    assert_eq!(error["source"]["pointer"], "filter.every[1].range.age.gt");
    assert!(
        error["detail"]
            .as_str()
            .unwrap()
            .starts_with("filter.every[1].range.age.gt: "),
        "{error}"
    );
    for body in ["", "{", "nonsense", "\u{0}"] {
        let answer = host
            .send(host.request("QUERY", "/r/_search").body(body))
            .await;
        assert_eq!(
            (answer.status, &answer.errors()[0]["code"]),
            (400, &json!("bad-json")),
            "{body}"
        );
    }
}

async fn a_search_is_bounded(options: HostOptions) {
    let bounds = [
        ("search-page", "2"),
        ("search-conditions", "3"),
        ("search-depth", "2"),
        ("search-body-bytes", "1KiB"),
        ("search-answer-bytes", "1KiB"),
    ];
    let options = bounds
        .iter()
        .fold(options, |options, (key, value)| options.with(key, value));
    let (host, database, realm) = scene(options).await;
    for path in ["a.json", "b.json", "c.json"] {
        add(
            &database,
            realm,
            &Entry::card(path, json!({ "a": "x".repeat(600) })),
        )
        .await;
    }
    let condition = || json!({ "eq": { "b": 1 } });
    for (query, place) in [
        (
            json!({ "page": { "size": 3 } }),
            "page.size: is not a whole number from 1 to 2",
        ),
        (
            json!({ "filter": { "any": [condition(), condition(), condition()] } }),
            "filter.any[2].eq.b: a query has at most 3",
        ),
        (
            json!({ "filter": { "not": { "not": condition() } } }),
            "filter.not.not: conditions are at most 2 deep",
        ),
        (
            json!({}),
            "page.size: the page has more than 1024 bytes (`search-answer-bytes`)",
        ),
    ] {
        let answer = search(&host, &query).await;
        let detail = answer.errors()[0]["detail"].as_str().unwrap().to_owned();
        assert!(
            answer.status == 400 && detail.starts_with(place),
            "{query}: {detail}"
        );
    }
    let one = search(&host, &json!({ "page": { "size": 1 } })).await;
    assert_eq!(
        (paths(&one), one.json()["meta"]["page"]["total"].clone()),
        (vec!["a.json".to_owned()], json!(3))
    );
    let large = search(&host, &json!({ "filter": { "matches": "x".repeat(1024) } })).await;
    assert_eq!(
        (large.status, &large.errors()[0]["code"]),
        (413, &json!("too-large"))
    );
}

async fn what_was_good_last_is_found_and_what_never_was_is_not(options: HostOptions) {
    let (host, database, realm) = scene(options).await;
    let kept = Entry {
        error: Some("{}"),
        ..Entry::card("kept.json", json!({ "a": "good" }))
    };
    let never = Entry {
        error: Some("{}"),
        ..Entry::card("never.json", json!({}))
    };
    let empty = Entry::card("empty.json", json!({}));
    fill(&database, realm, &[kept, never, empty]).await;
    assert_eq!(
        paths(&search(&host, &json!({})).await),
        ["empty.json", "kept.json"]
    );
    assert_eq!(
        paths(&search(&host, &json!({ "filter": { "matches": "good" } })).await),
        ["kept.json"]
    );
}

async fn a_search_waits_for_the_index(options: HostOptions) {
    let (host, database, realm) = scene(options.with("generation-wait", "1s")).await;
    let at = |generation: i64| {
        host.request("QUERY", "/r/_search")
            .header("realm-generation", generation)
            .body("{}")
    };
    cursor(&database, realm, 1).await;
    assert_eq!(host.send(at(1)).await.status, 200);
    let begun = Instant::now();
    let late = host.send(at(2)).await;
    assert_eq!(
        (late.status, &late.errors()[0]["code"]),
        (503, &json!("generation-not-reached"))
    );
    assert!(
        late.errors()[0]["detail"]
            .as_str()
            .unwrap()
            .contains("it has generation 1"),
        "{}",
        late.text()
    );
    assert!(begun.elapsed() >= Duration::from_secs(1) && late.header("retry-after") == "1");
    // The change is known of, and the file is not looked at yet.
    cursor(&database, realm, 2).await;
    visit(&database, realm, Some("a.json")).await;
    assert_eq!(host.send(at(2)).await.status, 503);
    let waiting = host.send(at(2));
    let working = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        add(&database, realm, &Entry::card("a.json", json!({ "a": 1 }))).await;
        visit(&database, realm, None).await;
    };
    let (answer, ()) = tokio::join!(waiting, working);
    assert_eq!(
        (paths(&answer), answer.generation()),
        (vec!["a.json".to_owned()], 2)
    );
    let nonsense = host
        .request("QUERY", "/r/_search")
        .header("realm-generation", "x")
        .body("{}");
    assert_eq!(host.send(nonsense).await.status, 400);
}

async fn a_search_names_what_the_index_shows_everything_of(options: HostOptions) {
    let (host, database, realm) = scene(options).await;
    let generation = async || search(&host, &json!({})).await.generation();
    assert_eq!(generation().await, 0, "nothing is known yet");
    cursor(&database, realm, 7).await;
    assert_eq!(generation().await, 7);
    // Entries of the stage were looked at when the realm was at 1.
    fill(
        &database,
        realm,
        &[Entry::card("a.json", json!({ "a": 1 }))],
    )
    .await;
    assert_eq!(generation().await, 7, "nothing has changed since");
    visit(&database, realm, Some("a.json")).await;
    assert_eq!(generation().await, 1);
    visit(&database, realm, Some("new.json")).await;
    assert_eq!(generation().await, 0);
}

async fn pages_of_other_origins_may_search_where_they_may_read(options: HostOptions) {
    let (host, _database, _realm) = scene(options.with("cors-origins", "*")).await;
    let page = "http://page.example";
    let preflight = host.request("OPTIONS", "/r/_search").header("origin", page);
    let preflight = preflight
        .header("access-control-request-method", "QUERY")
        .header(
            "access-control-request-headers",
            "x-http-method-override, content-type",
        );
    let allowed = host.send(preflight).await;
    assert!(
        allowed
            .header("access-control-allow-methods")
            .contains("QUERY"),
        "{allowed:?}"
    );
    assert!(
        allowed
            .header("access-control-allow-headers")
            .contains("x-http-method-override")
    );
    assert!(
        !allowed
            .header("access-control-allow-methods")
            .contains("PUT")
    );
    let asked = host.request("POST", "/r/_search").header("origin", page);
    let asked = host
        .send(asked.header("x-http-method-override", "QUERY").body("{}"))
        .await;
    assert_eq!(
        (asked.status, asked.header("access-control-allow-origin")),
        (200, "*")
    );
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_ended_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(None, folder.path()).await;
    let realm = crate::stage::realm(&database, REALM).await;
    for number in 0..500 {
        add(
            &database,
            realm,
            &Entry::card(
                &format!("{number}.json"),
                json!({ "a": { "b": ["x", "y"] } }),
            ),
        )
        .await;
    }
    let query = parse(&json!({ "filter": { "contains": { "a.b": "z" } } })).unwrap();
    let slow = database.search(realm, &query, Duration::ZERO, MOST).await;
    assert!(matches!(slow, Err(DatabaseError::TooSlow(_))), "{slow:?}");
    for _ in 0..8 {
        let next = database.search(realm, &query, LIMIT, MOST).await;
        assert_eq!(
            next.unwrap().unwrap().total,
            0,
            "no connection is left behind that ends whatever it does"
        );
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_ended_on_postgres() {
    let url = realm_tests::server().database().await;
    let options = HostOptions::new(Storage::Postgres(url)).with("database-timeout", "500ms");
    let (host, database, _realm) = scene(options).await;
    let Database::Postgres(pool) = &database else {
        unreachable!("opened as one")
    };
    let mut holder = pool.begin().await.unwrap();
    sqlx::query("LOCK TABLE index_entries IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *holder)
        .await
        .unwrap();
    let answer = search(&host, &json!({})).await;
    assert_eq!(
        (answer.status, &answer.errors()[0]["code"]),
        (503, &json!("too-slow")),
        "{}",
        answer.text()
    );
    assert_eq!(answer.header("retry-after"), "1");
    holder.rollback().await.unwrap();
    assert_eq!(search(&host, &json!({})).await.status, 200);
}
