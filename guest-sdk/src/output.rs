//! Short ways to build what a plugin returns, and to read what it is asked.

use serde::de::DeserializeOwned;

use crate::{Asset, Description, Diagnostic, Failure, Output, Request, Rule};

impl Description {
    /// A description that takes no options, and neither transpiles nor renders anything yet.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        version: impl Into<String>,
        summary: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            version: version.into(),
            summary: summary.into(),
            options_schema: None,
            transpiles: Vec::new(),
            renders: Vec::new(),
        }
    }

    /// The JSON Schema (2020-12) of the options object.
    #[must_use]
    pub fn options_schema(mut self, schema: impl Into<String>) -> Self {
        self.options_schema = Some(schema.into());
        self
    }

    /// What it transpiles.
    #[must_use]
    pub fn transpiles(mut self, rules: impl IntoIterator<Item = Rule>) -> Self {
        self.transpiles.extend(rules);
        self
    }

    /// The extensions of the documents that it renders, with their dots.
    ///
    /// ```
    /// use realm_guest_sdk::Description;
    ///
    /// let description = Description::new("markdown", "0.1.0", "Markdown").renders([".md", ".markdown"]);
    /// assert_eq!(description.renders, [".md", ".markdown"]);
    /// ```
    #[must_use]
    pub fn renders<T: Into<String>>(mut self, extensions: impl IntoIterator<Item = T>) -> Self {
        self.renders.extend(extensions.into_iter().map(Into::into));
        self
    }
}

impl Rule {
    /// Takes files of one extension, gives another; both with their dot.
    #[must_use]
    pub fn new(
        takes: impl Into<String>,
        gives: impl Into<String>,
        media_type: impl Into<String>,
    ) -> Self {
        Self {
            takes: takes.into(),
            gives: gives.into(),
            media_type: media_type.into(),
        }
    }
}

impl Request {
    /// The options, which are a JSON object that the plugin's schema accepts.
    ///
    /// ```
    /// use realm_guest_sdk::testing::MemoryFiles;
    ///
    /// #[derive(serde::Deserialize)]
    /// #[serde(deny_unknown_fields)]
    /// struct Options { minify: bool }
    ///
    /// let realm = MemoryFiles::new().with("a.css", "");
    /// let mut request = realm.request("a.css");
    /// request.options = r#"{ "minify": true }"#.into();
    /// assert!(request.parse_options::<Options>()?.minify);
    /// # Ok::<(), realm_guest_sdk::Failure>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with a diagnostic of code `options`.
    pub fn parse_options<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse_options(&self.options)
    }
}

/// A call's options, which are a JSON object that the plugin's schema accepts; no text at all is an empty object.
///
/// # Errors
///
/// [`Failure::Invalid`] with a diagnostic of code `options`.
pub fn parse_options<T: DeserializeOwned>(options: &str) -> Result<T, Failure> {
    let options = if options.trim().is_empty() {
        "{}"
    } else {
        options
    };
    serde_json::from_str(options).map_err(|error| {
        Diagnostic::error(format!("the plugin's options are not valid: {error}"))
            .code("options")
            .help("`realm plugin inspect` shows the options that the plugin takes")
            .into()
    })
}

impl Output {
    /// An output without source map, assets, imports or diagnostics.
    #[must_use]
    pub fn new(contents: impl Into<Vec<u8>>) -> Self {
        Self {
            contents: contents.into(),
            source_map: None,
            assets: Vec::new(),
            imports: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// A second output, served at `<path><suffix>`.
    ///
    /// ```
    /// use realm_guest_sdk::{Asset, Output};
    ///
    /// let output = Output::new("export {};").asset(Asset::new(".css", "text/css", "a {}"));
    /// assert_eq!(output.assets[0].suffix, ".css");
    /// ```
    #[must_use]
    pub fn asset(mut self, asset: Asset) -> Self {
        self.assets.push(asset);
        self
    }
}

impl Asset {
    /// `suffix` starts with a dot.
    #[must_use]
    pub fn new(
        suffix: impl Into<String>,
        media_type: impl Into<String>,
        contents: impl Into<Vec<u8>>,
    ) -> Self {
        Self {
            suffix: suffix.into(),
            media_type: media_type.into(),
            contents: contents.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::Failure;
    use crate::testing::MemoryFiles;

    #[derive(serde::Deserialize, Debug)]
    #[serde(deny_unknown_fields, default)]
    #[derive(Default)]
    struct Options {
        depth: u8,
    }

    fn parse(options: &str) -> Result<Options, Failure> {
        let mut request = MemoryFiles::new().with("a", "").request("a");
        request.options = options.into();
        request.parse_options()
    }

    #[test]
    fn no_options_are_an_empty_object() {
        assert_eq!(parse("").unwrap().depth, 0);
        assert_eq!(parse(r#"{"depth": 3}"#).unwrap().depth, 3);
    }

    #[test]
    fn unknown_options_are_named() {
        let Err(Failure::Invalid(diagnostics)) = parse(r#"{"dept": 3}"#) else {
            panic!("accepted")
        };
        assert!(
            diagnostics[0].message.contains("dept"),
            "{}",
            diagnostics[0].message
        );
        assert_eq!(diagnostics[0].code.as_deref(), Some("options"));
    }
}
