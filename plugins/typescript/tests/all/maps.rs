//! Source maps.

use serde_json::Value;

use crate::transpile;

/// `(generated line, generated column, source line, source column)`, all from 0.
fn mappings(map: &Value) -> Vec<(usize, i64, i64, i64)> {
    let (mut line, mut column) = (0, 0);
    let mut found = Vec::new();
    for (generated, segments) in map["mappings"].as_str().unwrap().split(';').enumerate() {
        let mut at = 0;
        for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
            let fields = vlq(segment);
            at += fields[0];
            assert_eq!(fields[1], 0, "one source");
            line += fields[2];
            column += fields[3];
            found.push((generated, at, line, column));
        }
    }
    found
}

fn vlq(segment: &str) -> Vec<i64> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut fields, mut value, mut shift) = (Vec::new(), 0, 0);
    for digit in segment
        .chars()
        .map(|digit| DIGITS.find(digit).unwrap() as i64)
    {
        value |= (digit & 31) << shift;
        shift += 5;
        if digit & 32 == 0 {
            fields.push(if value & 1 == 1 {
                -(value >> 1)
            } else {
                value >> 1
            });
            (value, shift) = (0, 0);
        }
    }
    fields
}

/// Where in the source, by its map, the text that `needle` finds in the output comes from.
#[track_caller]
fn origin(path: &str, text: &str, needle: &str) -> (i64, i64) {
    let output = transpile(path, text).unwrap();
    let code = String::from_utf8(output.contents).unwrap();
    let map = serde_json::from_str(&output.source_map.expect("a source map")).unwrap();
    let offset = code.find(needle).expect(needle);
    let line = code[..offset].matches('\n').count();
    let column = code[..offset]
        .rsplit('\n')
        .next()
        .unwrap()
        .encode_utf16()
        .count() as i64;
    let found = mappings(&map)
        .into_iter()
        .rfind(|at| at.0 == line && at.1 <= column)
        .expect("a mapping");
    (found.2 + 1, found.3 + 1)
}

#[test]
fn a_map_names_its_source_whose_text_the_host_knows() {
    let text = "interface A {}\nexport const a: number = 1;\n";
    let output = transpile("src/lib/a.ts", text).unwrap();
    let map: Value = serde_json::from_str(&output.source_map.unwrap()).unwrap();
    assert_eq!(map["version"], 3);
    assert_eq!(map["sources"], serde_json::json!(["a.ts"]));
    assert_eq!(map.get("sourcesContent"), None);
    assert!(map["sourceRoot"].is_null() || map["sourceRoot"] == "");
}

#[test]
fn positions_lead_back_to_the_source() {
    let text = "interface A {\n  x: string;\n}\n\nexport function f(): void {\n  throw new Error(\"x\");\n}\n";
    assert_eq!(origin("a.ts", text, "throw"), (6, 3));
    assert_eq!(origin("a.ts", text, "Error"), (6, 13));
    assert_eq!(
        origin(
            "a.tsx",
            "type A = 1;\nlet é = '𝒃', a = <p>{call()}</p>;",
            "call"
        ),
        (2, 23)
    );
}

#[test]
fn helpers_move_no_position() {
    let text = "@x\nclass A {\n  m() {\n    fail();\n  }\n}\n";
    assert_eq!(origin("a.ts", text, "fail"), (4, 5));
}

#[test]
fn outputs_are_the_same_every_time() {
    let text = "import { a } from './a';\n@x class A { @y z = <p/>; async *m() { using b = a; } }";
    let first = transpile("a.tsx", text).unwrap();
    for _ in 0..5 {
        assert_eq!(transpile("a.tsx", text).unwrap(), first);
    }
}
