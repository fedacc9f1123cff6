//! The functions that lowered syntax calls: written into the module itself, since a realm has no package to import
//! them from.

use oxc::ast::ast::{ImportDeclarationSpecifier, Program, Statement};
use realm_guest_sdk::{Diagnostic, Failure};

/// The package that oxc is told to import helpers from; no source can name it.
pub(crate) const MODULE: &str = "\u{0}helpers";

const SOURCE: &str = concat!(include_str!("helpers.js"), include_str!("helpers-async.js"));

/// Takes the imports of helpers out of `program`, and gives the functions that they stand for, as text.
pub(crate) fn take(program: &mut Program<'_>) -> Result<String, Failure> {
    let mut text = String::new();
    let mut missing = None;
    program.body.retain(|statement| {
        let Statement::ImportDeclaration(import) = statement else {
            return true;
        };
        let Some(name) = import
            .source
            .value
            .strip_prefix(MODULE)
            .and_then(|path| path.strip_prefix("/helpers/"))
        else {
            return true;
        };
        for specifier in import.specifiers.iter().flatten() {
            if let ImportDeclarationSpecifier::ImportDefaultSpecifier(specifier) = specifier {
                match source(name) {
                    // The name is oxc's, which made sure that nothing else in the module has it.
                    Some(body) => {
                        text.push_str(&format!("function {}{body}", specifier.local.name))
                    }
                    None => missing = Some(name.to_owned()),
                }
            }
        }
        false
    });
    match missing {
        None => Ok(text),
        Some(name) => Err(
            Diagnostic::error(format!("the plugin has no helper `{name}`"))
                .code("helper")
                .help("choose a newer `target`, and report this as a bug of the plugin")
                .into(),
        ),
    }
}

/// The parameters and body of a helper.
fn source(name: &str) -> Option<&'static str> {
    // Not a name that a function can have.
    let name = if name == "extends" { "assign" } else { name };
    let start = SOURCE.find(&format!("\nfunction {name}("))? + "\nfunction ".len() + name.len();
    let end = start + SOURCE[start..].find("\n}\n")? + "\n}\n".len();
    Some(&SOURCE[start..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every helper of oxc's but the two of an assumption that is never made (private fields as properties).
    const NAMES: [&str; 27] = [
        "awaitAsyncGenerator",
        "asyncGeneratorDelegate",
        "asyncIterator",
        "asyncToGenerator",
        "objectSpread2",
        "wrapAsyncGenerator",
        "extends",
        "objectDestructuringEmpty",
        "objectWithoutProperties",
        "toPropertyKey",
        "defineProperty",
        "classPrivateFieldInitSpec",
        "classPrivateMethodInitSpec",
        "classPrivateFieldGet2",
        "classPrivateFieldSet2",
        "assertClassBrand",
        "toSetter",
        "superPropGet",
        "superPropSet",
        "readOnlyError",
        "writeOnlyError",
        "checkInRHS",
        "decorate",
        "decorateParam",
        "decorateMetadata",
        "usingCtx",
        "taggedTemplateLiteral",
    ];

    #[test]
    fn every_helper_has_a_source_that_is_whole() {
        for name in NAMES {
            let body = source(name).unwrap_or_else(|| panic!("no {name}"));
            let function = format!("function helper{body}");
            let allocator = oxc::allocator::Allocator::default();
            let parsed =
                oxc::parser::Parser::new(&allocator, &function, oxc::span::SourceType::mjs())
                    .parse();
            assert!(
                parsed.diagnostics.is_empty(),
                "{name}: {:?}",
                parsed.diagnostics
            );
            assert_eq!(parsed.program.body.len(), 1, "{name}");
        }
        assert_eq!(source("noSuchHelper"), None);
    }
}
