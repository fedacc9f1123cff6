use std::time::SystemTime;

use hyper::HeaderMap;
use hyper::header::{HeaderValue, IF_RANGE, RANGE};

use super::parts;
use crate::http::range::{Wanted, wanted};

/// The tag of the body of which a part is asked for, and its date.
const TAG: &str = "t";
const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Three lines: how long a body is, a `Range`, an `If-Range` (empty: none). A part lies inside the body, and is the one
/// that RFC 9110, section 14.1.2, means; more is given than was asked only where that is allowed.
pub fn range(data: &[u8]) -> bool {
    let Some([length, range, condition]) = parts(data) else {
        return false;
    };
    let length = std::str::from_utf8(length).ok();
    let Some(length) = length.and_then(|length| length.parse().ok()) else {
        return false;
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [(RANGE, range), (IF_RANGE, condition)] {
        let Ok(header) = HeaderValue::from_bytes(value) else {
            return false;
        };
        if name == RANGE || !value.is_empty() {
            headers.insert(name, header);
        }
    }
    let modified = httpdate::parse_http_date(MODIFIED).ok();
    let given = wanted(&headers, length, TAG, || modified);
    if let Wanted::Part(first, last) = given {
        assert!(first <= last && last < length, "{given:?} of {length}");
    }
    if !condition.is_empty() && !holds(condition, modified) {
        assert_eq!(given, Wanted::All, "the condition does not hold");
        return true;
    }
    match meaning(range, length) {
        Meaning::This(expected) => assert_eq!(given, expected),
        // It may be ignored or refused.
        Meaning::Invalid => assert!(!matches!(given, Wanted::Part(..)), "{given:?}"),
        Meaning::Other => {
            // Spaces where none belong may be overlooked.
            let dense: Vec<_> = range
                .iter()
                .copied()
                .filter(|byte| !b" \t".contains(byte))
                .collect();
            let allowed = match meaning(&dense, length) {
                Meaning::This(expected) => vec![Wanted::All, expected],
                Meaning::Invalid => vec![Wanted::All, Wanted::Unsatisfiable],
                Meaning::Other => vec![Wanted::All],
            };
            assert!(allowed.contains(&given), "{given:?}");
        }
    }
    given != Wanted::All
}

/// RFC 9110, section 13.1.5: the very tag, strong, or the very date.
fn holds(condition: &[u8], modified: Option<SystemTime>) -> bool {
    let condition = condition.trim_ascii();
    let dated = std::str::from_utf8(condition)
        .ok()
        .and_then(|text| httpdate::parse_http_date(text).ok());
    condition == format!("\"{TAG}\"").as_bytes() || dated.is_some() && dated == modified
}

/// What a `Range` asks for.
enum Meaning {
    /// One range of bytes.
    This(Wanted),
    /// One that ends before it begins.
    Invalid,
    /// No single range of bytes, in the grammar of RFC 9110, section 14.1.2.
    Other,
}

/// `bytes=<first>-<last>`, `bytes=<first>-`, `bytes=-<suffix>`, each number as wide as anybody likes.
fn meaning(range: &[u8], length: u64) -> Meaning {
    let text = std::str::from_utf8(range).unwrap_or_default();
    let Some((unit, spec)) = text.split_once('=') else {
        return Meaning::Other;
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Meaning::Other;
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else {
        return Meaning::Other;
    };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Meaning::Other;
    }
    let length = u128::from(length);
    let part = |first: u128, last: u128| {
        let narrow = |number| u64::try_from(number).expect("less than the length");
        Meaning::This(Wanted::Part(narrow(first), narrow(last)))
    };
    match (first, last) {
        (None, None) => Meaning::Other,
        (None, Some(0)) => Meaning::This(Wanted::Unsatisfiable),
        // It can be satisfied, and nothing is all that there is.
        (None, Some(_)) if length == 0 => Meaning::This(Wanted::All),
        (None, Some(suffix)) => part(length.saturating_sub(suffix), length - 1),
        (Some(first), Some(last)) if last < first => Meaning::Invalid,
        (Some(first), _) if first >= length => Meaning::This(Wanted::Unsatisfiable),
        (Some(first), last) => part(first, last.map_or(length - 1, |last| last.min(length - 1))),
    }
}

/// The number of some digits, none of no digits; `None` where there is anything else.
fn number(digits: &str) -> Option<Option<u128>> {
    let mut number: Option<u128> = None;
    for digit in digits.chars() {
        let digit = u128::from(digit.to_digit(10)?);
        number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(digit));
    }
    Some(number)
}
