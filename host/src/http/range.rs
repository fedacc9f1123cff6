use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::{IF_RANGE, RANGE};

/// What a `Range` header asks of a body (RFC 9110, section 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it: there is no range, or none that we serve.
    All,
    /// From the first to the last byte named, both included.
    Part(u64, u64),
    /// Nothing that it has.
    Unsatisfiable,
}

/// The part that a GET asks for of a body with `length` bytes, the tag `tag` and, where it has one, the date
/// `modified`. More than one range is answered with the whole, which the RFC allows.
pub(crate) fn wanted(
    headers: &HeaderMap,
    length: u64,
    tag: &str,
    modified: impl Fn() -> Option<SystemTime>,
) -> Wanted {
    let Some(range) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else {
        return Wanted::All;
    };
    if let Some(condition) = headers.get(IF_RANGE) {
        let condition = condition.to_str().unwrap_or_default().trim();
        let tagged = condition
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let dated = || {
            let asked = httpdate::parse_http_date(condition).ok();
            asked.is_some() && asked == modified()
        };
        let same = tagged.map_or_else(dated, |known| known == tag);
        if !same {
            return Wanted::All;
        }
    }
    parse(range, length)
}

fn parse(range: &str, length: u64) -> Wanted {
    let Some((unit, set)) = range.split_once('=') else {
        return Wanted::All;
    };
    let Some((first, last)) = set.trim().split_once('-') else {
        return Wanted::All;
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (first, last) = (first.trim(), last.trim());
    if !unit.trim().eq_ignore_ascii_case("bytes") || !digits(first) || !digits(last) {
        return Wanted::All;
    }
    // A number beyond all bounds is beyond the end.
    let number = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
    match (first, last) {
        ("", "") => Wanted::All,
        // The last bytes of nothing are nothing, which is not a mistake (RFC 9110, section 14.1.2), and no part either.
        ("", suffix) if length == 0 && number(suffix) > 0 => Wanted::All,
        ("", suffix) => match number(suffix).min(length) {
            0 => Wanted::Unsatisfiable,
            suffix => Wanted::Part(length - suffix, length - 1),
        },
        (first, last) => {
            let from = number(first);
            let to = if last.is_empty() {
                u64::MAX
            } else {
                number(last)
            };
            if to < from {
                Wanted::All
            } else if from >= length {
                Wanted::Unsatisfiable
            } else {
                Wanted::Part(from, to.min(length - 1))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;
    use hyper::header::{HeaderValue, IF_RANGE, RANGE};

    use super::Wanted::{All, Part, Unsatisfiable};
    use super::{parse, wanted};

    #[test]
    fn one_range_of_bytes() {
        for (range, expected) in [
            ("bytes=0-0", Part(0, 0)),
            ("bytes=0-99", Part(0, 99)),
            ("bytes=90-", Part(90, 99)),
            ("bytes=-1", Part(99, 99)),
            ("bytes=-500", Part(0, 99)),
            ("bytes=10-500", Part(10, 99)),
            ("bytes=10-99999999999999999999999", Part(10, 99)),
            ("Bytes=5-6", Part(5, 6)),
            ("bytes=100-", Unsatisfiable),
            ("bytes=-0", Unsatisfiable),
            ("bytes=6-5", All),
            ("bytes=0-1,3-4", All),
            ("bytes=-", All),
            ("bytes=a-b", All),
            ("bytes=+1-2", All),
            ("bytes", All),
            ("lines=0-1", All),
        ] {
            assert_eq!(parse(range, 100), expected, "{range}");
        }
        assert_eq!(parse("bytes=0-", 0), Unsatisfiable);
        assert_eq!(parse("bytes=-0", 0), Unsatisfiable);
        assert_eq!(parse("bytes=-5", 0), All);
    }

    #[test]
    fn a_condition_that_does_not_hold_gives_the_whole() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (condition, expected) in [
            ("\"t\"", Part(1, 2)),
            ("\"u\"", All),
            ("W/\"t\"", All),
            ("t", All),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Part(1, 2)),
            ("Sun, 06 Nov 1994 08:49:38 GMT", All),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static("bytes=1-2"));
            headers.insert(IF_RANGE, HeaderValue::from_static(condition));
            assert_eq!(
                wanted(&headers, 10, "t", || httpdate::parse_http_date(date).ok()),
                expected,
                "{condition}"
            );
        }
    }
}
