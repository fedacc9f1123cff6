//! A realm in memory, so that a plugin's tests are ordinary `cargo test` tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::{File, Files, Purpose, ReadError, Request, url};

/// One read that a plugin made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The specifier, as the plugin gave it.
    pub specifier: String,
    /// The path that was read; of a read that failed, the path (or URL, outside the realm) that was looked for.
    pub path: String,
    /// Why there was nothing.
    pub error: Option<ReadError>,
}

/// The files of a realm at `http://realm.test/demo/`, which remembers what was read of it.
///
/// Specifiers are joined to their referrer as URLs are, then tried with the extensions that realms have by default. It
/// has no import map: bare specifiers, and URLs that are not in the realm, are [`ReadError::Outside`].
///
/// ```
/// use realm_guest_sdk::testing::MemoryFiles;
/// use realm_guest_sdk::{Files, ReadError};
///
/// let realm = MemoryFiles::new().with("a.ts", "import './lib/b'").with("lib/b.ts", "export {}");
/// let referrer = realm.file("a.ts").url;
///
/// assert_eq!(realm.read("./lib/b", &referrer)?.path, "lib/b.ts");
/// assert_eq!(realm.read("./c", &referrer), Err(ReadError::NotFound));
/// assert_eq!(realm.reads().len(), 2);
/// # Ok::<(), ReadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Result<Vec<u8>, ReadError>>,
    reads: RefCell<Vec<Read>>,
}

const ROOT: &str = "http://realm.test/demo/";
const EXTENSIONS: [&str; 5] = ["", ".gts", ".ts", ".gjs", ".js"];

impl MemoryFiles {
    /// An empty realm.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file at a decoded path without a leading slash.
    #[must_use]
    pub fn with(mut self, path: impl Into<String>, contents: impl AsRef<[u8]>) -> Self {
        self.files
            .insert(path.into(), Ok(contents.as_ref().to_vec()));
        self
    }

    /// Makes reads of a path fail.
    #[must_use]
    pub fn with_error(mut self, path: impl Into<String>, error: ReadError) -> Self {
        self.files.insert(path.into(), Err(error));
        self
    }

    /// The file at `path`, without recording a read.
    ///
    /// # Panics
    ///
    /// When there is none.
    #[must_use]
    pub fn file(&self, path: &str) -> File {
        match self.files.get(path) {
            Some(Ok(contents)) => file(path, contents.clone()),
            _ => panic!("the test's realm has no readable file at {path}"),
        }
    }

    /// A request to transpile the file at `path` for browsers, without options.
    ///
    /// # Panics
    ///
    /// When there is no such file.
    #[must_use]
    pub fn request(&self, path: &str) -> Request {
        Request {
            input: self.file(path),
            purpose: Purpose::Browser,
            options: "{}".into(),
        }
    }

    /// What has been read so far, in order.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        self.reads.borrow().clone()
    }

    fn record(&self, specifier: &str, path: String, error: Option<ReadError>) {
        self.reads.borrow_mut().push(Read {
            specifier: specifier.into(),
            path,
            error,
        });
    }
}

impl Files for MemoryFiles {
    fn read(&self, specifier: &str, referrer: &str) -> Result<File, ReadError> {
        let url = url::join(specifier, referrer).unwrap_or_else(|| specifier.into());
        let Some(path) = url.strip_prefix(ROOT).map(url::decode_path) else {
            self.record(specifier, url, Some(ReadError::Outside));
            return Err(ReadError::Outside);
        };
        let found = EXTENSIONS.iter().find_map(|extension| {
            let path = format!("{path}{extension}");
            self.files
                .get(&path)
                .map(|contents| (path, contents.clone()))
        });
        match found {
            Some((path, Ok(contents))) => {
                self.record(specifier, path.clone(), None);
                Ok(file(&path, contents))
            }
            Some((path, Err(error))) => {
                self.record(specifier, path, Some(error));
                Err(error)
            }
            None => {
                self.record(specifier, path, Some(ReadError::NotFound));
                Err(ReadError::NotFound)
            }
        }
    }
}

fn file(path: &str, contents: Vec<u8>) -> File {
    let media_type = match path.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js" | "mjs") => "text/javascript",
        Some("json") => "application/json",
        Some("html") => "text/html",
        _ => "application/octet-stream",
    };
    File {
        url: format!("{ROOT}{}", url::encode_path(path)),
        path: path.into(),
        media_type: media_type.into(),
        contents,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_recorded_as_they_ended() {
        let realm = MemoryFiles::new()
            .with("a/x y.css", "")
            .with_error("a/big.css", ReadError::TooLarge);
        let referrer = format!("{ROOT}a/page.css");
        assert!(realm.read("./x%20y.css", &referrer).is_ok());
        assert_eq!(
            realm.read("../a/big.css", &referrer),
            Err(ReadError::TooLarge)
        );
        assert_eq!(
            realm.read("../../other/a.css", &referrer),
            Err(ReadError::Outside)
        );
        assert_eq!(realm.read("lit", &referrer), Err(ReadError::Outside));
        let ends: Vec<_> = realm
            .reads()
            .into_iter()
            .map(|read| (read.path, read.error))
            .collect();
        assert_eq!(
            ends,
            [
                ("a/x y.css".into(), None),
                ("a/big.css".into(), Some(ReadError::TooLarge)),
                (
                    "http://realm.test/other/a.css".into(),
                    Some(ReadError::Outside)
                ),
                ("lit".into(), Some(ReadError::Outside)),
            ]
        );
    }
}
