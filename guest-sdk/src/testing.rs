//! A realm in memory, so that a plugin's tests are ordinary `cargo test` tests.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::{
    Diagnostic, File, Files, LoadError, Module, Modules, Purpose, ReadError, RenderRequest,
    Request, url,
};

/// One read that a plugin made, of a file or of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The specifier, as the plugin gave it.
    pub specifier: String,
    /// The path that was read; of a read that failed, the path (or URL, outside the realm) that was looked for.
    pub path: String,
    /// Why there was nothing; none for a module that is there and does not transpile.
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
///
/// It has [`Modules`] too: `.js`, `.mjs` and `.json` files are modules as they are. It transpiles nothing, so say what
/// becomes of other files:
///
/// ```
/// use realm_guest_sdk::testing::MemoryFiles;
/// use realm_guest_sdk::{Diagnostic, LoadError, Modules};
///
/// let realm = MemoryFiles::new()
///     .with("a.json", "{}")
///     .with("b.js", "export {}")
///     .with_module("c.ts", "export const c = 1;")
///     .with_module_map("d.ts", "export {};", r#"{"version":3,"sources":["d.ts"],"mappings":""}"#)
///     .with_load_error("e.ts", LoadError::Invalid(vec![Diagnostic::error("unexpected `}`")]))
///     .with("page.md", "");
/// let referrer = realm.file("page.md").url;
///
/// assert_eq!(realm.load("./a.json", &referrer)?.media_type, "application/json");
/// let module = realm.load("./c", &referrer)?;
/// assert_eq!(module.url, "http://realm.test/demo/c.ts");
/// assert_eq!(realm.load("../demo/c.ts", &module.url)?, module);
/// assert!(realm.load("./d", &referrer)?.source_map.is_some());
/// assert!(matches!(realm.load("./e", &referrer), Err(LoadError::Invalid(_))));
/// # Ok::<(), LoadError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryFiles {
    files: BTreeMap<String, Result<Vec<u8>, ReadError>>,
    modules: BTreeMap<String, Result<Transpiled, LoadError>>,
    reads: RefCell<Vec<Read>>,
}

/// What a transpiler would have made of a file.
#[derive(Clone, Debug)]
struct Transpiled {
    code: Vec<u8>,
    source_map: Option<String>,
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

    /// Adds an ES module: `code` is what a transpiler would make of the file at `path`, of which reads know nothing.
    #[must_use]
    pub fn with_module(mut self, path: impl Into<String>, code: impl AsRef<[u8]>) -> Self {
        self.modules
            .insert(path.into(), Ok(Transpiled::new(code, None)));
        self
    }

    /// Adds an ES module with a source map (version 3, JSON).
    #[must_use]
    pub fn with_module_map(
        mut self,
        path: impl Into<String>,
        code: impl AsRef<[u8]>,
        source_map: impl Into<String>,
    ) -> Self {
        let module = Transpiled::new(code, Some(source_map.into()));
        self.modules.insert(path.into(), Ok(module));
        self
    }

    /// Makes loads of a path fail; reads of it go on as they are.
    #[must_use]
    pub fn with_load_error(mut self, path: impl Into<String>, error: LoadError) -> Self {
        self.modules.insert(path.into(), Err(error));
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

    /// A request to render the document at `path`, without options.
    ///
    /// # Panics
    ///
    /// When there is no such file.
    #[must_use]
    pub fn render_request<T: Into<String>>(
        &self,
        path: &str,
        formats: impl IntoIterator<Item = T>,
    ) -> RenderRequest {
        RenderRequest {
            document: self.file(path),
            formats: formats.into_iter().map(Into::into).collect(),
            options: "{}".into(),
        }
    }

    /// What has been read and loaded so far, in order.
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

impl MemoryFiles {
    /// The path that `specifier` leads to at `referrer`, where `exists` says which paths there are.
    fn resolve(
        &self,
        specifier: &str,
        referrer: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Result<String, ReadError> {
        let url = url::join(specifier, referrer).unwrap_or_else(|| specifier.into());
        let Some(path) = url.strip_prefix(ROOT).map(url::decode_path) else {
            self.record(specifier, url, Some(ReadError::Outside));
            return Err(ReadError::Outside);
        };
        let found = EXTENSIONS
            .iter()
            .map(|extension| format!("{path}{extension}"))
            .find(|path| exists(path));
        found.ok_or_else(|| {
            self.record(specifier, path, Some(ReadError::NotFound));
            ReadError::NotFound
        })
    }
}

impl Files for MemoryFiles {
    fn read(&self, specifier: &str, referrer: &str) -> Result<File, ReadError> {
        let path = self.resolve(specifier, referrer, |path| self.files.contains_key(path))?;
        let contents = self.files[&path].clone();
        self.record(specifier, path.clone(), contents.as_ref().err().copied());
        Ok(file(&path, contents?))
    }
}

impl Modules for MemoryFiles {
    fn load(&self, specifier: &str, referrer: &str) -> Result<Module, LoadError> {
        let path = self.resolve(specifier, referrer, |path| {
            self.modules.contains_key(path) || self.files.contains_key(path)
        })?;
        let module = match self.modules.get(&path) {
            Some(Ok(module)) => Ok(module.clone()),
            Some(Err(error)) => Err(error.clone()),
            None => as_it_is(&path, &self.files[&path]),
        };
        let error = match &module {
            Err(LoadError::Unreadable(error)) => Some(*error),
            _ => None,
        };
        self.record(specifier, path.clone(), error);
        let Transpiled { code, source_map } = module?;
        let File {
            url, media_type, ..
        } = file(&path, Vec::new());
        let media_type = if media_type == "application/json" {
            media_type
        } else {
            "text/javascript".into()
        };
        Ok(Module {
            url,
            media_type,
            code,
            source_map,
        })
    }
}

impl Transpiled {
    fn new(code: impl AsRef<[u8]>, source_map: Option<String>) -> Self {
        Self {
            code: code.as_ref().to_vec(),
            source_map,
        }
    }
}

/// A file that is a module without anybody's help.
fn as_it_is(path: &str, contents: &Result<Vec<u8>, ReadError>) -> Result<Transpiled, LoadError> {
    let contents = contents.as_ref().map_err(|error| *error)?;
    match path.rsplit('.').next() {
        Some("js" | "mjs" | "json") => Ok(Transpiled::new(contents, None)),
        _ => Err(LoadError::Invalid(vec![
            Diagnostic::error(format!("{path} is no module"))
                .code("module")
                .help("a test gives what it transpiles to with `MemoryFiles::with_module`"),
        ])),
    }
}

fn file(path: &str, contents: Vec<u8>) -> File {
    let media_type = match path.rsplit('.').next() {
        Some("css") => "text/css",
        Some("js" | "mjs") => "text/javascript",
        Some("json") => "application/json",
        Some("html") => "text/html",
        Some("md" | "markdown") => "text/markdown",
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

    #[test]
    fn a_module_is_what_was_transpiled_and_a_file_what_is_stored() {
        let realm = MemoryFiles::new()
            .with("a.ts", "let a: 1;")
            .with_module("a.ts", "let a;")
            .with_load_error("b.ts", LoadError::Unreadable(ReadError::Forbidden))
            .with("c.md", "# c")
            .with_error("d.js", ReadError::TooLarge);
        let referrer = format!("{ROOT}x.ts");
        assert_eq!(realm.load("./a", &referrer).unwrap().text(), Ok("let a;"));
        assert_eq!(
            realm.read("./a", &referrer).unwrap().text(),
            Ok("let a: 1;")
        );
        let unreadable = |error| Err(LoadError::Unreadable(error));
        assert_eq!(
            realm.load("./b", &referrer),
            unreadable(ReadError::Forbidden)
        );
        assert_eq!(realm.read("./b", &referrer), Err(ReadError::NotFound));
        assert_eq!(
            realm.load("./d", &referrer),
            unreadable(ReadError::TooLarge)
        );
        assert_eq!(
            realm.load("react", &referrer),
            unreadable(ReadError::Outside)
        );
        let Err(LoadError::Invalid(diagnostics)) = realm.load("./c.md", &referrer) else {
            panic!("Markdown is no module")
        };
        assert_eq!(diagnostics[0].code.as_deref(), Some("module"));
        let errors: Vec<_> = realm.reads().into_iter().map(|read| read.error).collect();
        assert_eq!(
            errors,
            [
                None,
                None,
                Some(ReadError::Forbidden),
                Some(ReadError::NotFound),
                Some(ReadError::TooLarge),
                Some(ReadError::Outside),
                None,
            ]
        );
    }
}
