use serde_json::Value;

use super::parts;
use crate::plugins::{Position, SourceMap};

/// Segments and lines of a map.
const MOST: usize = 2000;

/// Two lines: a source map, and one of what was made of its text. A map that is taken is one of version 3 and flat; what is
/// written of it is read as the same; and the second leads through the first to nothing but what they lead to.
pub fn source_map(data: &[u8]) -> bool {
    let Some([earlier, later]) = parts(data) else {
        return false;
    };
    let (Some(earlier), Some(later)) = (taken(earlier), taken(later)) else {
        return false;
    };
    let Ok(Some(input)) = later.input("b/a.x", "https://h/b/a.x") else {
        return true;
    };
    let made = later.through(input, &earlier);
    written(&made);
    for line in 0..12 {
        for column in 0..40 {
            let Some(place) = made.origin(Position { line, column }) else {
                continue;
            };
            let source = &made.sources()[place.source];
            let known = |map: &SourceMap| map.sources().contains(source);
            assert!(known(&earlier) || known(&later), "{source:?}");
        }
    }
    true
}

fn taken(json: &[u8]) -> Option<SourceMap> {
    let map = SourceMap::read(json, MOST).ok()?;
    let document: Value = serde_json::from_slice(json).expect("JSON");
    assert_eq!(document["version"].as_u64(), Some(3));
    assert!(document["sections"].is_null());
    written(&map);
    Some(map)
}

/// What is written of a map is the map.
fn written(map: &SourceMap) {
    let json = map.to_json();
    let again = SourceMap::read(&json, usize::MAX);
    let again = again.unwrap_or_else(|error| panic!("{error}: {json:?}"));
    assert_eq!(again.sources(), map.sources());
    assert_eq!(again.to_json(), json);
}
