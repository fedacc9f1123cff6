use serde_json::{Value, json};

use super::{BadMap, Place, SourceMap, kept};
use crate::plugins::Position;

fn read(map: &Value) -> Result<SourceMap, BadMap> {
    SourceMap::read(map.to_string().as_bytes(), 100)
}

fn at(line: u32, column: u32) -> Position {
    Position { line, column }
}

#[test]
fn what_is_no_map_says_why() {
    let error = |map: Value| read(&map).unwrap_err().to_string();
    assert!(error(json!([])).contains("no source map of version 3"));
    assert!(error(json!({ "version": 3, "sources": [] })).contains("no `mappings`"));
    assert!(error(json!({ "version": 2, "mappings": "" })).contains("version is 2"));
    let index = json!({ "version": 3, "sections": [] });
    assert_eq!(read(&index).unwrap_err(), BadMap::Sections);
    let many = json!({ "version": 3, "sources": ["a"], "mappings": ";".repeat(100) });
    assert_eq!(read(&many).unwrap_err(), BadMap::Size(100));
    for mappings in ["AAAA", "A!", "gggggggggggggggggggggggA", "AA", "D", "AADA"] {
        let sources: &[&str] = if mappings == "AAAA" { &[] } else { &["a"] };
        let map = json!({ "version": 3, "sources": sources, "mappings": mappings });
        let told = error(map);
        assert!(told.contains("`mappings`"), "{mappings}: {told}");
    }
}

#[test]
fn a_place_is_found_by_the_segment_before_it_on_its_line() {
    // 1:1 from a 1:1, 1:5 from a 2:3, 3:3 from a 3:3.
    let map = json!({ "version": 3, "sources": ["a"], "mappings": "AAAA,IACE;;EACA" });
    let map = read(&map).unwrap();
    let found = |line, column| map.origin(at(line, column)).map(|place| place.position);
    assert_eq!(found(1, 4), Some(at(1, 1)));
    assert_eq!(found(1, 5), Some(at(2, 3)));
    assert_eq!(found(1, 500), Some(at(2, 3)));
    assert_eq!(found(2, 1), None);
    // Before the line's first one there is nothing better.
    assert_eq!(found(3, 1), Some(at(3, 3)));
    assert_eq!(found(0, 1), None);
    assert_eq!(found(u32::MAX, u32::MAX), None);
}

#[test]
fn the_source_that_is_the_input_is_found_by_its_name() {
    let named = |sources: Value| {
        read(&json!({ "version": 3, "sourceRoot": "", "sources": sources, "mappings": "" }))
            .unwrap()
            .input("b/a.x", "https://h/b/a.x")
    };
    assert_eq!(named(json!([])), Ok(None));
    assert_eq!(named(json!([null])), Ok(Some(0)));
    assert_eq!(named(json!(["whatever"])), Ok(Some(0)));
    for one in ["a.x", "./a.x", "b/a.x", "https://h/b/a.x"] {
        assert_eq!(named(json!(["other", one])), Ok(Some(1)), "{one}");
    }
    let error = named(json!(["other", "another"])).unwrap_err().to_string();
    assert!(error.contains("`b/a.x`: `other`, `another`"), "{error}");
}

#[test]
fn a_map_is_kept_as_it_is_unless_it_lacks_the_input() {
    let file = ("a", "https://h/a", "text".as_bytes());
    let whole =
        json!({ "version": 3, "sources": ["a"], "sourcesContent": ["x"], "mappings": "AAAA" });
    assert_eq!(kept(whole.to_string().as_bytes(), file, 9), Ok(None));
    let mut lacking =
        json!({ "version": 3, "sources": ["b", "a"], "names": ["n"], "mappings": "ACAAA" });
    let texts = [
        (None, json!([null, "text"])),
        (Some(Value::Null), json!([null, "text"])),
        (Some(json!([])), json!([null, "text"])),
        (Some(json!(["b's", null])), json!(["b's", "text"])),
    ];
    for (given, whole) in texts {
        if let Some(given) = given {
            lacking["sourcesContent"] = given;
        }
        let filled = kept(format!(" {lacking}").as_bytes(), file, 9);
        let filled: Value = serde_json::from_slice(&filled.unwrap().unwrap()).unwrap();
        assert_eq!(filled["sourcesContent"], whole, "{lacking}");
        for key in ["version", "sources", "names", "mappings"] {
            assert_eq!(filled[key], lacking[key], "{key} of {lacking}");
        }
    }
    let binary = ("a", "https://h/a", &b"\xff"[..]);
    lacking["sourcesContent"].take();
    assert_eq!(kept(lacking.to_string().as_bytes(), binary, 9), Ok(None));
}

#[test]
fn maps_lead_through_one_another() {
    let earlier = json!({
        "version": 3, "sourceRoot": "src", "sources": ["a"], "sourcesContent": ["A"], "names": ["near"],
        "mappings": "AAAAA,IACE;;EACA"
    });
    let later = json!({
        "version": 3, "sources": ["b", "c"], "names": ["far"],
        // 1:1 from b 1:2, 1:3 from b 2:1 (which comes from nowhere), 1:5 from c 1:1, 2:1 from b 1:6 with a name.
        "mappings": "AAAC,EACD,ECDA;ADAKA"
    });
    let (earlier, later) = (read(&earlier).unwrap(), read(&later).unwrap());
    let made = later.through(0, &earlier);
    let names: Vec<_> = made
        .sources()
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(names, ["src/a", "c"]);
    assert_eq!(made.sources()[0].contents.as_deref(), Some("A"));
    let found = |line, column| made.origin(at(line, column));
    let place = |source, line, column| {
        let position = at(line, column);
        Some(Place { source, position })
    };
    assert_eq!(found(1, 1), place(0, 1, 1));
    assert_eq!(found(1, 3), None);
    assert_eq!(found(1, 5), place(1, 1, 1));
    assert_eq!(found(2, 1), place(0, 2, 3));
    let written: Value = serde_json::from_slice(&made.to_json()).unwrap();
    assert_eq!(written["names"], json!(["near", "far"]));
    assert_eq!(read(&written).unwrap().to_json(), made.to_json());
}
