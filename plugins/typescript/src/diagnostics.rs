//! oxc's diagnostics as the contract's.

use oxc::diagnostics::{OxcDiagnostic, Severity};
use realm_guest_sdk::{Diagnostic, LineIndex, Severity as Level};

/// Whose diagnostic it is: the code of those that oxc gives none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    Syntax,
    Semantics,
    Transform,
}

/// Warnings of oxc's that mean: the output lacks what the source says.
const FATAL: [(&str, &str); 2] = [
    ("Namespaces exporting non-const", "namespace-export"),
    ("Ambient modules cannot be nested", "TS1035"),
];

/// Converts one diagnostic of the file at `path`.
pub(crate) fn convert(
    diagnostic: &OxcDiagnostic,
    stage: Stage,
    path: &str,
    lines: &LineIndex<'_>,
) -> Diagnostic {
    let fatal = FATAL
        .iter()
        .find(|(message, _)| diagnostic.message.starts_with(message));
    let code = match (&diagnostic.code.number, fatal, stage) {
        (Some(number), ..) => format!(
            "{}{number}",
            diagnostic.code.scope.as_deref().unwrap_or("TS")
        ),
        (None, Some((_, code)), _) => (*code).to_owned(),
        (None, None, Stage::Syntax) => "syntax".to_owned(),
        (None, None, Stage::Semantics) => "semantics".to_owned(),
        (None, None, Stage::Transform) => "transform".to_owned(),
    };
    let label = diagnostic
        .labels
        .iter()
        .find(|label| label.primary())
        .or(diagnostic.labels.first());
    let (message, advice) = match fatal {
        Some((_, "namespace-export")) => (
            "a namespace cannot export a variable beside something that has the name of the namespace",
            Some("declare it with `const`, or rename one of the two"),
        ),
        _ => (diagnostic.message.as_ref(), None),
    };
    let help = [
        advice,
        diagnostic.help.as_deref(),
        diagnostic.note.as_deref(),
        label.and_then(|label| label.label()),
    ]
    .into_iter()
    .flatten()
    .next()
    .map(|help| help.lines().map(str::trim).collect::<Vec<_>>().join(" "));
    Diagnostic {
        severity: match stage {
            Stage::Syntax => Level::Error,
            Stage::Semantics => Level::Warning,
            // What oxc gives a code of TypeScript's (`import =`, `export =`) has no output in a module at all.
            Stage::Transform if fatal.is_some() || diagnostic.code.is_some() => Level::Error,
            Stage::Transform => match diagnostic.severity {
                Severity::Error => Level::Error,
                Severity::Warning => Level::Warning,
                Severity::Advice => Level::Hint,
            },
        },
        message: message.to_owned(),
        code: Some(code),
        span: label
            .map(|label| lines.span(path, label.span().start as usize..label.span().end as usize)),
        help,
    }
}
