use std::fmt;
use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What URL syntax would take out of a path segment.
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A path inside a realm: decoded, `/`-separated, no leading or trailing slash.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalPath(Arc<str>);

/// Why some text is no local path.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PathError {
    /// Nothing between the slashes.
    #[error(
        "the path has an empty segment; write each folder's name once, and no slash at the ends"
    )]
    EmptySegment,
    /// A segment that would leave its folder.
    #[error("the path has a `{0}` segment; name the file by its place in the realm")]
    DotSegment(String),
    /// A character that no file name in a realm may have.
    #[error("the path has a {0}, which no file of a realm may have in its name")]
    Character(&'static str),
    /// Longer than the bound.
    #[error("the path has {0} bytes; at most {max} are allowed", max = LocalPath::MAX_BYTES)]
    TooLong(usize),
    /// The name that stands for the whole realm.
    #[error("`*` stands for the whole realm, and no file may be named so")]
    Wildcard,
    /// A `%` that begins no percent-encoding.
    #[error(
        "the path has a `%` without two hexadecimal digits after it; write a `%` of a name as `%25`"
    )]
    Encoding,
    /// Percent-encoding that decodes to no UTF-8.
    #[error("the path is not UTF-8 once its percent-encoding is undone")]
    NotUtf8,
}

impl LocalPath {
    /// The most bytes that a path may have.
    pub const MAX_BYTES: usize = 1024;

    /// Checks `path`, which is decoded already.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn new(path: &str) -> Result<Self, PathError> {
        if path.len() > Self::MAX_BYTES {
            return Err(PathError::TooLong(path.len()));
        }
        if path == "*" {
            return Err(PathError::Wildcard);
        }
        for (character, name) in [('\0', "NUL"), ('\\', "backslash")] {
            if path.contains(character) {
                return Err(PathError::Character(name));
            }
        }
        for segment in path.split('/') {
            match segment {
                "" => return Err(PathError::EmptySegment),
                "." | ".." => return Err(PathError::DotSegment(segment.to_owned())),
                _ => {}
            }
        }
        Ok(Self(path.into()))
    }

    /// Undoes percent-encoding, then checks.
    ///
    /// # Errors
    /// See [`PathError`].
    pub fn decode(encoded: &str) -> Result<Self, PathError> {
        // The decoder lets what is no encoding stand, and one file would have two names.
        let mut escapes = encoded.split('%').skip(1);
        let is_hex = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
        if !escapes.all(is_hex) {
            return Err(PathError::Encoding);
        }
        let decoded = percent_decode_str(encoded)
            .decode_utf8()
            .map_err(|_| PathError::NotUtf8)?;
        Self::new(&decoded)
    }

    /// The path as the tail of a URL.
    #[must_use]
    pub fn encode(&self) -> String {
        let segments: Vec<_> = self
            .0
            .split('/')
            .map(|segment| utf8_percent_encode(segment, SEGMENT).to_string())
            .collect();
        segments.join("/")
    }

    /// The decoded text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The path without each of its extensions, longest first: what it may be asked for as.
    /// `a/b.d.ts` gives `a/b.d` and `a/b`; a name's leading dot is no extension.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        let start = self.0.len() - self.name().len();
        self.0
            .rmatch_indices('.')
            .map(|(at, _)| at)
            .take_while(move |at| *at > start)
            .map(|at| &self.0[..at])
    }
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalPath, PathError};

    #[test]
    fn what_is_refused_says_why() {
        assert_eq!(
            LocalPath::new("a/../b"),
            Err(PathError::DotSegment("..".into()))
        );
        assert_eq!(
            LocalPath::decode("a/%2e%2e/b"),
            Err(PathError::DotSegment("..".into()))
        );
        for text in ["a%", "a%2", "a%zz", "%2", "%%25"] {
            assert_eq!(LocalPath::decode(text), Err(PathError::Encoding), "{text}");
        }
        assert_eq!(LocalPath::new("a//b"), Err(PathError::EmptySegment));
        assert_eq!(LocalPath::new("a/"), Err(PathError::EmptySegment));
        assert_eq!(LocalPath::new(""), Err(PathError::EmptySegment));
        assert_eq!(
            LocalPath::new("a\\b"),
            Err(PathError::Character("backslash"))
        );
        assert_eq!(LocalPath::decode("a%00b"), Err(PathError::Character("NUL")));
        assert_eq!(LocalPath::decode("%ff"), Err(PathError::NotUtf8));
        assert_eq!(LocalPath::new("*"), Err(PathError::Wildcard));
        assert_eq!(
            LocalPath::new(&"x".repeat(1025)),
            Err(PathError::TooLong(1025))
        );
        assert!(LocalPath::new(&"x".repeat(1024)).is_ok());
    }

    #[test]
    fn encoding_is_undone_once() {
        let path = LocalPath::decode("a%20b/%25zz/%C3%A9:.ts").unwrap();
        assert_eq!(path.as_str(), "a b/%zz/é:.ts");
        assert_eq!(LocalPath::decode(&path.encode()).unwrap(), path);
    }

    #[test]
    fn aliases_leave_out_each_extension_but_not_the_leading_dot() {
        let of = |path: &str| {
            LocalPath::new(path)
                .unwrap()
                .aliases()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(of("a.b/c.d.ts"), ["a.b/c.d", "a.b/c"]);
        assert_eq!(of("a.b/c"), Vec::<String>::new());
        assert_eq!(of(".env"), Vec::<String>::new());
        assert_eq!(of("x/.env.ts"), ["x/.env"]);
    }
}
