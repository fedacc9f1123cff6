//! What a file's own comments say of its JSX.

use oxc::ast::ast::Program;
use oxc::span::GetSpan;

use crate::options::Jsx;

/// The pragmas before the first statement; of two of a kind the last counts.
#[derive(Debug, Default)]
pub(crate) struct Pragmas<'a> {
    /// `@jsxRuntime`
    pub(crate) runtime: Option<Jsx>,
    /// `@jsxImportSource`
    pub(crate) import_source: Option<&'a str>,
    /// `@jsx`
    pub(crate) factory: Option<&'a str>,
    /// `@jsxFrag`
    pub(crate) fragment_factory: Option<&'a str>,
}

impl<'a> Pragmas<'a> {
    pub(crate) fn of(program: &Program<'a>) -> Self {
        let mut pragmas = Self::default();
        let Some(first) = program.body.first() else {
            return pragmas;
        };
        let start = first.span().start;
        let leading = program.comments.iter();
        for comment in leading.take_while(|comment| comment.span.start < start) {
            let text = comment.content_span().source_text(program.source_text);
            text.lines().for_each(|line| pragmas.read(line));
        }
        pragmas
    }

    fn read(&mut self, line: &'a str) {
        let mut words = line.split_ascii_whitespace();
        while let Some(word) = words.next() {
            // `/**@jsx h*/` is one as well.
            let slot = match word.trim_start_matches('*') {
                "@jsx" => &mut self.factory,
                "@jsxFrag" => &mut self.fragment_factory,
                "@jsxImportSource" => &mut self.import_source,
                "@jsxRuntime" => {
                    self.runtime = match words.next() {
                        Some("automatic") => Some(Jsx::Automatic),
                        Some("classic") => Some(Jsx::Classic),
                        _ => self.runtime,
                    };
                    continue;
                }
                _ => continue,
            };
            *slot = words.next().or(*slot);
        }
    }
}
