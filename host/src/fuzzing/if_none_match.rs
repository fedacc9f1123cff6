use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

use super::parts;
use crate::http::conditional::{Verdict, judge, tags};
use crate::http::write::condition;
use crate::lifecycle::Condition;

/// The tag of what there is, and below it the lines of a condition. As `If-None-Match` and as `If-Match`, a well-formed
/// condition comes to what RFC 9110, sections 8.8.3 and 13.1, say; of any other, a tag that is not there never matches.
pub fn if_none_match(data: &[u8]) -> bool {
    let Some([tag, lines]) = parts(data) else {
        return false;
    };
    // `*` is no tag of ours, though it could be one.
    if tag == b"*"
        || tag.is_empty()
        || !tag
            .iter()
            .copied()
            .all(|byte| byte.is_ascii() && is_of_a_tag(byte))
    {
        return false;
    }
    let own = std::str::from_utf8(tag).expect("ASCII");
    let lines: Vec<_> = lines.split(|byte| *byte == b'\n').collect();
    let Some(none) = field(&IF_NONE_MATCH, &lines) else {
        return false;
    };
    let any = field(&IF_MATCH, &lines).expect("the same lines");
    let (fresh, changed) = (judge(&none, own, || None), judge(&any, own, || None));
    let (weak, strong) = (
        tags(&none, &IF_NONE_MATCH).expect("it is there"),
        tags(&any, &IF_MATCH).expect("it is there"),
    );
    assert_eq!(tags(&none, &IF_MATCH), None);
    assert_ne!(fresh, Verdict::Failed);
    assert_ne!(changed, Verdict::NotModified);

    let star = lines.iter().any(|line| line.trim_ascii() == b"*");
    for tags in [&weak, &strong] {
        assert_eq!(tags.iter().any(|tag| tag == "*"), star, "{tags:?}");
    }
    let quoted = format!("\"{own}\"");
    let is_there = lines.iter().any(|line| {
        line.windows(quoted.len())
            .any(|part| part == quoted.as_bytes())
    });
    let known = fresh == Verdict::NotModified;
    assert!(!known || star || is_there, "it matches what is not there");
    assert!(known || changed == Verdict::Failed, "strong, but not weak");
    // What a GET is judged by, a write is.
    assert_eq!(condition(&none) == Condition::Absent, star);
    let tagged =
        matches!(condition(&any), Condition::Tagged(tags) if tags.iter().any(|tag| tag == "*"));
    assert_eq!(tagged, star);
    for (tags, matched) in [(&weak, known), (&strong, changed == Verdict::Send)] {
        assert_eq!(
            tags.iter().any(|tag| tag == own || tag == "*"),
            matched,
            "{tags:?}"
        );
    }
    // No element goes on in the next line (RFC 9110, section 5.3); `*` is alone.
    let lists: Option<Vec<_>> = lines.iter().map(|line| list(line)).collect();
    let only_star = lines.len() == 1 && star;
    let Some(lists) = lists.filter(|_| !star).or_else(|| only_star.then(Vec::new)) else {
        return known;
    };
    let matches = |strong: bool| {
        let mut all = lists.iter().flatten();
        star || all.any(|(weak, other)| *other == tag && !(strong && *weak))
    };
    assert_eq!(known, matches(false));
    assert_eq!(changed == Verdict::Send, matches(true));
    true
}

fn field(name: &HeaderName, lines: &[&[u8]]) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(name, HeaderValue::from_bytes(line).ok()?);
    }
    Some(headers)
}

/// The tags of a line, and whether each is weak: RFC 9110, sections 5.6.1 and 8.8.3, byte by byte. None for what is not
/// well-formed.
fn list(line: &[u8]) -> Option<Vec<(bool, &[u8])>> {
    let (mut tags, mut rest) = (Vec::new(), line.trim_ascii());
    while !rest.is_empty() {
        if let Some(more) = rest.strip_prefix(b",") {
            rest = more.trim_ascii_start();
            continue;
        }
        let (weak, quoted) = match rest.strip_prefix(b"W/") {
            Some(quoted) => (true, quoted),
            None => (false, rest),
        };
        let opened = quoted.strip_prefix(b"\"")?;
        let length = opened.iter().position(|byte| !is_of_a_tag(*byte))?;
        rest = opened[length..].strip_prefix(b"\"")?.trim_ascii_start();
        tags.push((weak, &opened[..length]));
        if !matches!(rest.first(), None | Some(b',')) {
            return None;
        }
    }
    Some(tags)
}

/// `etagc`.
fn is_of_a_tag(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e | 0x80..=0xff)
}
