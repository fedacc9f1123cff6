//! Every await of a read, held by a gate while something happens to what it reads: what the caller, whoever comes after
//! the event, the next reader and the database have. No sleeps.

use std::collections::BTreeMap;

use realm_tests::{Answer, Host, HostOptions, Storage, eventually, server};
use sqlx::{Connection, PgConnection, SqliteConnection};

/// The points at which a read can be held.
const POINTS: [&str; 5] = [
    "path-read",
    "blob-read",
    "before-call",
    "after-call",
    "store",
];

/// What happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Write,
    Delete,
    Realm,
    Unrelated,
    Identical,
}

async fn start() -> Host {
    let url = server().database().await;
    start_on(Storage::Postgres(url)).await
}

async fn start_on(storage: Storage) -> Host {
    let host = HostOptions::new(storage).with("lease", "60s").start().await;
    host.create("/r/").await;
    host
}

fn version(number: usize) -> String {
    format!("export const version: number = {number};\n")
}

/// What the realm had at each generation: every answer is held against it.
struct History(BTreeMap<i64, Option<usize>>);

impl History {
    fn check(&self, who: &str, answer: &Answer) {
        let generation = answer.generation();
        let (_, had) = self
            .0
            .range(..=generation)
            .next_back()
            .expect("the history begins before any read");
        match had {
            Some(number) => {
                assert_eq!(answer.status, 200, "{who}: {}", answer.text());
                assert!(
                    answer.text().contains(&format!("version = {number};")),
                    "{who} at {generation} has {}, not {number}",
                    answer.text()
                );
            }
            None => assert_eq!(
                answer.status,
                404,
                "{who} at {generation}: {}",
                answer.text()
            ),
        }
    }
}

/// One round: a read is held at a point, the event happens, the gate opens.
async fn round(storage: Storage, point: &str, event: Event) {
    let what = format!("{event:?} at {point}");
    let host = start_on(storage.clone()).await;
    let first = host.put("/r/foo.ts", version(1)).await.generation();
    let mut history = History(BTreeMap::from([(first, Some(1))]));
    // Bytes are known by their hash at their gate, and by any name elsewhere.
    host.close_gate(point, if point == "blob-read" { "" } else { "foo" })
        .await;
    let caller = tokio::spawn(host.request("GET", "/r/foo").send());
    host.at_gate(point, 1).await;
    let happened = match event {
        Event::Write => host.put("/r/foo.ts", version(2)).await.generation(),
        Event::Delete => host.delete("/r/foo.ts").await.generation(),
        Event::Realm => {
            assert_eq!(
                host.send(host.request("POST", "/r/_invalidate"))
                    .await
                    .status,
                204
            );
            first
        }
        Event::Unrelated => host.put("/r/other.txt", "other").await.generation(),
        Event::Identical => host.put("/r/foo.ts", version(1)).await.generation(),
    };
    match event {
        Event::Write => history.0.insert(happened, Some(2)),
        Event::Delete => history.0.insert(happened, None),
        _ => None,
    };
    let joiner = tokio::spawn(host.request("GET", "/r/foo").send());
    host.open_gate(point).await;
    let caller = answer(&host, caller).await;
    let joiner = answer(&host, joiner).await;
    history.check(&format!("{what}: the caller"), &caller);
    history.check(&format!("{what}: the joiner"), &joiner);
    assert!(
        joiner.generation() >= happened,
        "{what}: whoever comes after the acknowledgement sees it: {}",
        joiner.generation()
    );
    let next = host.get("/r/foo").await;
    history.check(&format!("{what}: the next reader"), &next);
    assert!(next.generation() >= happened);
    if next.status == 200 {
        let hit = eventually("a hit", || async {
            let answer = host.get("/r/foo").await;
            (answer.header("cache-status") == "realm; hit").then_some(answer)
        })
        .await;
        history.check(&format!("{what}: the cache"), &hit);
    }
    if matches!(event, Event::Unrelated | Event::Identical) {
        assert_eq!(
            host.guest_calls("typescript").await,
            1,
            "{what}: the flight and its result were left alone"
        );
    }
    // Whatever is stored under a source's key was made from that source.
    let sql = "SELECT i.bytes, o.bytes FROM derivations d JOIN blobs i ON i.hash = d.input
         JOIN derivation_parts p ON p.derivation_id = d.id AND p.part = '' JOIN blobs o ON o.hash = p.blob";
    let rows: Vec<(Vec<u8>, Vec<u8>)> = match &storage {
        Storage::Postgres(url) => {
            let mut database = PgConnection::connect(url).await.unwrap();
            sqlx::query_as(sql).fetch_all(&mut database).await.unwrap()
        }
        Storage::Sqlite => {
            let file = format!("sqlite://{}/realm.sqlite", host.data.display());
            let mut database = SqliteConnection::connect(&file).await.unwrap();
            sqlx::query_as(sql).fetch_all(&mut database).await.unwrap()
        }
    };
    for (input, output) in rows {
        let (input, output) = (
            String::from_utf8(input).unwrap(),
            String::from_utf8(output).unwrap(),
        );
        assert_eq!(
            input.replace(": number", ""),
            output,
            "{what}: the database"
        );
    }
}

async fn answer(
    host: &Host,
    request: tokio::task::JoinHandle<reqwest::Result<reqwest::Response>>,
) -> Answer {
    let response = request
        .await
        .unwrap()
        .unwrap_or_else(|error| panic!("{error}\n{}", host.log()));
    Answer::of(response).await.unwrap()
}

macro_rules! at_every_point {
    ($($name:ident: $event:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            for point in POINTS {
                round(Storage::Sqlite, point, Event::$event).await;
                round(Storage::Postgres(server().database().await), point, Event::$event).await;
            }
        })*
    };
}

at_every_point! {
    a_write_during_a_read: Write
    a_delete_during_a_read: Delete
    a_realm_invalidation_during_a_read: Realm
    an_unrelated_write_during_a_read: Unrelated
    a_write_of_identical_bytes_during_a_read: Identical
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_an_alias_over_is_seen_by_whoever_comes_after() {
    let host = start().await;
    host.put("/r/foo.js", version(1).replace(": number", ""))
        .await;
    for _ in 0..2 {
        assert_eq!(
            host.get("/r/foo").await.header("content-location"),
            "/r/foo.js"
        );
    }
    for point in ["path-read", "after-call", "store"] {
        host.close_gate(point, "foo").await;
        assert_eq!(
            host.send(host.request("POST", "/r/_invalidate"))
                .await
                .status,
            204
        );
        let caller = tokio::spawn(host.request("GET", "/r/foo").send());
        if point == "path-read" {
            host.at_gate(point, 1).await;
        }
        let happened = host.put("/r/foo.ts", version(2)).await.generation();
        let joiner = tokio::spawn(host.request("GET", "/r/foo").send());
        host.open_gate(point).await;
        let _ = answer(&host, caller).await;
        let joiner = answer(&host, joiner).await;
        assert!(
            joiner.generation() >= happened && joiner.text().contains("version = 2"),
            "{point}: {}",
            joiner.text()
        );
        assert_eq!(
            host.get("/r/foo").await.header("content-location"),
            "/r/foo.ts"
        );
        host.delete("/r/foo.ts").await;
        assert_eq!(
            host.get("/r/foo").await.header("content-location"),
            "/r/foo.js"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_that_changes_while_its_sheet_is_made_restarts_the_call() {
    let host = start().await;
    host.put("/r/main.scss", "@use 'theme'; a { color: theme.$c }\n")
        .await;
    host.put("/r/_theme.scss", "$c: red;\n").await;
    for point in ["after-call", "store"] {
        for (event, colour) in [("write", "blue"), ("shadow", "green"), ("unshadow", "blue")] {
            host.close_gate(point, "main.scss").await;
            assert_eq!(
                host.send(host.request("POST", "/r/_invalidate"))
                    .await
                    .status,
                204
            );
            // A new input, so that a call is made and not found.
            host.put(
                "/r/main.scss",
                format!("/* {point} {event} */ @use 'theme'; a {{ color: theme.$c }}\n"),
            )
            .await;
            let caller = tokio::spawn(host.request("GET", "/r/main.scss").send());
            host.at_gate(point, 1).await;
            let happened = match event {
                "write" => {
                    host.put("/r/_theme.scss", format!("$c: {colour}; // {point}\n"))
                        .await
                }
                "shadow" => host.put("/r/theme.scss", format!("$c: {colour};\n")).await,
                _ => host.delete("/r/theme.scss").await,
            };
            let joiner = tokio::spawn(host.request("GET", "/r/main.scss").send());
            host.open_gate(point).await;
            for (who, reader) in [("caller", caller), ("joiner", joiner)] {
                let answer = answer(&host, reader).await;
                let new = answer.generation() >= happened.generation();
                assert!(
                    who == "caller" || new,
                    "{point} {event}: the {who} is at {}",
                    answer.generation()
                );
                assert!(
                    !new || answer.text().contains(colour),
                    "{point} {event}: the {who} has {}",
                    answer.text()
                );
            }
            assert!(
                host.get("/r/main.scss").await.text().contains(colour),
                "{point} {event}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_misses_of_one_module_make_one_call() {
    let host = start().await;
    host.put("/r/foo.ts", version(1)).await;
    host.close_gate("before-call", "foo").await;
    let requests: Vec<_> = (0..200)
        .map(|_| tokio::spawn(host.request("GET", "/r/foo.ts").send()))
        .collect();
    host.at_gate("before-call", 1).await;
    host.open_gate("before-call").await;
    for request in requests {
        assert_eq!(answer(&host, request).await.status, 200);
    }
    assert_eq!(host.guest_calls("typescript").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_again_and_again_is_answered_in_the_end_or_turned_away() {
    let url = server().database().await;
    let host = HostOptions::new(Storage::Postgres(url))
        .with("plugin-deadline", "60s")
        .start()
        .await;
    host.create("/r/").await;
    host.put("/r/flag.txt", "go").await;
    host.put("/r/x.misbehave", "spin-if ./flag.txt go\n").await;
    let waiting = tokio::spawn(host.request("GET", "/r/x.misbehave").send());
    let mut seen = 0;
    for round in 0..4 {
        seen = host.call_that_has_read(seen).await;
        host.put("/r/flag.txt", format!("go {round}")).await;
    }
    let answer = answer(&host, waiting).await;
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (503, "1"),
        "{}",
        answer.text()
    );
    assert_eq!(answer.json()["errors"][0]["code"], "overtaken");
    host.running(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_began_before_a_write_is_not_joined_after_it() {
    let host = start().await;
    host.put("/r/a.txt", "old").await;
    host.close_gate("path-read", "a.txt").await;
    let caller = tokio::spawn(host.request("GET", "/r/a.txt").send());
    host.at_gate("path-read", 1).await;
    let written = host.put("/r/a.txt", "new").await.generation();
    let joiner = tokio::spawn(host.request("GET", "/r/a.txt").send());
    // It looks for itself: whoever joined the first look would not come here.
    host.at_gate("path-read", 2).await;
    host.open_gate("path-read").await;
    let (caller, joiner) = (answer(&host, caller).await, answer(&host, joiner).await);
    assert!(caller.text() == "new" || caller.generation() < written);
    assert_eq!(joiner.text(), "new");
    assert!(joiner.generation() >= written);
}
