//! Maps led through one another, against a model that looks at every segment.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use realm_host::plugins::{Position, SourceMap};
use serde_json::{Value, json};

/// The sources of a map, and what each segment's place comes from: source, line, column, name.
#[derive(Clone, Debug)]
struct Naive {
    sources: Vec<String>,
    segments: Vec<((u32, u32), From)>,
}

type From = Option<(usize, u32, u32, Option<String>)>;

/// What a place comes from, by the name of its source.
type Found = Option<(String, u32, u32, Option<String>)>;

impl Naive {
    fn at(&self, line: u32, column: u32) -> From {
        let mut found = None;
        for ((of, begins), from) in &self.segments {
            if *of == line && *begins <= column {
                found = Some(from.clone());
            }
        }
        found.flatten()
    }

    fn found(&self, line: u32, column: u32) -> Found {
        let (source, line, column, name) = self.at(line, column)?;
        Some((self.sources[source].clone(), line, column, name))
    }

    fn names(&self) -> Vec<String> {
        let named = self.segments.iter();
        named.filter_map(|(_, from)| from.clone()?.3).collect()
    }

    fn to_json(&self) -> String {
        let names = self.names();
        let mut mappings = String::new();
        let (mut line, mut column, mut last, mut name) = (0, 0, [0, 0, 0], 0);
        let mut begun = false;
        for ((of, begins), from) in &self.segments {
            while line < *of {
                mappings.push(';');
                (line, column, begun) = (line + 1, 0, false);
            }
            if begun {
                mappings.push(',');
            }
            begun = true;
            vlq(&mut mappings, i64::from(*begins) - column);
            column = i64::from(*begins);
            if let Some((source, from_line, from_column, named)) = from {
                let place = [
                    *source as i64,
                    i64::from(*from_line),
                    i64::from(*from_column),
                ];
                for (new, old) in place.iter().zip(last) {
                    vlq(&mut mappings, new - old);
                }
                last = place;
                if let Some(named) = named {
                    let number = names.iter().position(|known| known == named);
                    let number = number.expect("it is listed") as i64;
                    vlq(&mut mappings, number - name);
                    name = number;
                }
            }
        }
        let contents = self
            .sources
            .iter()
            .map(|source| format!("text of {source}"));
        json!({
            "version": 3, "sources": self.sources, "sourcesContent": contents.collect::<Vec<_>>(),
            "names": names, "mappings": mappings,
        })
        .to_string()
    }

    fn of_json(json: &[u8]) -> Self {
        let map: Value = serde_json::from_slice(json).expect("JSON");
        let texts = |key: &str| -> Vec<String> {
            let all = map[key].as_array().expect("a list").iter();
            all.map(|one| one.as_str().expect("a text").to_owned())
                .collect()
        };
        let (sources, names) = (texts("sources"), texts("names"));
        for (source, contents) in sources.iter().zip(texts("sourcesContent")) {
            assert_eq!(contents, format!("text of {source}"));
        }
        let mut segments = Vec::new();
        let mut last = [0_i64; 5];
        let lines = map["mappings"].as_str().expect("a text").split(';');
        for (line, text) in lines.enumerate() {
            last[0] = 0;
            for segment in text.split(',').filter(|segment| !segment.is_empty()) {
                let numbers = numbers(segment);
                for (number, delta) in numbers.iter().enumerate() {
                    last[number] += delta;
                }
                let from = (numbers.len() > 1).then(|| {
                    let name = (numbers.len() > 4).then(|| names[last[4] as usize].clone());
                    (last[1] as usize, last[2] as u32, last[3] as u32, name)
                });
                segments.push(((line as u32, last[0] as u32), from));
            }
        }
        Self { sources, segments }
    }
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn vlq(out: &mut String, number: i64) {
    let mut rest = (number.unsigned_abs() << 1) | u64::from(number < 0);
    loop {
        let digit = (rest % 32) as usize;
        rest /= 32;
        out.push(char::from(DIGITS[digit + if rest > 0 { 32 } else { 0 }]));
        if rest == 0 {
            return;
        }
    }
}

fn numbers(segment: &str) -> Vec<i64> {
    let (mut all, mut number, mut digits) = (Vec::new(), 0_i64, 0);
    for byte in segment.bytes() {
        let digit = DIGITS.iter().position(|known| *known == byte);
        let digit = digit.expect("a digit") as i64;
        number += (digit % 32) << (5 * digits);
        digits += 1;
        if digit < 32 {
            let magnitude = number >> 1;
            all.push(if number % 2 == 1 {
                -magnitude
            } else {
                magnitude
            });
            (number, digits) = (0, 0);
        }
    }
    all
}

/// A map whose first source is called `input`.
fn map(input: &'static str) -> impl Strategy<Value = Naive> {
    (1_usize..4).prop_flat_map(move |count| {
        let sources = (0..count).map(|number| match number {
            0 => input.to_owned(),
            _ => format!("other{number}"),
        });
        let sources: Vec<_> = sources.collect();
        let from = (0..count, 0_u32..4, 0_u32..10, option::of("[a-c]"));
        let segments = btree_map((0_u32..4, 0_u32..10), option::weighted(0.85, from), 0..20);
        segments.prop_map(move |segments| Naive {
            sources: sources.clone(),
            segments: segments.into_iter().collect(),
        })
    })
}

fn read(map: &Naive) -> SourceMap {
    SourceMap::read(map.to_json().as_bytes(), 1000).expect("a map")
}

proptest! {
    #[test]
    fn what_is_read_is_what_is_written(map in map("a")) {
        let again = Naive::of_json(&read(&map).to_json());
        prop_assert_eq!(again.sources, map.sources);
        prop_assert_eq!(again.segments, map.segments);
    }

    #[test]
    fn a_place_leads_through_all_maps(all in vec(map("a"), 2..5)) {
        let mut made = read(&all[0]);
        for later in &all[1..] {
            let later = read(later);
            let input = later.input("a", "https://h/a").expect("it has it").expect("it has one");
            made = later.through(input, &made);
        }
        let written = Naive::of_json(&made.to_json());
        for line in 0..5 {
            for column in 0..12 {
                // From the last map to the first.
                let mut wanted: Found = Some(("a".to_owned(), line, column, None));
                for (number, map) in all.iter().enumerate().rev() {
                    let Some((source, line, column, name)) = wanted.clone() else { break };
                    let is_input = source == "a";
                    if !is_input {
                        break;
                    }
                    wanted = map.found(line, column).map(|(source, line, column, nearer)| {
                        (source, line, column, nearer.or(name))
                    });
                    let _ = number;
                }
                prop_assert_eq!(written.found(line, column), wanted.clone(), "{}:{}", line, column);
                let position = Position { line: line + 1, column: column + 1 };
                let origin = made.origin(position);
                if let Some((source, line, column, _)) = wanted {
                    let origin = origin.expect("it leads somewhere");
                    prop_assert_eq!(&made.sources()[origin.source].name, &source);
                    let there = Position { line: line + 1, column: column + 1 };
                    prop_assert_eq!(origin.position, there);
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_a_map_or_are_refused(bytes in vec(any::<u8>(), 0..200), mappings in "[A-Za-z0-9+/,;!]{0,60}") {
        let _ = SourceMap::read(&bytes, 1000);
        let json = json!({ "version": 3, "sources": ["a"], "names": ["b"], "mappings": mappings });
        if let Ok(map) = SourceMap::read(json.to_string().as_bytes(), 1000) {
            let again = SourceMap::read(&map.to_json(), 2000).expect("what was written");
            prop_assert_eq!(again.to_json(), map.to_json());
            prop_assert!(SourceMap::read(map.through(0, &map).to_json().as_ref(), 2000).is_ok());
        }
    }
}
