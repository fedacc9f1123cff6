//! Parse, transform, print: one text to one module.

use std::cell::LazyCell;
use std::path::{Path, PathBuf};

use oxc::allocator::{Allocator, TakeIn};
use oxc::codegen::{Codegen, CodegenOptions, CommentOptions};
use oxc::semantic::{SemanticBuilder, Stats};
use oxc::transformer::Transformer;
use realm_guest_sdk::{Diagnostic, Failure, File, LineIndex, Output, Severity};

use crate::diagnostics::{Stage, convert};
use crate::helpers;
use crate::language::{self, Language};
use crate::options::Options;
use crate::pragmas::Pragmas;
use crate::prepare::prepare;
use crate::scan::{self, Scan};

/// Compiles `text`, which is the input's contents.
pub(crate) fn compile(
    input: &File,
    text: &str,
    language: Language,
    options: &Options,
) -> Result<Output, Failure> {
    let allocator = Allocator::default();
    // Most files have nothing to report, and looking for their lines costs a tenth of all the rest.
    let lines = LazyCell::new(|| LineIndex::new(text));
    let report = |diagnostics: &[_], stage| {
        diagnostics
            .iter()
            .map(|diagnostic| convert(diagnostic, stage, &input.path, &lines))
            .collect::<Vec<_>>()
    };

    let parsed = language::parse(&allocator, text, language);
    if !parsed.diagnostics.is_empty() {
        return Err(report(&parsed.diagnostics, Stage::Syntax).into());
    }
    let imports_dynamically = !parsed.module_record.dynamic_imports.is_empty();
    let mut program = parsed.program;

    prepare(&mut program, &allocator, options.verbatim_module_syntax);

    let checked = SemanticBuilder::new_compiler()
        .with_stats(expected(text))
        .with_enum_eval(true)
        .build(&program);
    // `transpileModule` reports nothing of this kind, so it is no reason to have no output: but where a private name
    // is lowered, oxc's transform depends on there being one.
    let mut diagnostics = report(&checked.diagnostics, Stage::Semantics);
    if options.lowers_classes() {
        let private = checked.diagnostics.iter().zip(&mut diagnostics);
        for (_, diagnostic) in private.filter(|(of_oxc, _)| of_oxc.message.starts_with("Private "))
        {
            diagnostic.severity = Severity::Error;
        }
        refuse(&diagnostics)?;
    }
    let scoping = checked.semantic.into_scoping();
    let transform = options.transform(&Pragmas::of(&program));
    // oxc would read the pragmas again: `@jsx h` keeps the import of `h`, whatever the runtime.
    let comments = program.comments.take_in(&&allocator);
    let transformed = Transformer::new(&allocator, Path::new(input.name()), &transform)
        .build_with_scoping(scoping, &mut program);
    program.comments = comments;
    diagnostics.extend(report(&transformed.diagnostics, Stage::Transform));
    refuse(&diagnostics)?;

    let helpers = helpers::take(&mut program)?;
    let scan = if imports_dynamically || scan::may_have_decorators(text, &program.comments) {
        Scan::of(&program)
    } else {
        Scan::of_statements(&program)
    };
    if let Some(decorator) = scan.decorator {
        let place = decorator.start as usize..decorator.end as usize;
        let span = lines.span(&input.path, place);
        return Err(left_over(options).within(span).into());
    }

    let printed = Codegen::new()
        .with_options(CodegenOptions {
            source_map_path: Some(PathBuf::from(input.name())),
            comments: CommentOptions::default(),
            ..CodegenOptions::default()
        })
        .build(&program);
    let (mut contents, mut map) = (printed.code, printed.map);
    if let Some(map) = &mut map {
        // The host writes the text of the input into it, faster than a guest can.
        map.set_source_contents(Vec::new());
    }
    // At the end, where they move no mapping; function declarations are hoisted.
    contents.push_str(&helpers);
    Ok(Output {
        source_map: map.map(|map| map.to_json_string()),
        imports: scan.imports,
        diagnostics,
        ..Output::new(contents)
    })
}

/// How much there may be to know of a text, with room for what the transform adds. To count it would take a walk over the
/// whole program; where it is more than expected, the tables grow.
fn expected(text: &str) -> Stats {
    let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
    let one_in = |every: u32| bytes / every + 16;
    Stats::new(one_in(4), one_in(32), one_in(16), one_in(10))
}

/// Fails when one of the diagnostics is an error.
fn refuse(diagnostics: &[Diagnostic]) -> Result<(), Failure> {
    let is_error = |diagnostic: &Diagnostic| diagnostic.severity == Severity::Error;
    if diagnostics.iter().any(is_error) {
        Err(diagnostics.to_vec().into())
    } else {
        Ok(())
    }
}

/// A decorator that is still there after the transform is one that no browser reads.
fn left_over(options: &Options) -> Diagnostic {
    if options.experimental_decorators {
        Diagnostic::error("decorators are not valid here")
            .code("TS1206")
            .help("decorate a class declaration or its members")
    } else {
        Diagnostic::error("browsers do not read decorators")
            .code("decorators")
            .help("set the option `experimentalDecorators` to transpile them as TypeScript's experimental decorators")
    }
}
