use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::renderer::DEFAULT_TERM_WIDTH;
use annotate_snippets::{
    AnnotationKind, Level, Origin, Renderer, Snippet, normalize_untrusted_str as clean,
};

use super::Folder;
use crate::plugins::{Diagnostic, Position, Severity};
use crate::realm::LocalPath;

/// Shows diagnostics with the lines that they are about, as compilers do. `coloured`: for a terminal. `named` says what a
/// file is called, by its path in the realm.
#[must_use]
pub fn frames(
    diagnostics: &[Diagnostic],
    folder: &Folder,
    coloured: bool,
    named: impl Fn(&LocalPath) -> String,
) -> String {
    let renderer = if coloured {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let renderer = renderer.term_width(DEFAULT_TERM_WIDTH);
    let mut shown = String::new();
    for diagnostic in diagnostics {
        shown.push_str(&frame(diagnostic, folder, &renderer, &named));
        shown.push('\n');
    }
    shown
}

fn frame(
    diagnostic: &Diagnostic,
    folder: &Folder,
    renderer: &Renderer,
    named: &impl Fn(&LocalPath) -> String,
) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Hint => Level::INFO.with_name("hint"),
    };
    let mut title = level.primary_title(clean(&diagnostic.message));
    if let Some(code) = &diagnostic.code {
        title = title.id(clean(code));
    }
    let local = diagnostic
        .path
        .as_deref()
        .and_then(|path| LocalPath::new(path).ok());
    let name = local.as_ref().map_or_else(
        || diagnostic.path.as_deref().map(clean),
        |local| Some(named(local)),
    );
    let source = local
        .and_then(|local| folder.read(&local).ok())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let place = |source: &str| Some(range(source, diagnostic.start?, diagnostic.end));
    let span = source.as_deref().and_then(place);
    let help = diagnostic
        .help
        .as_ref()
        .map(|help| Level::HELP.message(clean(help)));
    let report = match (&source, span, name) {
        (Some(source), Some(span), Some(name)) => {
            let snippet = Snippet::source(Cow::Borrowed(source.as_str()))
                .path(name)
                .annotation(AnnotationKind::Primary.span(span));
            title.element(snippet).elements(help)
        }
        (_, _, Some(name)) => {
            let mut origin = Origin::path(name);
            if let Some(start) = diagnostic.start {
                origin = origin.line(start.line as usize);
                origin = origin.char_column(start.column as usize);
            }
            title.element(origin).elements(help)
        }
        (_, _, None) => title.elements(help),
    };
    renderer.render(&[report])
}

/// The bytes of a span: lines and columns count from 1, columns in UTF-16 code units. What lies outside the text is its end.
fn range(source: &str, start: Position, end: Option<Position>) -> Range<usize> {
    let start = offset(source, start);
    let one = source[start..].chars().next();
    let one = one.filter(|next| *next != '\n').map_or(0, char::len_utf8);
    let end = end.map_or(start + one, |end| offset(source, end));
    start..end.max(start)
}

fn offset(source: &str, position: Position) -> usize {
    let before = position.line.saturating_sub(1) as usize;
    let line = match before {
        0 => 0,
        _ => match source.match_indices('\n').nth(before - 1) {
            Some((at, _)) => at + 1,
            None => return source.len(),
        },
    };
    let mut units = 1;
    for (at, character) in source[line..].char_indices() {
        if units >= position.column || character == '\n' {
            return line + at;
        }
        units += u32::try_from(character.len_utf16()).unwrap_or(1);
    }
    source.len()
}

#[cfg(test)]
mod tests {
    use super::{Position, offset, range};

    fn at(line: u32, column: u32) -> Position {
        Position { line, column }
    }

    #[test]
    fn columns_are_utf_16_and_what_is_outside_is_the_end() {
        let text = "a😀b\nç=d\n";
        assert_eq!(offset(text, at(1, 1)), 0);
        assert_eq!(offset(text, at(1, 2)), 1);
        assert_eq!(offset(text, at(1, 4)), 5);
        assert_eq!(offset(text, at(1, 99)), 6);
        assert_eq!(offset(text, at(2, 2)), 9);
        assert_eq!(offset(text, at(7, 1)), text.len());
        assert_eq!(range(text, at(2, 1), None), 7..9);
        assert_eq!(range(text, at(2, 1), Some(at(1, 1))), 7..7);
        assert_eq!(range(text, at(1, 2), Some(at(1, 4))), 1..5);
    }
}
