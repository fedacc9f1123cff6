//! Where in a text of JSON something stands.

/// The line and column (from 1, in UTF-16 code units) of what `pointer` leads to in a JSON text; with `key`, of the key that
/// it stands under. Where there is nothing, of the nearest that it would be in. None: the text is not JSON.
#[must_use]
pub fn place_in_json(text: &[u8], pointer: &[String], key: bool) -> Option<(u32, u32)> {
    // From here on every token is where it should be.
    serde_json::from_slice::<serde::de::IgnoredAny>(text).ok()?;
    let mut at = skip_blanks(text, 0);
    for (number, step) in pointer.iter().enumerate() {
        let Some(found) = step_into(text, at, step) else {
            break;
        };
        let last = number + 1 == pointer.len();
        at = if last && key { found.0 } else { found.1 };
    }
    let before = std::str::from_utf8(text.get(..at)?).ok()?;
    let line = before.rsplit('\n').next().unwrap_or_default();
    let lines = before.bytes().filter(|byte| *byte == b'\n').count();
    let number = |count: usize| u32::try_from(count + 1).ok();
    Some((number(lines)?, number(line.encode_utf16().count())?))
}

/// Where the key and the value of a member stand, or where an item does; of two members of one name, the last counts.
fn step_into(text: &[u8], at: usize, step: &str) -> Option<(usize, usize)> {
    let (opens, mut found, mut number) = (*text.get(at)?, None, 0_usize);
    let mut at = skip_blanks(text, at + 1);
    while !matches!(text.get(at)?, b'}' | b']') {
        let begins = at;
        let meant = match opens {
            b'{' => {
                at = skip_value(text, at);
                let key: String = serde_json::from_slice(text.get(begins..at)?).ok()?;
                // The colon.
                at = skip_blanks(text, skip_blanks(text, at) + 1);
                key == step
            }
            b'[' => number.to_string() == step,
            _ => return None,
        };
        if meant {
            found = Some((begins, at));
        }
        at = skip_blanks(text, skip_value(text, at));
        if text.get(at) == Some(&b',') {
            at = skip_blanks(text, at + 1);
        }
        number += 1;
    }
    found
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    let blanks = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
    at + blanks.count()
}

/// Behind the value that begins here.
fn skip_value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while let Some(byte) = text.get(at) {
                    match byte {
                        b'"' => break,
                        b'\\' => at += 2,
                        _ => at += 1,
                    }
                }
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b',' | b':' if depth > 0 => {
                at += 1;
                continue;
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => {
                let ends = |byte: &u8| b",:]}".contains(byte) || byte.is_ascii_whitespace();
                let rest = text.get(at..).unwrap_or_default();
                at += rest.iter().take_while(|byte| !ends(byte)).count().max(1);
            }
        }
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::place_in_json;

    fn place(text: &str, pointer: &str, key: bool) -> Option<(u32, u32)> {
        let steps: Vec<_> = pointer.split('/').skip(1).map(str::to_owned).collect();
        place_in_json(text.as_bytes(), &steps, key)
    }

    #[test]
    fn values_keys_and_items_are_found() {
        let text = "{ \"a\": { \"}\\\"\": [1, {\"x\" : []}, \"é😀\", null, -1e5] },\n\t\"b\":true}";
        assert_eq!(place(text, "", false), Some((1, 1)));
        assert_eq!(place(text, "/a", false), Some((1, 8)));
        assert_eq!(place(text, "/a", true), Some((1, 3)));
        assert_eq!(place(text, "/a/}\"", false), Some((1, 17)));
        assert_eq!(place(text, "/a/}\"/0", false), Some((1, 18)));
        assert_eq!(place(text, "/a/}\"/1/x", false), Some((1, 28)));
        assert_eq!(place(text, "/a/}\"/1/x", true), Some((1, 22)));
        assert_eq!(place(text, "/a/}\"/2", false), Some((1, 33)));
        // A column counts what JavaScript counts.
        assert_eq!(place(text, "/a/}\"/3", false), Some((1, 40)));
        assert_eq!(place(text, "/a/}\"/4", false), Some((1, 46)));
        assert_eq!(place(text, "/b", false), Some((2, 6)));
        assert_eq!(place(text, "/b", true), Some((2, 2)));
    }

    #[test]
    fn what_is_not_there_is_where_it_would_be() {
        let text = r#"{ "a": { "b": "c" }, "a": { "d": 1 } }"#;
        assert_eq!(place(text, "/a/d", false), Some((1, 34)));
        assert_eq!(place(text, "/a/b/c", false), Some((1, 27)));
        assert_eq!(place(text, "/x", true), Some((1, 1)));
        assert_eq!(place("{", "/x", false), None);
        assert_eq!(place("", "", false), None);
    }
}
