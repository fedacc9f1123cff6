//! How long searches of ten thousand entries take; `--nocapture` shows it.

use std::time::{Duration, Instant};

use realm_host::database::Database;
use realm_tests::server;
use serde_json::{Value, json};

use crate::stage::{Entry, LIMIT, MOST, REALM, execute, open, parse, realm};
use realm_host::index::words;

const ENTRIES: usize = 10_000;
/// Slow enough for any machine: what is told apart is a plan gone wrong.
const SLOW: Duration = Duration::from_secs(5);

fn entry(number: usize) -> Entry {
    let document = json!({
        "name": format!("Person {number}"), "age": number % 90, "city": format!("City {}", number % 100),
        "tags": [format!("t{}", number % 7), format!("u{}", number % 11)],
        "address": { "street": format!("Street {}", number % 500), "zip": number },
        "text": format!("Lorem ipsum dolor sit amet {} consectetur {}", number % 1000, "adipiscing elit sed do eiusmod ".repeat(20)),
    });
    let title = format!("Title {number}");
    Entry {
        words: words(
            Some(&title),
            &document,
            Some(&format!("<p>word{} text of number {number}", number % 100)),
        ),
        title: Some(title),
        types: vec![format!("{REALM}m{}.gts/T", number % 10)],
        modified_at: number as i64,
        ..Entry::card(&format!("e{number}.json"), document)
    }
}

async fn measure(name: &str, database: &Database, rows: &str) {
    let realm = realm(database, REALM).await;
    let begun = Instant::now();
    let (each, json) = match database {
        Database::Postgres(_) => ("jsonb_array_elements($1::JSONB) AS j(value)", "::JSONB"),
        Database::Sqlite(_) => ("json_each($1) AS j", ""),
    };
    let text = |index: usize| format!("(j.value ->> {index})");
    let sql = format!(
        "INSERT INTO index_entries (realm_id, path, kind, generation, tag, title, types, search_document, words, modified_at, indexed_at)
         SELECT {}, {}, 'card', 1, '', {}, {}{json}, {}{json}, {}, CAST({} AS BIGINT), 0 FROM {each}",
        realm.0, text(0), text(1), text(2), text(3), text(4), text(5)
    );
    execute!(database, sql, rows);
    if let Database::Postgres(_) = database {
        execute!(database, "VACUUM ANALYZE index_entries".to_owned());
    }
    println!("{name}: {ENTRIES} entries in {:.1?}", begun.elapsed());
    for (kind, total, query) in [
        ("all", ENTRIES, json!({})),
        (
            "eq, one of 100",
            100,
            json!({ "filter": { "eq": { "city": "City 7" } } }),
        ),
        (
            "eq, nested",
            20,
            json!({ "filter": { "eq": { "address.street": "Street 7" } } }),
        ),
        (
            "eq, of a list",
            1429,
            json!({ "filter": { "eq": { "tags": "t1" } } }),
        ),
        (
            "eq, null",
            ENTRIES,
            json!({ "filter": { "eq": { "nothing": null } } }),
        ),
        (
            "contains",
            110,
            json!({ "filter": { "contains": { "name": "PERSON 99" } } }),
        ),
        (
            "contains, long texts",
            11,
            json!({ "filter": { "contains": { "text": "amet 999" } } }),
        ),
        (
            "range",
            1110,
            json!({ "filter": { "range": { "age": { "gte": 80, "lt": 90 } } } }),
        ),
        (
            "type",
            1000,
            json!({ "filter": { "type": { "module": "./m3", "name": "T" } } }),
        ),
        (
            "matches, one of 100",
            100,
            json!({ "filter": { "matches": "word7 number" } }),
        ),
        (
            "matches, a beginning",
            1100,
            json!({ "filter": { "matches": "word7* " } }),
        ),
        (
            "matches, all",
            ENTRIES,
            json!({ "filter": { "matches": "lorem" } }),
        ),
        (
            "sort by a number",
            ENTRIES,
            json!({ "sort": [{ "by": "age", "direction": "desc" }] }),
        ),
        (
            "sort by two texts",
            ENTRIES,
            json!({ "sort": [{ "by": "city" }, { "by": "address.street" }] }),
        ),
        (
            "sort by title, page 400",
            ENTRIES,
            json!({ "sort": [{ "by": "title" }], "page": { "number": 400 } }),
        ),
        (
            "all at once",
            1,
            json!({
                "filter": { "every": [{ "type": { "module": "./m7", "name": "T" } }, { "matches": "word7" }, { "eq": { "city": "City 7" } }, { "range": { "age": { "gt": 85 } } }, { "not": { "contains": { "name": "1" } } }] },
                "sort": [{ "by": "age" }],
            }),
        ),
    ] {
        let query = parse(&query).unwrap();
        let mut times = Vec::new();
        for _ in 0..5 {
            let begun = Instant::now();
            let hits = database
                .search(realm, &query, LIMIT, MOST)
                .await
                .unwrap()
                .unwrap();
            times.push(begun.elapsed());
            assert!(
                hits.total > 0
                    && (kind.contains("once")
                        || kind.contains("contains")
                        || hits.total as usize == total),
                "{kind}: {}",
                hits.total
            );
        }
        times.sort();
        println!("{name}: {kind}: {:.1?} (median of 5)", times[2]);
        assert!(times[0] < SLOW, "{name}: {kind}: {times:?}");
    }
}

#[tokio::test]
async fn ten_thousand_entries_are_searched_in_time() {
    let entries = (0..ENTRIES).map(entry);
    let rows = entries.map(|entry| {
        json!([
            entry.path,
            entry.title,
            entry.types,
            entry.search_document,
            entry.words,
            entry.modified_at
        ])
    });
    let rows = rows.collect::<Value>().to_string();
    let folder = tempfile::tempdir().unwrap();
    let postgres = open(Some(server().database().await), folder.path()).await;
    measure("Postgres", &postgres, &rows).await;
    let sqlite = open(None, folder.path()).await;
    measure("SQLite", &sqlite, &rows).await;
}
