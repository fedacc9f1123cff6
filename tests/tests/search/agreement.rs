//! Random entries, random queries: Postgres, SQLite and the naive reading find the same, in the same order.

use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use realm_host::database::Database;
use realm_host::index::words;
use realm_host::realm::RealmId;
use realm_tests::server;
use serde_json::{Value, json};

use crate::naive;
use crate::stage::{Entry, LIMIT, MOST, REALM, add, execute, fill, open, parse, realm};

/// Keys, the awkward ones as a query writes them.
const KEYS: [&str; 7] = ["a", "b", "c", "d\\.e", "é", "q\"u'o", "$.x[*]"];
const TEXTS: [&str; 24] = [
    "",
    "a",
    "A",
    "b",
    "ab",
    "AB ab",
    "É",
    "é",
    "été É",
    "10",
    "9",
    "z%_*?[]^-",
    "*",
    "[a]",
    "日本",
    "x\\y",
    "\"q\"",
    "O'Neil",
    "\n",
    "(a|b)+",
    "$1",
    "ÄÖ ü",
    "\u{10ffff}",
    "\u{e000}",
];

fn pick<T: Clone>(rng: &mut StdRng, all: &[T]) -> T {
    all.choose(rng).expect("never empty").clone()
}

fn scalar(rng: &mut StdRng) -> Value {
    match rng.random_range(0..9) {
        0 => Value::Null,
        1 => json!(rng.random::<bool>()),
        2..5 => pick(
            rng,
            &[
                json!(0),
                json!(1),
                json!(-1),
                json!(1.0),
                json!(0.5),
                json!(-2.5),
                json!(0.1),
                json!(10),
                json!(9),
                json!(1e21),
                json!(1e300),
                json!(0.300_000_000_000_000_04),
                json!(-0.0),
                json!(9_007_199_254_740_993_i64),
                json!(i64::MIN),
            ],
        ),
        _ => json!(pick(rng, &TEXTS)),
    }
}

fn value(rng: &mut StdRng, depth: usize) -> Value {
    match rng.random_range(0..10) {
        0..3 if depth > 0 => (0..rng.random_range(0..4))
            .map(|_| value(rng, depth - 1))
            .collect(),
        3..6 if depth > 0 => object(rng, depth - 1),
        _ => scalar(rng),
    }
}

fn object(rng: &mut StdRng, depth: usize) -> Value {
    let count = rng.random_range(0..4);
    let each = (0..count).map(|_| (pick(rng, &KEYS).replace("\\.", "."), value(rng, depth)));
    Value::Object(each.collect())
}

const TYPES: [&str; 4] = [
    "http://h.example/r/m.gts/A",
    "http://h.example/r/m/A",
    "http://h.example/r/m.gts/B",
    "http://other/x.gts/A",
];

fn entry(rng: &mut StdRng, number: usize) -> Entry {
    let search_document = if rng.random_bool(0.1) {
        json!({})
    } else {
        object(rng, 3)
    };
    let title = rng.random_bool(0.7).then(|| pick(rng, &TEXTS).to_owned());
    let types = (0..rng.random_range(0..3))
        .map(|_| pick(rng, &TYPES).to_owned())
        .collect();
    let html = pick(
        rng,
        &[
            "<p>one <b>two</b>",
            "<p>ONE three",
            "<style>two</style>tw<i>o</i>four",
            "",
        ],
    );
    Entry {
        path: format!("{}{number}.json", pick(rng, &["", "d/", "é", "Z"])),
        kind: pick(rng, &["card", "file"]),
        words: words(title.as_deref(), &search_document, Some(html)),
        title,
        types,
        search_document,
        modified_at: rng.random_range(0..3),
        error: rng.random_bool(0.3).then_some("{}"),
    }
}

fn attribute(rng: &mut StdRng) -> String {
    let keys: Vec<_> = (0..pick(rng, &[1, 1, 1, 2, 2, 3]))
        .map(|_| pick(rng, &KEYS))
        .collect();
    keys.join(".")
}

fn filter(rng: &mut StdRng, depth: usize) -> Value {
    let name = attribute(rng);
    match rng.random_range(0..if depth == 0 { 8 } else { 12 }) {
        0..3 => json!({ "eq": { name: scalar(rng) } }),
        3 => json!({ "eq": { name: scalar(rng), attribute(rng): scalar(rng) } }),
        4 => json!({ "contains": { name: pick(rng, &TEXTS) } }),
        5 => {
            let bound = |rng: &mut StdRng, is_text: bool| loop {
                let bound = scalar(rng);
                if is_text && bound.is_string() || !is_text && bound.is_number() {
                    break bound;
                }
            };
            let (is_text, first, second) = (
                rng.random(),
                pick(rng, &["gt", "gte"]),
                pick(rng, &["lt", "lte", "gt", "gte"]),
            );
            json!({ "range": { name: { first: bound(rng, is_text), second: bound(rng, is_text) } } })
        }
        6 => {
            let module = pick(
                rng,
                &["./m", "./m.gts", "http://other/x", "http://h.example/r/m"],
            );
            json!({ "type": { "module": module, "name": pick(rng, &["A", "B"]) } })
        }
        7 => {
            json!({ "matches": pick(rng, &["one", "TWO", "one two", "t*", "te* ONE", "été", "10", "o'", "日"]).replace("o'", "o neil") })
        }
        8 | 9 => {
            let filters: Vec<_> = (0..rng.random_range(1..4))
                .map(|_| filter(rng, depth - 1))
                .collect();
            json!({ pick(rng, &["any", "every"]): filters })
        }
        _ => json!({ "not": filter(rng, depth - 1) }),
    }
}

fn query(rng: &mut StdRng) -> Value {
    let mut query = json!({});
    if rng.random_bool(0.9) {
        query["filter"] = filter(rng, 2);
    }
    if rng.random_bool(0.6) {
        let key = |rng: &mut StdRng| {
            let by = match rng.random_range(0..4) {
                0 => "title".to_owned(),
                1 => "lastModified".to_owned(),
                _ => attribute(rng),
            };
            json!({ "by": by, "direction": pick(rng, &["asc", "desc"]) })
        };
        query["sort"] = (0..rng.random_range(1..4)).map(|_| key(rng)).collect();
    }
    if rng.random_bool(0.3) {
        query["page"] = json!({ "size": rng.random_range(1..9), "number": rng.random_range(0..4) });
    }
    query
}

/// What a database finds.
async fn found(database: &Database, realm: RealmId, query: &Value) -> (Vec<String>, usize) {
    let parsed = parse(query).unwrap_or_else(|error| panic!("{query}: {error}"));
    let hits = database.search(realm, &parsed, LIMIT, MOST).await;
    let hits = hits
        .unwrap_or_else(|error| panic!("{query}: {error}"))
        .expect("a small page");
    let paths = hits.entries.iter().map(|hit| hit.path.as_str().to_owned());
    (paths.collect(), hits.total as usize)
}

const GERMAN: &str = "Postgres, German, by its indexes";

/// The databases: a Postgres of the plainest locale, one of another that compares texts and changes their case in ways of
/// its own, a SQLite.
async fn databases(folder: &Path) -> Vec<(&'static str, Database)> {
    let plain = server().database().await;
    let german = format!("{plain}_german");
    let postgres = open(Some(plain), folder).await;
    let name = german.rsplit('/').next().expect("a URL");
    let create = format!(
        "CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk'"
    );
    execute!(&postgres, create);
    // So few entries would never be worth an index. Plans that are thought this dear would each be compiled.
    for setting in ["enable_seqscan", "jit"] {
        execute!(
            &postgres,
            format!("ALTER DATABASE {name} SET {setting} = off")
        );
    }
    vec![
        ("Postgres", postgres),
        (GERMAN, open(Some(german), folder).await),
        ("SQLite", open(None, folder).await),
    ]
}

#[tokio::test]
async fn both_databases_find_what_the_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut staged = Vec::new();
    for (name, database) in databases(folder.path()).await {
        let searched = realm(&database, REALM).await;
        if name == GERMAN {
            // None is left but those that look into entries.
            let sql = "ALTER TABLE index_entries DROP CONSTRAINT index_entries_realm_id_path_key";
            execute!(&database, sql.to_owned());
        }
        // Another realm's entries are nobody else's.
        let other = realm(&database, "http://h.example/other/").await;
        let entry = Entry::card("a.json", json!({ "a": 1, "b": "one" }));
        add(&database, other, &entry).await;
        staged.push((name, database, searched));
    }
    let (mut some, mut none) = (0, 0);
    for seed in 0..25 {
        let mut rng = StdRng::seed_from_u64(seed);
        let count = rng.random_range(1..25);
        let entries: Vec<_> = (0..count).map(|number| entry(&mut rng, number)).collect();
        for (_, database, realm) in &staged {
            fill(database, *realm, &entries).await;
        }
        for _ in 0..80 {
            let query = query(&mut rng);
            let expected = naive::search(&entries, &query);
            for (name, database, realm) in &staged {
                let found = found(database, *realm, &query).await;
                assert_eq!(
                    found, expected,
                    "{name}, seed {seed}: {query}\n{entries:#?}"
                );
            }
            if expected.1 == 0 {
                none += 1;
            } else {
                some += 1;
            }
        }
    }
    println!("{some} queries found something, {none} nothing");
    assert!(
        some > 500 && none > 200,
        "{some} and {none}: that shows little"
    );
}

#[tokio::test]
async fn the_largest_queries_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let keys = vec!["a"; 16].join(".");
    let inner = (0..16).fold(json!("x\u{1c6}y"), |inner, _| json!([{ "a": inner }]));
    let document = inner[0].clone();
    let deep = (0..63).fold(
        json!({ "eq": { &keys: "no" } }),
        |inner, _| json!({ "not": inner }),
    );
    let wide = |filter: Value| json!({ "any": vec![filter; 498] });
    let words: Vec<_> = (0..500).map(|number| format!("w{number}")).collect();
    let sorts = json!({ "by": &keys, "direction": "desc" });
    for (name, database) in databases(folder.path()).await {
        let realm = realm(&database, REALM).await;
        let entry = Entry {
            words: words.join(" "),
            ..Entry::card("a.json", document.clone())
        };
        add(&database, realm, &entry).await;
        for (filter, expected) in [
            (deep.clone(), 1),
            (wide(json!({ "eq": { &keys: "no" } })), 0),
            (
                wide(
                    json!({ "range": { &keys: { "gt": "y", "gte": "y", "lt": "z", "lte": "z" } } }),
                ),
                0,
            ),
            (
                json!({ "every": vec![json!({ "contains": { &keys: "X\u{1c4}Y" } }); 498] }),
                1,
            ),
            (json!({ "contains": { &keys: "\u{1c6}".repeat(1000) } }), 0),
            (
                json!({ "type": { "module": "./m", "name": "x".repeat(10_000) } }),
                0,
            ),
        ] {
            let query = json!({ "filter": filter });
            assert_eq!(found(&database, realm, &query).await.1, expected, "{name}");
        }
        let all = json!({ "filter": { "matches": words.join(" ") } });
        assert_eq!(found(&database, realm, &all).await.1, 1, "{name}");
        let sorted = json!({ "sort": vec![&sorts; 40] });
        assert_eq!(found(&database, realm, &sorted).await.1, 1, "{name}");
        let last = json!({ "page": { "size": 100, "number": u32::MAX } });
        assert_eq!(found(&database, realm, &last).await, (vec![], 1), "{name}");
    }
}

#[tokio::test]
async fn the_words_of_an_entry_are_those_that_it_has_now() {
    let folder = tempfile::tempdir().unwrap();
    for (name, database) in databases(folder.path()).await {
        let realm = realm(&database, REALM).await;
        add(
            &database,
            realm,
            &Entry::card("a.json", json!({ "a": "before" })),
        )
        .await;
        let found = async |word: &str| {
            found(&database, realm, &json!({ "filter": { "matches": word } }))
                .await
                .1
        };
        assert_eq!(
            (found("before").await, found("after").await),
            (1, 0),
            "{name}"
        );
        execute!(
            &database,
            "UPDATE index_entries SET words = 'after'".to_owned()
        );
        assert_eq!(
            (found("before").await, found("after").await),
            (0, 1),
            "{name}"
        );
        execute!(&database, "DELETE FROM index_entries".to_owned());
        assert_eq!(
            (found("before").await, found("after").await),
            (0, 0),
            "{name}"
        );
    }
}
