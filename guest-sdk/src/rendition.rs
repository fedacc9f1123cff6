//! Short ways to build what a prerenderer returns, and to read what it is asked.

use serde::de::DeserializeOwned;

use crate::{
    Definition, Diagnostic, Failure, LoadError, Module, ReadError, RenderRequest, Rendering,
    Rendition, parse_options,
};

impl RenderRequest {
    /// The options, which are a JSON object that the plugin's schema accepts.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with a diagnostic of code `options`.
    pub fn parse_options<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse_options(&self.options)
    }

    /// Whether `format` is asked for. To give one that is not is no mistake, but nobody will see it.
    ///
    /// ```
    /// use realm_guest_sdk::testing::MemoryFiles;
    ///
    /// let request = MemoryFiles::new().with("a.md", "").render_request("a.md", ["head"]);
    /// assert!(request.wants("head") && !request.wants("icon"));
    /// ```
    #[must_use]
    pub fn wants(&self, format: &str) -> bool {
        self.formats.iter().any(|wanted| wanted == format)
    }
}

impl Rendition {
    /// A rendition without renderings, title, types or diagnostics, and with an empty search document.
    ///
    /// ```
    /// use realm_guest_sdk::Rendition;
    /// use serde_json::json;
    ///
    /// let rendition = Rendition::new()
    ///     .title("Ada")
    ///     .rendering("isolated", "<h1>Ada</h1>")
    ///     .rendering_as("embedded", "https://realm.invalid/animal/Animal", "<b>Ada</b>")
    ///     .search_document(&json!({ "name": "Ada" }))
    ///     .types(["https://realm.invalid/person/Person", "https://realm.invalid/animal/Animal"]);
    /// assert_eq!(rendition.renderings.len(), 2);
    /// assert_eq!(rendition.search_document, r#"{"name":"Ada"}"#);
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self {
            renderings: Vec::new(),
            title: None,
            search_document: "{}".into(),
            types: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    /// What is shown wherever the document is listed: text, not HTML.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds the document in `format`, as its own type: HTML, but SVG for `icon` and Markdown for `markdown`.
    #[must_use]
    pub fn rendering(self, format: impl Into<String>, contents: impl Into<String>) -> Self {
        self.rendering_as(format, "", contents)
    }

    /// Adds the document in `format` (`embedded` or `fitted`), as one of its ancestor types.
    #[must_use]
    pub fn rendering_as(
        mut self,
        format: impl Into<String>,
        as_type: impl Into<String>,
        contents: impl Into<String>,
    ) -> Self {
        self.renderings.push(Rendering {
            format: format.into(),
            as_type: as_type.into(),
            contents: contents.into(),
        });
        self
    }

    /// What search filters match against: a JSON object.
    ///
    /// # Panics
    ///
    /// When it is no object.
    #[must_use]
    pub fn search_document(mut self, document: &serde_json::Value) -> Self {
        assert!(
            document.is_object(),
            "a search document is a JSON object, not {document}"
        );
        self.search_document = document.to_string();
        self
    }

    /// The document's type and its ancestors, most specific first: `<module URL>/<export name>` each.
    #[must_use]
    pub fn types<T: Into<String>>(mut self, types: impl IntoIterator<Item = T>) -> Self {
        self.types.extend(types.into_iter().map(Into::into));
        self
    }

    /// Adds a warning or a hint; an error belongs in [`Failure::Invalid`].
    #[must_use]
    pub fn diagnostic(mut self, diagnostic: Diagnostic) -> Self {
        self.diagnostics.push(diagnostic);
        self
    }

    /// What was rendered in `format` first, for tests.
    ///
    /// ```
    /// use realm_guest_sdk::Rendition;
    ///
    /// let rendition = Rendition::new().rendering("atom", "Ada");
    /// assert_eq!(rendition.get("atom"), Some("Ada"));
    /// assert_eq!(rendition.get("head"), None);
    /// ```
    #[must_use]
    pub fn get(&self, format: &str) -> Option<&str> {
        self.renderings
            .iter()
            .find(|rendering| rendering.format == format)
            .map(|rendering| rendering.contents.as_str())
    }
}

impl Default for Rendition {
    fn default() -> Self {
        Self::new()
    }
}

impl Definition {
    /// What the export of a module defines; `kind` says what the shape of `schema` is.
    ///
    /// ```
    /// use realm_guest_sdk::Definition;
    /// use serde_json::json;
    ///
    /// let definition = Definition::new("Person", "card", &json!({ "fields": ["name"] }));
    /// assert_eq!(definition.schema, r#"{"fields":["name"]}"#);
    /// ```
    #[must_use]
    pub fn new(
        export_name: impl Into<String>,
        kind: impl Into<String>,
        schema: &serde_json::Value,
    ) -> Self {
        Self {
            export_name: export_name.into(),
            kind: kind.into(),
            schema: schema.to_string(),
        }
    }
}

impl Module {
    /// The code as text.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with a diagnostic of code `encoding`; a host gives modules as UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        str::from_utf8(&self.code).map_err(|_| {
            Diagnostic::error(format!("the module {} is not UTF-8 text", self.url))
                .code("encoding")
                .into()
        })
    }
}

impl LoadError {
    /// The failure of a call that cannot do without the module that `specifier` means.
    ///
    /// ```
    /// use realm_guest_sdk::{Diagnostic, Failure, LoadError, ReadError};
    ///
    /// let failure = LoadError::Unreadable(ReadError::NotFound).into_failure("./person");
    /// assert_eq!(failure, Failure::unreadable("./person", ReadError::NotFound));
    /// let diagnostics = vec![Diagnostic::error("unexpected `}`").at("person.ts", 3, 1)];
    /// let failure = LoadError::Invalid(diagnostics.clone()).into_failure("./person");
    /// assert_eq!(failure, Failure::Invalid(diagnostics));
    /// ```
    #[must_use]
    pub fn into_failure(self, specifier: impl Into<String>) -> Failure {
        match self {
            Self::Unreadable(error) => Failure::unreadable(specifier, error),
            Self::Invalid(diagnostics) => Failure::Invalid(diagnostics),
        }
    }
}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}
