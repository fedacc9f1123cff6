//! Sentences of what plugins give and say: source maps, schemas of their options.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::generate::pick;

/// Two source maps, a line each.
pub(crate) fn maps(rng: &mut StdRng) -> Vec<u8> {
    format!("{}\n{}", map(rng), map(rng)).into_bytes()
}

fn map(rng: &mut StdRng) -> Value {
    let sources = rng.random_range(0..4);
    let source = |rng: &mut StdRng| pick(rng, &["b/a.x", "a.x", "./a.x", "b", "c", ""]);
    let named: Vec<_> = (0..sources).map(|_| source(rng)).collect();
    let segment = |rng: &mut StdRng| -> String {
        let number = |rng: &mut StdRng| pick(rng, &["A", "A", "C", "E", "K", "D", "gB", "ggggggB"]);
        let numbers = pick(rng, &[1, 4, 4, 4, 5]);
        let mut text: String = (0..numbers).map(|_| number(rng)).collect();
        if rng.random_bool(0.7) && numbers > 1 {
            // Of the same source as before, most often.
            text.replace_range(1.., &format!("A{}", "A".repeat(numbers - 2)));
        }
        text
    };
    let mappings: String = (0..rng.random_range(0..12))
        .map(|_| segment(rng) + pick(rng, &[",", ",", ";", ";;"]))
        .collect();
    let mut map = json!({
        "version": 3, "sources": named, "names": ["n", "m"], "mappings": mappings,
    });
    if rng.random() {
        map["sourcesContent"] = json!(["text", null]);
    }
    if rng.random_bool(0.2) {
        map["sourceRoot"] = json!(pick(rng, &["", "b", "b/"]));
    }
    map
}

/// A schema of options, and options, a line each.
pub(crate) fn schema_and_options(rng: &mut StdRng) -> Vec<u8> {
    let mut schema = schema(rng, 3);
    schema["$defs"] = json!({ "a": { "type": "string", "pattern": "^a" } });
    let options = json!({ "a": value(rng, 2), "b": value(rng, 2) });
    format!("{schema}\n{options}").into_bytes()
}

fn schema(rng: &mut StdRng, depth: usize) -> Value {
    if depth == 0 {
        return pick(
            rng,
            &[
                json!({ "type": "string" }),
                json!({ "$ref": "#/$defs/a" }),
                json!({ "enum": ["a", 1, null] }),
                json!({ "maximum": 3 }),
                json!({ "pattern": "^(a+)+$" }),
            ],
        );
    }
    let inner = schema(rng, depth - 1);
    let other = schema(rng, depth - 1);
    match rng.random_range(0..7) {
        0 => json!({ "anyOf": [inner, other] }),
        1 => json!({ "oneOf": [inner, other] }),
        2 => json!({ "not": inner }),
        3 => json!({ "items": inner, "maxItems": 2 }),
        4 => json!({ "if": inner, "then": other }),
        _ => {
            json!({ "type": "object", "properties": { "a": inner, "b": other }, "required": ["a"], "additionalProperties": false })
        }
    }
}

fn value(rng: &mut StdRng, depth: usize) -> Value {
    match rng.random_range(0..6) {
        0 if depth > 0 => json!([value(rng, depth - 1)]),
        1 if depth > 0 => json!({ "a": value(rng, depth - 1), "c": 1 }),
        2 => json!("aaaaaaaaaaaaaaaaaaaaaaaab"),
        3 => json!(7),
        4 => json!(null),
        _ => json!("a"),
    }
}
