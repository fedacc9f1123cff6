use super::RealmUrl;

/// URL prefixes under which something is allowed: `https://example.org/sites/`, or `https://*.example.org/` for every name
/// below a host, at any depth, but not the host itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UrlPrefixes(Vec<Prefix>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Prefix {
    /// Without the `*.` of its host.
    url: RealmUrl,
    /// Whether it had one: names below the host, instead of the host.
    below: bool,
}

impl UrlPrefixes {
    /// Understands prefixes with commas between them; `off` allows nothing.
    ///
    /// # Errors
    /// What is wrong with the first that is no prefix, to be read after the text that it is about.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::default());
        }
        let prefixes = text.split(',').map(|text| Prefix::parse(text.trim()));
        Ok(Self(prefixes.collect::<Result<_, _>>()?))
    }

    /// All of one origin, written as scheme, host and port (`https://example.org`).
    ///
    /// # Errors
    /// What is wrong with the origin.
    pub fn of_origin(origin: &str) -> Result<Self, String> {
        Self::parse(&format!("{}/", origin.trim_end_matches('/')))
    }

    /// Whether `url` is one of the prefixes, or below one.
    #[must_use]
    pub fn allows(&self, url: &RealmUrl) -> bool {
        !hides_a_separator(url.path()) && self.0.iter().any(|prefix| prefix.allows(url))
    }
}

impl Prefix {
    fn parse(text: &str) -> Result<Self, String> {
        let wildcard = text
            .split_once("://*.")
            .map(|(scheme, rest)| format!("{scheme}://{rest}"));
        let url = RealmUrl::parse(wildcard.as_deref().unwrap_or(text))
            .map_err(|error| format!("is no URL prefix: {error}"))?;
        // Anywhere else it would stand for itself, which nobody means.
        if url.as_str().contains('*') {
            return Err(format!(
                "has `{text}`; a `*` can only be the first name of a host, as in `https://*.example.org/`"
            ));
        }
        let host = ::url::Url::parse(url.as_str()).map_err(|error| error.to_string())?;
        if wildcard.is_some() && !matches!(host.host(), Some(::url::Host::Domain(_))) {
            return Err(format!("has `{text}`; there are no names below an address"));
        }
        let below = wildcard.is_some();
        Ok(Self { url, below })
    }

    fn allows(&self, url: &RealmUrl) -> bool {
        let (scheme, authority) = split(&self.url);
        let (its_scheme, its_authority) = split(url);
        // Both paths end in `/`, so that a match ends where a segment does.
        its_scheme == scheme
            && url.path().starts_with(self.url.path())
            && if self.below {
                its_authority
                    .strip_suffix(authority)
                    .and_then(|names| names.strip_suffix('.'))
                    .is_some_and(|names| names.split('.').all(|name| !name.is_empty()))
            } else {
                its_authority == authority
            }
    }
}

/// Scheme; host and port. Both are in lower case, for a realm's URL is normalised.
fn split(url: &RealmUrl) -> (&str, &str) {
    url.origin().split_once("://").unwrap_or_default()
}

/// A slash or a backslash that is percent-encoded: a proxy may undo that, and `..` before it would lead elsewhere.
fn hides_a_separator(path: &str) -> bool {
    let path = path.to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}

#[cfg(test)]
mod tests {
    use super::{RealmUrl, UrlPrefixes};

    /// What is no realm's URL is not allowed either.
    fn allows(prefixes: &str, url: &str) -> bool {
        let prefixes = UrlPrefixes::parse(prefixes).unwrap();
        RealmUrl::parse(url).is_ok_and(|url| prefixes.allows(&url))
    }

    #[test]
    fn a_prefix_allows_itself_and_what_is_below_it() {
        let prefix = "https://example.org/sites/";
        assert!(allows(prefix, "https://example.org/sites/"));
        assert!(allows(prefix, "https://example.org/sites/a/b/"));
        assert!(allows(prefix, "HTTPS://EXAMPLE.org:443/sites/a/"));
        assert!(allows("HTTPS://EXAMPLE.org:443/", "https://example.org/a/"));
        assert!(allows(
            "https://a.org/, https://b.org/x/",
            "https://b.org/x/y/"
        ));
        assert!(
            UrlPrefixes::of_origin("http://[::1]:4200")
                .unwrap()
                .allows(&RealmUrl::parse("http://[::1]:4200/a/").unwrap())
        );
    }

    #[test]
    fn nothing_else_passes_for_a_prefix() {
        let prefix = "https://example.org/foo/";
        for url in [
            "http://example.org/foo/",
            "https://example.org:8443/foo/",
            "https://example.org./foo/",
            "https://example.org.evil.org/foo/",
            "https://evil.org/example.org/foo/",
            "https://example.org@evil.org/foo/",
            "https://u:p@example.org/foo/",
            "https://a.example.org/foo/",
            "https://example.org/",
            "https://example.org/foobar/",
            "https://example.org/FOO/",
            "https://example.org/foo%2f/",
            "https://example.org/foo%2F..%2Fbar/",
            "https://example.org/foo/..%2fbar/",
            "https://example.org/foo/..%5cbar/",
            "https://example.org/foo/../bar/",
            "https://example.org/foo/%2e%2E/bar/",
            "https://example.org/foo/..\\bar/",
            "https://example.org/%66oo/",
        ] {
            assert!(!allows(prefix, url), "{url}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_names_below_a_host_alone() {
        let prefix = "https://*.Example.org/";
        assert!(allows(prefix, "https://a.example.org/"));
        assert!(allows(prefix, "https://b.A.example.org/x/"));
        assert!(allows(
            "http://*.localhost:4200/",
            "http://a.localhost:4200/"
        ));
        for url in [
            "https://example.org/",
            "https://a.example.evil.org/",
            "https://a.example.org.evil.org/",
            "https://a.example.org:8443/",
            "https://aexample.org/",
            "http://a.example.org/",
            "https://a.example.org./",
            "https://.example.org/",
            "https://a..example.org/",
        ] {
            assert!(!allows(prefix, url), "{url}");
        }
        assert!(!allows("http://*.localhost:4200/", "http://a.localhost/"));
        assert!(!allows(
            "https://*.example.org/x/",
            "https://a.example.org/xy/"
        ));
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in [
            "",
            "example.org/",
            "ftp://example.org/",
            "https://example.org/a",
            "https://example.org/?q",
            "https://u@example.org/",
            "https://*.example.org@evil.org/",
            "https://u@*.example.org/",
            "https://*.*.example.org/",
            "https://a*.example.org/",
            "https://a.*.example.org/",
            "https://*/",
            "https://*./",
            "https://*.127.0.0.1/",
            "https://*.1/",
            "https://*.[::1]/",
            "https://example.org/*/",
            "*",
            "https://a.org/,",
            "off,https://a.org/",
        ] {
            assert!(UrlPrefixes::parse(text).is_err(), "{text}");
        }
        assert!(!allows("off", "https://example.org/"));
    }
}
