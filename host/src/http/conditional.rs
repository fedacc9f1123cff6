use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

/// What the conditions of a GET or HEAD come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// There are none, or they hold.
    Send,
    /// The reader has it already.
    NotModified,
    /// The reader wanted something else.
    Failed,
}

/// Judges the conditions of a GET or HEAD in the order of RFC 9110, section 13.2.2, for a representation with this tag
/// and, where it has one, this date.
pub(crate) fn judge(
    headers: &HeaderMap,
    tag: &str,
    modified: impl Fn() -> Option<SystemTime>,
) -> Verdict {
    let is_newer = |name| {
        let date = date(headers, name)?;
        Some(modified()? > date)
    };
    if has(headers, &IF_MATCH) {
        if !matches(headers, &IF_MATCH, tag) {
            return Verdict::Failed;
        }
    } else if is_newer(&IF_UNMODIFIED_SINCE) == Some(true) {
        return Verdict::Failed;
    }
    let known = if has(headers, &IF_NONE_MATCH) {
        matches(headers, &IF_NONE_MATCH, tag)
    } else {
        is_newer(&IF_MODIFIED_SINCE) == Some(false)
    };
    if known {
        Verdict::NotModified
    } else {
        Verdict::Send
    }
}

/// The same for a representation whose tag is weak, which no strong comparison finds: its bytes differ each time.
pub(crate) fn judge_weak(headers: &HeaderMap, tag: &str) -> Verdict {
    let mut exists = false;
    each(headers, &IF_MATCH, |known| exists |= known == "*");
    if has(headers, &IF_MATCH) && !exists {
        Verdict::Failed
    } else if has(headers, &IF_NONE_MATCH) && matches(headers, &IF_NONE_MATCH, tag) {
        Verdict::NotModified
    } else {
        Verdict::Send
    }
}

/// The date of a header, in any of the three forms; what is none is no condition.
pub(super) fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?.trim()).ok()
}

fn has(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.contains_key(name)
}

fn matches(headers: &HeaderMap, name: &HeaderName, tag: &str) -> bool {
    let mut found = false;
    each(headers, name, |known| found |= known == tag || known == "*");
    found
}

/// The entity tags of a condition (RFC 9110, section 13.1), without quotes; `*` stands for any.
pub(crate) fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    each(headers, name, |tag| tags.push(tag.to_owned()));
    has(headers, name).then_some(tags)
}

fn each(headers: &HeaderMap, name: &HeaderName, mut tell: impl FnMut(&str)) {
    for value in headers.get_all(name) {
        // Somebody else's tag may have bytes that are no text; the others of its list count all the same.
        let value = String::from_utf8_lossy(value.as_bytes());
        let mut rest = value.trim();
        if rest == "*" {
            tell("*");
            continue;
        }
        // A tag may have commas inside its quotes.
        while let Some(open) = rest.find('"') {
            let weak = rest[..open]
                .trim_start_matches([',', ' ', '\t'])
                .starts_with("W/");
            let Some(length) = rest[open + 1..].find('"') else {
                break;
            };
            let tag = &rest[open + 1..open + 1 + length];
            // A weak tag never matches where a strong comparison is asked for; `*` in quotes is a tag, though none of ours.
            if !(weak && *name == IF_MATCH) && tag != "*" {
                tell(tag);
            }
            rest = &rest[open + length + 2..];
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH};

    use super::Verdict::{Failed, NotModified, Send};
    use super::{judge, judge_weak, tags};

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sunday, 06-Nov-94 08:49:38 GMT";
    const EARLIER: &str = "Sun Nov  6 08:49:36 1994";

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            (HeaderName::from_static(name), value)
        });
        pairs.collect()
    }

    #[test]
    fn lists_weak_tags_and_the_star() {
        for (value, tag, expected) in [
            ("\"a\", \"b\"", "b", NotModified),
            ("W/\"a\"", "a", NotModified),
            ("*", "a", NotModified),
            ("\"x,y\",\"z\"", "x,y", NotModified),
            ("\"ab\"", "a", Send),
            ("\"*\"", "a", Send),
            ("\"é\", \"a\"", "a", NotModified),
            ("a", "a", Send),
        ] {
            let headers = with(&[("if-none-match", value)]);
            assert_eq!(judge(&headers, tag, || None), expected, "{value}");
        }
    }

    #[test]
    fn conditions_are_judged_in_the_order_of_the_rfc() {
        for (pairs, expected) in [
            (&[("if-match", "\"t\"")][..], Send),
            (&[("if-match", "\"u\"")], Failed),
            (&[("if-match", "W/\"t\"")], Failed),
            (&[("if-match", "*")], Send),
            (&[("if-unmodified-since", DATE)], Send),
            (&[("if-unmodified-since", LATER)], Send),
            (&[("if-unmodified-since", EARLIER)], Failed),
            (
                &[("if-match", "\"t\""), ("if-unmodified-since", EARLIER)],
                Send,
            ),
            (&[("if-modified-since", DATE)], NotModified),
            (&[("if-modified-since", LATER)], NotModified),
            (&[("if-modified-since", EARLIER)], Send),
            (&[("if-modified-since", "soon")], Send),
            (
                &[("if-none-match", "\"u\""), ("if-modified-since", DATE)],
                Send,
            ),
            (&[("if-none-match", "\"t\""), ("if-match", "\"u\"")], Failed),
            (&[], Send),
        ] {
            assert_eq!(
                judge(&with(pairs), "t", || {
                    httpdate::parse_http_date(DATE).ok()
                }),
                expected,
                "{pairs:?}"
            );
        }
        let dated = with(&[("if-modified-since", DATE)]);
        assert_eq!(judge(&dated, "t", || None), Send);
    }

    #[test]
    fn a_weak_tag_is_found_by_weak_comparisons_alone() {
        for (name, value, expected) in [
            ("if-none-match", "W/\"t\"", NotModified),
            ("if-none-match", "\"t\"", NotModified),
            ("if-none-match", "\"u\"", Send),
            ("if-match", "\"t\"", Failed),
            ("if-match", "W/\"t\"", Failed),
            ("if-match", "*", Send),
            ("if-modified-since", LATER, Send),
        ] {
            let headers = with(&[(name, value)]);
            assert_eq!(judge_weak(&headers, "t"), expected, "{name}: {value}");
        }
    }

    #[test]
    fn a_strong_comparison_takes_no_weak_tag() {
        let headers = with(&[("if-match", "W/\"a\", \"b\"")]);
        assert_eq!(tags(&headers, &IF_MATCH).unwrap(), ["b"]);
        assert_eq!(tags(&HeaderMap::new(), &IF_NONE_MATCH), None);
    }
}
