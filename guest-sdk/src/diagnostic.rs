//! Short ways to say what is wrong with a file.

use crate::{Diagnostic, Failure, Position, ReadError, ReadFailure, Severity, Span};

impl Diagnostic {
    /// Something that makes an output impossible.
    ///
    /// ```
    /// use realm_guest_sdk::{Diagnostic, Position, Severity};
    ///
    /// let diagnostic = Diagnostic::error("unexpected `}`")
    ///     .code("syntax")
    ///     .at("styles/page.scss", 3, 14)
    ///     .help("every `}` needs a `{`");
    /// assert_eq!(diagnostic.severity, Severity::Error);
    /// assert_eq!(diagnostic.span.unwrap().start, Position { line: 3, column: 14 });
    /// ```
    #[must_use]
    pub fn error(message: impl Into<String>) -> Self {
        Self::new(Severity::Error, message)
    }

    /// Something that the author should change, beside an output.
    #[must_use]
    pub fn warning(message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, message)
    }

    /// Something that the author could do better.
    #[must_use]
    pub fn hint(message: impl Into<String>) -> Self {
        Self::new(Severity::Hint, message)
    }

    fn new(severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            message: message.into(),
            code: None,
            span: None,
            help: None,
        }
    }

    /// A stable code of the plugin's own, such as `TS1005`.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The place, as one position; `line` and `column` count from 1, columns in UTF-16 code units.
    #[must_use]
    pub fn at(self, path: impl Into<String>, line: u32, column: u32) -> Self {
        self.within(Span {
            path: path.into(),
            start: Position { line, column },
            end: None,
        })
    }

    /// The place, as a span; [`LineIndex::span`](crate::LineIndex::span) makes one of byte offsets.
    #[must_use]
    pub fn within(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// What the author can do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Invalid(vec![diagnostic])
    }
}

impl From<Vec<Diagnostic>> for Failure {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self::Invalid(diagnostics)
    }
}

impl Failure {
    /// A read that the call cannot do without.
    ///
    /// ```
    /// use realm_guest_sdk::{Failure, ReadError, ReadFailure};
    ///
    /// let failure = Failure::unreadable("./theme.json", ReadError::NotFound);
    /// let Failure::Unreadable(ReadFailure { specifier, .. }) = failure else { unreachable!() };
    /// assert_eq!(specifier, "./theme.json");
    /// ```
    #[must_use]
    pub fn unreadable(specifier: impl Into<String>, error: ReadError) -> Self {
        Self::Unreadable(ReadFailure {
            specifier: specifier.into(),
            error,
        })
    }
}
