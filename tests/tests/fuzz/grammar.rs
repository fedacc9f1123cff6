//! Sentences of each target's grammar: most of them well-formed, some nearly so.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Map, Value, json};

use super::generate::{change, pick};
use super::given;
use super::words::words;

/// A sentence of a target's grammar, or nearly one.
pub(crate) fn sentence(target: &str, rng: &mut StdRng) -> Vec<u8> {
    match target {
        "path" => path(rng).into_bytes(),
        "realm_url" => realm_url(rng).into_bytes(),
        "payload" => payload(rng).into_bytes(),
        "range" => range(rng).into_bytes(),
        "if_none_match" => condition(rng).into_bytes(),
        "realm_json" => settings(rng).to_string().into_bytes(),
        "atomic" => operations(rng).to_string().into_bytes(),
        "query" => query(rng).to_string().into_bytes(),
        "token" => token(rng),
        "source_map" => given::maps(rng),
        "options_schema" => given::schema_and_options(rng),
        other => panic!("nothing is known of `{other}`"),
    }
}

/// Some of the words, in any order.
fn some(rng: &mut StdRng, words: &[&str], most: usize) -> String {
    (0..rng.random_range(1..=most))
        .map(|_| pick(rng, words))
        .collect()
}

fn path(rng: &mut StdRng) -> String {
    let segments: Vec<_> = (0..rng.random_range(1..4))
        .map(|_| some(rng, words("path"), 3))
        .collect();
    filled(segments.join("/"), 1024, rng)
}

/// Makes a text about `bound` bytes long, now and then.
fn filled(text: String, bound: usize, rng: &mut StdRng) -> String {
    let length = bound - 1 + rng.random_range(0..3);
    if text.len() < length && rng.random_bool(0.05) {
        "x".repeat(length - text.len()) + &text
    } else {
        text
    }
}

fn realm_url(rng: &mut StdRng) -> String {
    let scheme = pick(rng, &["http://", "https://", "HTTP://"]);
    let host = pick(
        rng,
        &[
            "h",
            "localhost",
            "Example.ORG",
            "[::1]",
            "127.0.0.1",
            "0x7f.1",
            "bücher.example",
        ],
    );
    let port = pick(rng, &["", "", ":80", ":443", ":4200", ":"]);
    let folders: String = (0..rng.random_range(0..3))
        .map(|_| format!("{}/", some(rng, words("path"), 2)))
        .collect();
    let before = format!("{scheme}{host}{port}/");
    let folders = filled(folders, 2048 - before.len(), rng);
    format!("{before}{folders}")
}

fn payload(rng: &mut StdRng) -> String {
    let realm = if rng.random() {
        realm_url(rng)
    } else {
        some(rng, words("payload"), 2)
    };
    let local = if rng.random_bool(0.2) {
        "*".to_owned()
    } else {
        path(rng)
    };
    format!("{realm}:{local}")
}

/// A number about as large as `near`.
fn about(rng: &mut StdRng, near: u64) -> String {
    let number = match rng.random_range(0..6) {
        0 => 0,
        1 => near.wrapping_sub(1),
        2 => near,
        3 => near.saturating_add(1),
        4 => rng.random_range(0..=near),
        _ => rng.random(),
    };
    // Wider than any number that we have, now and then.
    let more = "9".repeat(if rng.random_bool(0.05) { 30 } else { 0 });
    format!("{}{number}{more}", pick(rng, &["", "", "", "0"]))
}

fn range(rng: &mut StdRng) -> String {
    let length = match rng.random_range(0..5) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => rng.random(),
        _ => rng.random_range(1..200),
    };
    let spec = |rng: &mut StdRng| {
        let mut end = |chance| {
            if rng.random_bool(chance) {
                about(rng, length)
            } else {
                String::new()
            }
        };
        format!("{}-{}", end(0.8), end(0.7))
    };
    let mut specs = spec(rng);
    if rng.random_bool(0.1) {
        specs = format!("{specs},{}", spec(rng));
    }
    let unit = pick(
        rng,
        &[
            "bytes", "bytes", "bytes", "Bytes", "BYTES", "bytes ", "lines",
        ],
    );
    let condition = if rng.random_bool(0.7) {
        String::new()
    } else {
        some(rng, &words("range")[19..], 2)
    };
    format!("{length}\n{unit}={specs}\n{condition}")
}

fn condition(rng: &mut StdRng) -> String {
    let tags = ["a", "b", "ab", "x,y", "0123-br", "*", "W/"];
    let own = pick(rng, &["a", "b", "x,y", "0123-br"]);
    if rng.random_bool(0.1) {
        return format!("{own}\n{}*", pick(rng, &["", " ", "\t"]));
    }
    let mut lines = own.to_owned();
    for _ in 0..rng.random_range(1..3) {
        let list: Vec<_> = (0..rng.random_range(1..4))
            .map(|_| format!("{}\"{}\"", pick(rng, &["", "", "W/"]), pick(rng, &tags)))
            .collect();
        lines = format!(
            "{lines}\n{}",
            list.join(pick(rng, &[",", ", ", " ,\t", ",,", " "]))
        );
    }
    lines
}

fn settings(rng: &mut StdRng) -> Value {
    let extensions = [".ts", ".gts", ".a.b", ". ", "..", ".é"];
    let mut keys = Map::new();
    if rng.random() {
        keys.insert("name".into(), json!(some(rng, words("realm_json"), 2)));
    }
    if rng.random() {
        let some: Vec<_> = (0..rng.random_range(0..4))
            .map(|_| pick(rng, &extensions))
            .collect();
        keys.insert("extensions".into(), json!(some));
    }
    if rng.random() {
        let mut choices = Map::new();
        for _ in 0..rng.random_range(0..3) {
            let choice = match rng.random_range(0..4) {
                0 => json!("svelte@5"),
                1 => json!({ "use": "typescript" }),
                2 => json!({ "options": { "a": value(rng, words("realm_json"), 3) } }),
                _ => json!({ "use": null, "options": { "b": value(rng, words("realm_json"), 3) } }),
            };
            choices.insert(pick(rng, &extensions).into(), choice);
        }
        keys.insert("plugins".into(), Value::Object(choices));
    }
    if rng.random() {
        keys.insert(
            "imports".into(),
            json!({ some(rng, words("realm_json"), 1): "/lib/", "lit": some(rng, words("realm_json"), 2) }),
        );
    }
    if rng.random() {
        keys.insert(
            "cacheControl".into(),
            json!(pick(rng, &["max-age=60", "no-store", "private, max-age=1"])),
        );
    }
    Value::Object(keys)
}

fn operations(rng: &mut StdRng) -> Value {
    let all: Vec<_> = (0..rng.random_range(0..4))
        .map(|_| operation(rng))
        .collect();
    json!({ "atomic:operations": all })
}

fn operation(rng: &mut StdRng) -> Value {
    let before = pick(
        rng,
        &[
            "",
            "",
            "",
            "./",
            "././",
            "http://h.example/r/",
            "http://other/r/",
            "../",
        ],
    );
    let file = match rng.random_range(0..4) {
        0 => path(rng),
        _ => pick(
            rng,
            &[
                "a.ts",
                "b c.json",
                "d/e.txt",
                "%C3%A9.ts",
                "a:b/c",
                "_x",
                "d/_info",
                "%25",
            ],
        )
        .to_owned(),
    };
    let href = format!("{before}{file}");
    let attributes = value(rng, words("atomic"), 3);
    match rng.random_range(0..4) {
        0 => json!({ "op": "remove", "href": href }),
        1 => {
            json!({ "op": "add", "href": href, "data": { "type": "card", "attributes": attributes } })
        }
        _ => json!({
            "op": pick(rng, &["add", "update"]), "href": href,
            "data": { "type": "source", "attributes": { "content": some(rng, words("atomic"), 3) } },
        }),
    }
}

fn query(rng: &mut StdRng) -> Value {
    let mut query = json!({});
    if rng.random_bool(0.9) {
        query["filter"] = filter(rng, 4);
    }
    if rng.random_bool(0.4) {
        let key = |rng: &mut StdRng| json!({ "by": attribute(rng), "direction": pick(rng, &["asc", "desc"]) });
        query["sort"] = (0..rng.random_range(0..4)).map(|_| key(rng)).collect();
    }
    if rng.random_bool(0.4) {
        query["page"] =
            json!({ "size": rng.random_range(0..52), "number": rng.random_range(0..4) });
    }
    query
}

fn attribute(rng: &mut StdRng) -> String {
    let keys = ["a", "b", "é", "a b", "\\.", "\\\\", "$", "\"", "\\", ""];
    let most = if rng.random_bool(0.02) { 18 } else { 3 };
    let count = rng.random_range(1..=most);
    let key = |rng: &mut StdRng| {
        let bad = rng.random_bool(0.03);
        pick(rng, if bad { &keys } else { &keys[..8] })
    };
    (0..count).map(|_| key(rng)).collect::<Vec<_>>().join(".")
}

fn filter(rng: &mut StdRng, depth: usize) -> Value {
    let name = attribute(rng);
    match rng.random_range(0..if depth == 0 { 6 } else { 9 }) {
        0 => json!({ "eq": { name: value(rng, words("query"), 0), attribute(rng): 1 } }),
        1 => json!({ "eq": { name: pick(rng, &["x", "", "\u{10ffff}"]) } }),
        2 => json!({ "contains": { name: filled(some(rng, words("query"), 2), 1000, rng) } }),
        3 => {
            let second = if rng.random_bool(0.9) {
                json!(2.5)
            } else {
                json!("2")
            };
            json!({ "range": { name: { pick(rng, &["gt", "gte"]): 1, pick(rng, &["lt", "lte"]): second } } })
        }
        4 => {
            json!({ "matches": format!("{} {}", pick(rng, &["one", "ﬁn*", "日本", ""]), some(rng, words("query"), 4)) })
        }
        5 => {
            json!({ "type": { "module": pick(rng, &["./a", "http://x/y.gts", "../z"]), "name": some(rng, words("query"), 1) } })
        }
        6 | 7 => {
            let all: Vec<_> = (0..rng.random_range(1..4))
                .map(|_| filter(rng, depth - 1))
                .collect();
            json!({ pick(rng, &["any", "every"]): all })
        }
        _ => json!({ "not": filter(rng, depth - 1) }),
    }
}

fn token(rng: &mut StdRng) -> Vec<u8> {
    let mut header = match rng.random_range(0..8) {
        0 => json!({ "alg": "HS256", "kid": "a" }),
        1 => json!({ "alg": pick(rng, &["none", "EdDSA", "HS384", "hs256"]) }),
        2 => json!({ "alg": "HS256", "crit": ["exp"] }),
        _ => json!({ "typ": "JWT", "alg": "HS256" }),
    };
    let name = pick(
        rng,
        &["ann", "@bob:example.org", "é", "*", "", " ann", "a b"],
    );
    let aud = match rng.random_range(0..6) {
        0 => json!(["http://other", "http://h.example"]),
        1 => json!("http://other"),
        _ => json!("http://h.example"),
    };
    // In 2100, with and without a fraction, long ago, and never.
    let exp = match rng.random_range(0..8) {
        0 => json!(4_102_444_800.5),
        1 => json!(1_000_000_000),
        2 => json!(1e300),
        _ => json!(4_102_444_800_i64),
    };
    let mut claims = json!({ "sub": name, "aud": aud, "exp": exp });
    if rng.random_bool(0.3) {
        claims["operator"] = json!(rng.random::<bool>());
    }
    if rng.random_bool(0.3) {
        claims["nbf"] = json!(pick(rng, &[0, 1_000_000_000, 4_000_000_000_i64]));
    }
    for document in [&mut header, &mut claims] {
        if rng.random_bool(0.1) {
            change(document, rng, words("token"));
        }
    }
    let mut input = format!("{header}\n{claims}\n").into_bytes();
    input.extend((0..rng.random_range(0..6)).map(|_| rng.random::<u8>()));
    input
}

/// Any JSON, at most so deep.
pub(crate) fn value(rng: &mut StdRng, words: &[&str], depth: usize) -> Value {
    match rng.random_range(0..if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(rng.random::<bool>()),
        2 => json!(rng.random::<i64>()),
        // Of any bits, and of few digits.
        3 => json!(f64::from_bits(rng.random())),
        4 => json!(f64::from(rng.random_range(0..1000)) / 10.0),
        5 => json!(some(rng, words, 2)),
        6 => (0..rng.random_range(0..3))
            .map(|_| value(rng, words, depth - 1))
            .collect(),
        _ => Value::Object(
            (0..rng.random_range(0..3))
                .map(|_| (some(rng, words, 1), value(rng, words, depth - 1)))
                .collect(),
        ),
    }
}
