//! Which of oxc's languages a file is written in, and whether it needs to be transpiled at all.

use oxc::allocator::Allocator;
use oxc::parser::{Parser, ParserReturn};
use oxc::span::SourceType;
use realm_guest_sdk::File;

use crate::options::Options;
use crate::scan::Scan;

/// What a file claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `.js`, `.mjs`, which may still hold JSX or types.
    JavaScript,
    /// `.jsx`.
    Jsx,
    /// `.ts`, `.mts`.
    TypeScript,
    /// `.tsx`.
    Tsx,
    /// `.d.ts`: types only.
    Declarations,
    /// Another plugin's output: TypeScript, with JSX or without.
    Generated,
}

impl Language {
    /// By its extension. A path stays the source file's through a pipeline, so that of another plugin's output says
    /// nothing of the text; then the media type does.
    pub(crate) fn of(file: &File) -> Self {
        let name = file.name();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match extension.to_ascii_lowercase().as_str() {
            "ts" | "mts" | "cts" if name.contains(".d.") => Self::Declarations,
            "ts" | "mts" | "cts" => Self::TypeScript,
            "tsx" => Self::Tsx,
            "jsx" => Self::Jsx,
            "js" | "mjs" => Self::JavaScript,
            _ => match file.media_type.rsplit('/').next().unwrap_or_default() {
                "javascript" | "x-javascript" | "ecmascript" => Self::JavaScript,
                "jsx" => Self::Jsx,
                "tsx" => Self::Tsx,
                _ => Self::Generated,
            },
        }
    }

    /// What to try, in order: the first that parses is meant, and errors are those of the first.
    fn source_types(self) -> &'static [SourceType] {
        const JSX: SourceType = SourceType::jsx().with_module(true);
        const TS: SourceType = SourceType::ts().with_module(true);
        const TSX: SourceType = SourceType::tsx().with_module(true);
        match self {
            Self::JavaScript => &[JSX, TSX, TS],
            Self::Jsx => &[JSX],
            Self::Tsx => &[TSX],
            Self::TypeScript | Self::Declarations => &[TS],
            Self::Generated => &[TS, TSX],
        }
    }
}

/// Parses a file in its language.
pub(crate) fn parse<'a>(
    allocator: &'a Allocator,
    text: &'a str,
    language: Language,
) -> ParserReturn<'a> {
    let mut attempts = language
        .source_types()
        .iter()
        .map(|&kind| Parser::new(allocator, text, kind).parse());
    let first = attempts.next().expect("every language has a source type");
    if first.diagnostics.is_empty() {
        return first;
    }
    attempts
        .find(|attempt| attempt.diagnostics.is_empty())
        .unwrap_or(first)
}

/// Whether browsers read the text as it is: as a module, or as a classic script.
pub(crate) fn is_plain(text: &str, options: &Options) -> bool {
    let allocator = Allocator::default();
    [SourceType::mjs(), SourceType::script()]
        .into_iter()
        .any(|kind| {
            let parsed = Parser::new(&allocator, text, kind).parse();
            parsed.diagnostics.is_empty() && !needs_lowering(&parsed, text, options)
        })
}

/// oxc parses two things as JavaScript that browsers do not read yet, or not all of them.
fn needs_lowering(parsed: &ParserReturn<'_>, text: &str, options: &Options) -> bool {
    // Looking for the characters first saves most files the walk.
    if !text.contains('@') && !text.contains("using") {
        return false;
    }
    let scan = Scan::of(&parsed.program);
    scan.decorator.is_some() || scan.uses_resources && options.lowers_resources()
}
