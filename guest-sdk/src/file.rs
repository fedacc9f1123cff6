//! What a plugin asks of a file: its text, and the URLs of its neighbours.

use crate::{Diagnostic, Failure, File, LineIndex, url};

impl File {
    /// The contents as text, without a byte-order mark.
    ///
    /// ```
    /// use realm_guest_sdk::Failure;
    /// use realm_guest_sdk::testing::MemoryFiles;
    ///
    /// let realm = MemoryFiles::new().with("a.ts", "\u{feff}let a;").with("b.ts", b"let b;\n\xff");
    /// assert_eq!(realm.file("a.ts").text(), Ok("let a;"));
    ///
    /// let file = realm.file("b.ts");
    /// let Err(Failure::Invalid(diagnostics)) = file.text() else { unreachable!() };
    /// assert_eq!(diagnostics[0].span.as_ref().unwrap().start.line, 2);
    /// ```
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with a diagnostic of code `encoding`, at the first byte that is not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        let text = str::from_utf8(&self.contents).map_err(|error| {
            let valid = String::from_utf8_lossy(&self.contents[..error.valid_up_to()]);
            Diagnostic::error("the file is not UTF-8 text")
                .code("encoding")
                .within(LineIndex::new(&valid).span(&self.path, valid.len()..valid.len()))
                .help("save the file with the encoding UTF-8")
        })?;
        Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
    }

    /// The last part of the path: `page.scss` of `styles/page.scss`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// The URL of another path of the same realm: decoded, without a leading slash, as [`File::path`] is.
    ///
    /// ```
    /// use realm_guest_sdk::testing::MemoryFiles;
    ///
    /// let realm = MemoryFiles::new().with("styles/page.scss", "");
    /// let page = realm.file("styles/page.scss");
    /// assert_eq!(page.url_of("theme/my colours.scss"), "http://realm.test/demo/theme/my%20colours.scss");
    /// ```
    #[must_use]
    pub fn url_of(&self, path: &str) -> String {
        let mut root = self.url.split(['?', '#']).next().unwrap_or_default();
        for _ in self.path.split('/') {
            root = root.rsplit_once('/').map_or(root, |(parent, _)| parent);
        }
        format!("{root}/{}", url::encode_path(path))
    }
}
