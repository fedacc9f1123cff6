use std::fmt;
use std::sync::Arc;

use ::url::Url;

use super::LocalPath;

/// The URL of a realm: absolute, `http` or `https`, ends in `/`, and has no `/:` in it
/// (a notification's payload is split there).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealmUrl(Arc<str>);

/// Why some text is no realm URL.
#[derive(Debug, thiserror::Error)]
pub enum RealmUrlError {
    /// No URL at all.
    #[error("`{0}` is not an absolute URL: {1}")]
    Invalid(String, ::url::ParseError),
    /// A URL, but not of a realm.
    #[error("`{0}` cannot be a realm's URL: {1}")]
    Unsuitable(String, &'static str),
}

impl RealmUrl {
    /// The most bytes that a realm's URL may have: with the longest path it still fits a notification.
    pub const MAX_BYTES: usize = 2048;

    /// Checks and normalises `text` (host in lower case, default port left out).
    ///
    /// # Errors
    /// When it is no absolute HTTP URL that ends in `/`, or has a part that a realm's URL may not have.
    pub fn parse(text: &str) -> Result<Self, RealmUrlError> {
        let url = Url::parse(text).map_err(|error| RealmUrlError::Invalid(text.into(), error))?;
        let unsuitable = |why| Err(RealmUrlError::Unsuitable(text.into(), why));
        if !matches!(url.scheme(), "http" | "https") {
            return unsuitable("its scheme is neither http nor https");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return unsuitable("it has a query or a fragment");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return unsuitable("it has a user name or a password");
        }
        if !url.path().ends_with('/') {
            return unsuitable("it does not end in `/`");
        }
        if url.path().contains("//") {
            return unsuitable("it has an empty path segment");
        }
        if url.as_str().contains("/:") {
            return unsuitable("it has `/:` in it");
        }
        if url.as_str().len() > Self::MAX_BYTES {
            return unsuitable("it has more than 2,048 bytes");
        }
        Ok(Self(url.as_str().into()))
    }

    /// The URL's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL's path, which starts and ends with `/`.
    #[must_use]
    pub fn path(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |at| at + 3);
        self.0[authority..]
            .find('/')
            .map_or("/", |at| &self.0[authority + at..])
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.0[..self.0.len() - self.path().len()]
    }

    /// The absolute URL of a file.
    #[must_use]
    pub fn join(&self, path: &LocalPath) -> String {
        format!("{}{}", self.0, path.encode())
    }

    /// The local path of an absolute URL in this realm; its query and fragment are left out.
    #[must_use]
    pub fn local(&self, url: &str) -> Option<LocalPath> {
        let end = url.find(['?', '#']).unwrap_or(url.len());
        LocalPath::decode(url[..end].strip_prefix(&*self.0)?).ok()
    }
}

impl fmt::Display for RealmUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RealmUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalPath, RealmUrl};

    #[test]
    fn urls_are_normalised_or_refused() {
        let url = RealmUrl::parse("HTTP://Example.ORG:80/a/b/").unwrap();
        assert_eq!(url.as_str(), "http://example.org/a/b/");
        assert_eq!((url.origin(), url.path()), ("http://example.org", "/a/b/"));
        for bad in [
            "a/b/",
            "ftp://x/",
            "http://x/a",
            "http://x/?q",
            "http://x/#f",
            "http://u@x/",
            "http://x/:a/",
            "http://x/a//b/",
        ] {
            assert!(RealmUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn files_and_urls_lead_to_each_other() {
        let url = RealmUrl::parse("http://[::1]:4200/r/").unwrap();
        let path = LocalPath::new("a b/ü%?.ts").unwrap();
        assert_eq!(url.local(&url.join(&path)), Some(path));
        assert_eq!(url.local("http://[::1]:4200/other"), None);
        assert_eq!(
            url.local("http://[::1]:4200/r/x.ts?y#z"),
            Some(LocalPath::new("x.ts").unwrap())
        );
    }
}
