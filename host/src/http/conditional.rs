use hyper::HeaderMap;
use hyper::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

/// The entity tags of a condition (RFC 9110, section 13.1), without quotes; `*` stands for any.
pub(super) fn tags(headers: &HeaderMap, name: &HeaderName) -> Option<Vec<String>> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let mut tags = Vec::new();
    for value in values.filter_map(|value| value.to_str().ok()) {
        let mut rest = value.trim();
        if rest == "*" {
            tags.push("*".to_owned());
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
            // A weak tag never matches where a strong comparison is asked for.
            if !(weak && *name == IF_MATCH) {
                tags.push(tag.to_owned());
            }
            rest = &rest[open + length + 2..];
        }
    }
    Some(tags)
}

/// Whether a reader has the tagged bytes already.
pub(super) fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    tags(headers, &IF_NONE_MATCH)
        .is_some_and(|known| known.iter().any(|known| known == tag || known == "*"))
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HeaderValue, IF_MATCH, IF_NONE_MATCH};

    use super::{is_known, tags};

    fn with(value: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static(value));
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        headers
    }

    #[test]
    fn lists_weak_tags_and_the_star() {
        assert!(is_known(&with("\"a\", \"b\""), "b"));
        assert!(is_known(&with("W/\"a\""), "a"));
        assert!(is_known(&with("*"), "a"));
        assert!(is_known(&with("\"x,y\",\"z\""), "x,y"));
        assert!(!is_known(&with("\"ab\""), "a"));
        assert!(!is_known(&with("a"), "a"), "a tag has quotes");
        assert!(!is_known(&HeaderMap::new(), "a"));
    }

    #[test]
    fn a_strong_comparison_takes_no_weak_tag() {
        assert_eq!(tags(&with("W/\"a\", \"b\""), &IF_MATCH).unwrap(), ["b"]);
        assert_eq!(tags(&HeaderMap::new(), &IF_MATCH), None);
    }
}
