use hyper::HeaderMap;
use hyper::header::ACCEPT;

/// What a reader wants of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What a browser would load.
    Module,
    /// The bytes as they are stored.
    Source,
    /// A folder's listing.
    Listing,
    /// A document's page, where it has one; else what a browser would load.
    Page,
    /// One of a document's renderings.
    Rendering,
}

/// The first media type of `Accept` that we know decides, as in the reference system; a range with `q=0` is refused.
pub(super) fn wanted(headers: &HeaderMap) -> Wanted {
    let values = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        let refused = parts.any(|parameter| {
            matches!(
                parameter.strip_prefix("q=").map(str::parse::<f32>),
                Some(Ok(0.0))
            )
        });
        if refused {
            continue;
        }
        if media_type.eq_ignore_ascii_case("application/vnd.card+source") {
            return Wanted::Source;
        }
        if media_type.eq_ignore_ascii_case("application/vnd.api+json") {
            return Wanted::Listing;
        }
        if media_type.eq_ignore_ascii_case("application/vnd.card+html") {
            return Wanted::Rendering;
        }
        if media_type.eq_ignore_ascii_case("text/html") {
            return Wanted::Page;
        }
        if matches!(media_type, "*/*" | "text/javascript" | "text/css") {
            return Wanted::Module;
        }
    }
    Wanted::Module
}

#[cfg(test)]
mod tests {
    use hyper::header::ACCEPT;
    use hyper::{HeaderMap, http::HeaderValue};

    use super::{Wanted, wanted};

    #[test]
    fn the_first_known_type_decides() {
        for (accept, expected) in [
            ("*/*", Wanted::Module),
            ("application/vnd.card+source", Wanted::Source),
            ("application/vnd.card+source;q=0, */*", Wanted::Module),
            ("image/png, application/vnd.card+source", Wanted::Source),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Wanted::Page),
            ("*/*, text/html", Wanted::Module),
            ("text/html;q=0, */*", Wanted::Module),
            ("Text/HTML", Wanted::Page),
            ("application/vnd.card+html", Wanted::Rendering),
            ("Application/VND.api+json", Wanted::Listing),
            ("", Wanted::Module),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(wanted(&headers), expected, "{accept}");
        }
        assert_eq!(wanted(&HeaderMap::new()), Wanted::Module);
    }
}
