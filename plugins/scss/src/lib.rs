//! The `scss` plugin: Sass, in both of its syntaxes, to CSS, on grass.
//!
//! Here lives what joins grass to a realm: its file system is the realm, its errors and warnings are diagnostics. What
//! a style sheet means is grass's to say. Nothing is read but through the contract's `files`.
//!
//! grass writes no source maps, so outputs have none. `random()` and `unique-id()` are left out of the build: an output
//! is a function of its inputs.

mod path;
mod realm_fs;
mod report;

use grass::{InputSyntax, OutputStyle};
use realm_guest_sdk::{
    Description, Failure, File, Files, Output, Request, Rule, Transpiler, export_transpiler,
};
use serde::Deserialize;

use crate::realm_fs::RealmFs;
use crate::report::Warnings;

/// The plugin.
#[derive(Debug)]
pub struct Scss;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    style: Style,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Style {
    #[default]
    Expanded,
    Compressed,
}

impl Transpiler for Scss {
    fn describe() -> Description {
        Description::new(
            "scss",
            env!("CARGO_PKG_VERSION"),
            "Sass (.scss and .sass) to CSS",
        )
        .options_schema(include_str!("options.schema.json"))
        .transpiles([
            Rule::new(".scss", ".css", "text/css"),
            Rule::new(".sass", ".css", "text/css"),
        ])
    }

    fn transpile(request: Request, realm: &dyn Files) -> Result<Output, Failure> {
        let Options { style } = request.parse_options()?;
        let input = &request.input;
        let files = RealmFs::new(realm, input)?;
        let warnings = Warnings::default();
        let options = grass::Options::default()
            .fs(&files)
            .logger(&warnings)
            .input_syntax(syntax(input))
            .style(match style {
                Style::Expanded => OutputStyle::Expanded,
                Style::Compressed => OutputStyle::Compressed,
            });
        match grass::from_path(&input.path, &options) {
            Ok(css) => Ok(Output {
                diagnostics: warnings.into_diagnostics(),
                ..Output::new(css)
            }),
            Err(error) => Err(files
                .into_failure()
                .unwrap_or_else(|lost| report::failure(*error, lost.as_ref()))),
        }
    }
}

/// By the extension; a path stays the source file's through a pipeline, so that of another plugin's output says nothing,
/// and then it is SCSS.
fn syntax(input: &File) -> InputSyntax {
    if input.name().to_ascii_lowercase().ends_with(".sass") {
        InputSyntax::Sass
    } else {
        InputSyntax::Scss
    }
}

export_transpiler!(Scss);
