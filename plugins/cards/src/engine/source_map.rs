//! Source maps, version 3: from a place in what runs to the place that its author wrote.

use serde::Deserialize;

/// A map of one module.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SourceMap {
    #[serde(default)]
    sources: Vec<Option<String>>,
    #[serde(default)]
    source_root: Option<String>,
    mappings: String,
}

/// A place in a source; line and column count from 0, columns in UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// As the map names it; none where the map has but one source, which then is the module's own.
    pub(crate) source: Option<String>,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl SourceMap {
    /// None for what is no map; a map of sections is none that we read.
    pub(crate) fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok()
    }

    /// Where `line` and `column` (from 0) of the module come from: the segment that covers the place.
    pub(crate) fn origin(&self, line: u32, column: u32) -> Option<Origin> {
        let (mut source, mut source_line, mut source_column) = (0_i64, 0_i64, 0_i64);
        for (number, segments) in (0_u32..).zip(self.mappings.split(';')) {
            let mut generated = 0_i64;
            let mut found = None;
            for segment in segments.split(',').filter(|segment| !segment.is_empty()) {
                let fields = decode(segment)?;
                generated += fields.first()?;
                if let [_, source_by, line_by, column_by, ..] = fields[..] {
                    source += source_by;
                    source_line += line_by;
                    source_column += column_by;
                    if number == line && (generated <= i64::from(column) || found.is_none()) {
                        found = Some((source, source_line, source_column));
                    }
                }
            }
            if number == line {
                let (source, line, column) = found?;
                return Some(Origin {
                    source: self.name(source),
                    line: u32::try_from(line).ok()?,
                    column: u32::try_from(column).ok()?,
                });
            }
        }
        None
    }

    fn name(&self, source: i64) -> Option<String> {
        if self.sources.len() < 2 {
            return None;
        }
        let name = self.sources.get(usize::try_from(source).ok()?)?.clone()?;
        Some(match &self.source_root {
            Some(root) if !root.is_empty() => format!("{}/{name}", root.trim_end_matches('/')),
            _ => name,
        })
    }
}

/// The numbers of one segment: base64 digits of five bits each, the sixth says that more follow.
fn decode(segment: &str) -> Option<Vec<i64>> {
    let mut fields = Vec::with_capacity(5);
    let (mut value, mut shift) = (0_i64, 0_u32);
    for byte in segment.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        value |= i64::from(digit & 31).checked_shl(shift)?;
        if digit & 32 != 0 {
            shift += 5;
            if shift > 40 {
                return None;
            }
        } else {
            fields.push(if value & 1 == 1 {
                -(value >> 1)
            } else {
                value >> 1
            });
            (value, shift) = (0, 0);
        }
    }
    (shift == 0).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(mappings: &str, line: u32, column: u32) -> Option<(u32, u32)> {
        let map =
            format!(r#"{{"version":3,"sources":["a.ts"],"names":[],"mappings":"{mappings}"}}"#);
        let origin = SourceMap::parse(&map)?.origin(line, column)?;
        assert_eq!(origin.source, None);
        Some((origin.line, origin.column))
    }

    #[test]
    fn finds_the_segment_that_covers_a_place() {
        // Line 0: column 0 is 0:0, column 4 is 2:6. Line 2: column 2 is 1:0.
        let mappings = "AAAA,IAEM;;EADN";
        assert_eq!(origin(mappings, 0, 3), Some((0, 0)));
        assert_eq!(origin(mappings, 0, 4), Some((2, 6)));
        assert_eq!(origin(mappings, 0, 99), Some((2, 6)));
        assert_eq!(origin(mappings, 2, 2), Some((1, 0)));
        assert_eq!(origin(mappings, 2, 0), Some((1, 0)));
        assert_eq!(origin(mappings, 1, 0), None);
        assert_eq!(origin(mappings, 9, 0), None);
    }

    #[test]
    fn what_is_no_map_leads_nowhere() {
        assert!(SourceMap::parse("[]").is_none());
        assert_eq!(origin("A!", 0, 0), None);
        assert_eq!(origin("gggggggggggggA", 0, 0), None);
    }

    #[test]
    fn sources_are_named_where_there_are_several() {
        let map = SourceMap::parse(
            r#"{"sources":["a.ts","b.ts"],"sourceRoot":"lib/","mappings":"ACAA"}"#,
        );
        let origin = map.unwrap().origin(0, 0).unwrap();
        assert_eq!(origin.source.as_deref(), Some("lib/b.ts"));
    }
}
