//! grass's errors and warnings as diagnostics.

use std::cell::RefCell;

use grass::ErrorKind;
use grass::codemap::{LineCol, SpanLoc};
use realm_guest_sdk::{Diagnostic, Failure, Position, Span, log};

use crate::realm_fs::Outside;

/// grass has one message for every import that leads nowhere, and no code.
const NOT_FOUND: &str = "Can't find stylesheet to import.";

/// The failure that an error of grass's means; `outside` is where an import led that left the realm.
pub(crate) fn failure(error: grass::Error, outside: Option<&Outside>) -> Failure {
    match error.kind() {
        ErrorKind::ParseError { message, loc, .. } if message == NOT_FOUND => {
            let diagnostic = match outside {
                Some(Outside(path)) => Diagnostic::error(format!("`{path}` is not in this realm"))
                    .code("outside")
                    .help("a style sheet can only import files of its own realm"),
                None => Diagnostic::error("there is no style sheet to import here").code("import").help(
                    "looked for the name as a .scss, .sass or .css file, as a partial (`_name.scss`), and as a folder \
                     with an index (`name/_index.scss`)",
                ),
            };
            diagnostic.within(span(&loc)).into()
        }
        ErrorKind::ParseError { message, loc, .. } => Diagnostic::error(message)
            .code("sass")
            .within(span(&loc))
            .into(),
        ErrorKind::FromUtf8Error(message) => Diagnostic::error(message).code("encoding").into(),
        ErrorKind::IoError(error) => Diagnostic::error(error.to_string()).code("sass").into(),
        other => Diagnostic::error(format!("{other:?}")).code("sass").into(),
    }
}

/// What `@warn` and deprecations say, kept for the output.
#[derive(Debug, Default)]
pub(crate) struct Warnings(RefCell<Vec<Diagnostic>>);

impl Warnings {
    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0.into_inner()
    }
}

impl grass::Logger for Warnings {
    fn debug(&self, location: SpanLoc, message: &str) {
        let Span { path, start, .. } = span(&location);
        log::debug(format!("{path}:{}:{}: {message}", start.line, start.column));
    }

    fn warn(&self, location: SpanLoc, message: &str) {
        // grass writes a string as Sass would, with quotes.
        let message = message
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(message);
        self.0.borrow_mut().push(
            Diagnostic::warning(message)
                .code("warn")
                .within(span(&location)),
        );
    }
}

/// grass's names of files are local paths, since that is what it was given.
fn span(loc: &SpanLoc) -> Span {
    let start = position(loc, loc.begin);
    let end = Some(position(loc, loc.end)).filter(|end| *end != start);
    Span {
        path: loc.file.name().to_owned(),
        start,
        end,
    }
}

/// grass counts from 0, and columns in characters.
fn position(loc: &SpanLoc, at: LineCol) -> Position {
    let before = loc.file.source_line(at.line).chars().take(at.column);
    let column = before.map(char::len_utf16).sum::<usize>() + 1;
    let saturate = |number| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: saturate(at.line + 1),
        column: saturate(column),
    }
}
