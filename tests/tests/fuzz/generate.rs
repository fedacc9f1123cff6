//! Makes an input: a seed with a few edits, a sentence of the target's grammar, or just bytes.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

use super::grammar;
use super::words::words;

/// An input for a target.
pub(crate) fn generate(target: &str, seeds: &[Vec<u8>], rng: &mut StdRng) -> Vec<u8> {
    let words = words(target);
    let mut input = match rng.random_range(0..20) {
        0 => (0..rng.random_range(0..64)).map(|_| rng.random()).collect(),
        1..8 => pick(rng, seeds),
        _ => grammar::sentence(target, rng),
    };
    // As JSON it stays JSON, and gets further than with a byte of it changed.
    let is_json = words.contains(&"{");
    if is_json
        && rng.random_bool(0.5)
        && let Ok(mut document) = serde_json::from_slice::<Value>(&input)
    {
        for _ in 0..rng.random_range(1..4) {
            change(&mut document, rng, words);
        }
        input = if rng.random() {
            format!("{document:#}")
        } else {
            document.to_string()
        }
        .into_bytes();
    }
    let edited = rng.random_bool(if is_json { 0.2 } else { 0.6 });
    let edits = if edited { rng.random_range(1..5) } else { 0 };
    for _ in 0..edits {
        edit(&mut input, rng, words, seeds);
    }
    input
}

/// One of some.
pub(crate) fn pick<T: Clone>(rng: &mut StdRng, all: &[T]) -> T {
    all.choose(rng).expect("there is one").clone()
}

/// Changes some bytes.
fn edit(input: &mut Vec<u8>, rng: &mut StdRng, words: &[&str], seeds: &[Vec<u8>]) {
    let at = rng.random_range(0..=input.len());
    let to = (at + rng.random_range(0..8)).min(input.len());
    match rng.random_range(0..10) {
        0 => {
            input.drain(at..to);
        }
        1 => input.insert(at, rng.random()),
        2 if at < input.len() => input[at] ^= 1 << rng.random_range(0..8),
        3 => {
            let again = input[at..to].to_vec();
            input.splice(at..at, again);
        }
        4 => input.truncate(at),
        5 => {
            let other = pick(rng, seeds);
            let from = rng.random_range(0..=other.len());
            input.splice(at.., other[from..].iter().copied());
        }
        // Long enough for any bound, now and then.
        6 if rng.random_bool(0.02) => {
            let word = pick(rng, words).repeat(rng.random_range(1..1200));
            input.splice(at..at, word.into_bytes());
        }
        7 => {
            input.splice(at..to, pick(rng, words).bytes());
        }
        _ => {
            input.splice(at..at, pick(rng, words).bytes());
        }
    }
}

/// Changes a document in one place.
pub(crate) fn change(document: &mut Value, rng: &mut StdRng, words: &[&str]) {
    let mut place = document;
    // One step down, until chance or a leaf ends it.
    while rng.random_bool(0.8) {
        let inner = match &*place {
            Value::Array(all) if !all.is_empty() => rng.random_range(0..all.len()),
            Value::Object(all) if !all.is_empty() => rng.random_range(0..all.len()),
            _ => break,
        };
        place = match place {
            Value::Array(all) => &mut all[inner],
            Value::Object(all) => all.values_mut().nth(inner).expect("it is one of them"),
            _ => unreachable!("it has something in it"),
        };
    }
    match place {
        Value::Array(all) if rng.random_bool(0.6) => {
            let at = rng.random_range(0..=all.len());
            match all.get(at).cloned() {
                Some(one) if rng.random() => all.push(one),
                Some(_) if rng.random() => drop(all.remove(at)),
                _ => all.insert(at, grammar::value(rng, words, 2)),
            }
        }
        Value::Object(all) if rng.random_bool(0.6) => {
            let key = all.keys().nth(rng.random_range(0..=all.len())).cloned();
            let value = key.and_then(|key| all.remove(&key));
            if rng.random() {
                let value = value.unwrap_or_else(|| grammar::value(rng, words, 2));
                all.insert(pick(rng, words).to_owned(), value);
            }
        }
        Value::String(text) if rng.random_bool(0.6) => {
            let letters: Vec<_> = text
                .char_indices()
                .map(|(at, _)| at)
                .chain([text.len()])
                .collect();
            let word: &str = pick(rng, words);
            text.insert_str(pick(rng, &letters), word);
        }
        place => *place = grammar::value(rng, words, 2),
    }
}
