use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

use super::FetchError;

/// Where a component is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// In a file.
    File(PathBuf),
    /// At an `https` or `http` URL.
    Url(Url),
    /// In a registry.
    Oci(OciReference),
}

/// `oci://registry/repository[:tag][@sha256:…]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciReference {
    /// Host, and port where it has one.
    pub registry: String,
    /// Name in the registry.
    pub repository: String,
    /// None: `latest`, where there is no digest.
    pub tag: Option<String>,
    /// Of the manifest.
    pub digest: Option<String>,
}

impl FromStr for Reference {
    type Err = FetchError;

    fn from_str(text: &str) -> Result<Self, FetchError> {
        let bad = |problem: String| FetchError::Reference {
            text: text.to_owned(),
            problem,
        };
        match text.split_once("://") {
            Some(("oci", rest)) => OciReference::parse(rest).map(Self::Oci).map_err(bad),
            Some(("http" | "https", _)) => {
                let url = Url::parse(text);
                let url = url.map_err(|error| bad(format!("this is no URL: {error}")))?;
                Ok(Self::Url(url))
            }
            Some((scheme, _)) => Err(bad(format!(
                "nothing is fetched by `{scheme}://`; a component is a file, an `https://` URL, or `oci://registry/repository:tag`"
            ))),
            None => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => f.write_str(&super::client::shown(url)),
            Self::Oci(reference) => reference.fmt(f),
        }
    }
}

/// What a part of a reference must look like: it becomes part of a URL.
const FORM: &str = "write `oci://registry/repository:tag`, as in `oci://ghcr.io/ann/svelte:5.1.0`, or with the manifest's digest, `…@sha256:<64 digits>`";

impl OciReference {
    fn parse(text: &str) -> Result<Self, String> {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let (registry, path) = name
            .split_once('/')
            .ok_or_else(|| format!("it names no repository; {FORM}"))?;
        let (repository, tag) = match path.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        let is_registry = Url::parse(&format!("https://{registry}/")).is_ok_and(|url| {
            url.host().is_some() && url.username().is_empty() && url.password().is_none()
        });
        if !is_registry || registry.contains(['?', '#', '\\']) {
            return Err(format!("`{registry}` is no registry; {FORM}"));
        }
        let fits = |part: &str| {
            let inside = |byte: u8| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
            };
            let ends = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            let bytes = part.as_bytes();
            bytes.first().is_some_and(ends)
                && bytes.last().is_some_and(ends)
                && bytes.iter().all(|byte| inside(*byte))
        };
        if repository.len() > 255 || !repository.split('/').all(fits) {
            return Err(format!(
                "`{repository}` is no repository: each part has small letters, digits and, between them, `._-`; {FORM}"
            ));
        }
        let is_tag = |tag: &str| {
            let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
            tag.len() <= 128
                && tag.bytes().next().is_some_and(word)
                && tag.bytes().all(|byte| word(byte) || b".-".contains(&byte))
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(format!("`{tag}` is no tag; {FORM}"));
        }
        if let Some(digest) = digest.filter(|digest| !is_digest(digest)) {
            return Err(format!("`{digest}` is no digest of a manifest; {FORM}"));
        }
        Ok(Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }

    /// What the manifest is asked for by.
    pub(super) fn version(&self) -> &str {
        let tag = self.tag.as_deref().unwrap_or("latest");
        self.digest.as_deref().unwrap_or(tag)
    }

    /// The same, and the manifest that it was.
    pub(super) fn of_manifest(&self, digest: &str) -> String {
        let found = Self {
            digest: Some(digest.to_owned()),
            ..self.clone()
        };
        found.to_string()
    }
}

impl fmt::Display for OciReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "oci://{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// Whether it is `sha256:` and its 64 digits, as registries write them.
pub(super) fn is_digest(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(digit))
}

#[cfg(test)]
mod tests {
    use super::{OciReference, Reference};

    fn oci(text: &str) -> Result<OciReference, String> {
        match text.parse::<Reference>() {
            Ok(Reference::Oci(reference)) => Ok(reference),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn references_of_registries_are_taken_apart() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let whole = format!("oci://localhost:5000/a/b-c:1.0@{digest}");
        let reference = oci(&whole).unwrap();
        assert_eq!(reference.to_string(), whole);
        assert_eq!(
            (reference.registry.as_str(), reference.repository.as_str()),
            ("localhost:5000", "a/b-c")
        );
        assert_eq!(reference.version(), digest);
        let tagged = oci("oci://ghcr.io/ann/svelte:5").unwrap();
        assert_eq!(tagged.version(), "5");
        assert_eq!(
            tagged.of_manifest(&digest),
            format!("oci://ghcr.io/ann/svelte:5@{digest}")
        );
        assert_eq!(oci("oci://[::1]:5000/a").unwrap().version(), "latest");
    }

    #[test]
    fn what_would_ask_for_something_else_is_refused() {
        for (text, told) in [
            ("oci://ghcr.io", "no repository"),
            ("oci://ghcr.io/", "`` is no repository"),
            ("oci:///a", "`` is no registry"),
            ("oci://ann:secret@ghcr.io/a", "no repository"),
            ("oci://ghcr.io?x/a", "no registry"),
            ("oci://ghcr.io/a/../b", "`a/../b`"),
            ("oci://ghcr.io/A", "`A`"),
            ("oci://ghcr.io/a?b", "`a?b`"),
            ("oci://ghcr.io/a:", "`` is no tag"),
            ("oci://ghcr.io/a:b%2f", "`b%2f` is no tag"),
            ("oci://ghcr.io/a@sha256:12", "`sha256:12`"),
            ("oci://ghcr.io/a@sha512:12", "no digest"),
            ("ftp://ghcr.io/a", "`ftp://`"),
            ("https://", "no URL"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
