//! The `typescript` plugin: TypeScript and JSX to JavaScript that browsers read, one file at a time, on oxc.
//!
//! Here lives what turns one source text into one module; no file but the input is ever read, so what needs the whole
//! program (types, `.d.ts` files) is out. Like `typescript`'s `transpileModule` it reports syntax errors, and leaves
//! what a type checker would find to the type checker.

mod compile;
mod diagnostics;
mod helpers;
mod language;
mod options;
mod pragmas;
mod prepare;
mod scan;

use realm_guest_sdk::{
    Description, Failure, Files, Output, Request, Rule, Transpiler, export_transpiler,
};

use crate::language::Language;
use crate::options::Options;

/// The plugin.
#[derive(Debug)]
pub struct TypeScript;

impl Transpiler for TypeScript {
    fn describe() -> Description {
        const MEDIA_TYPE: &str = "text/javascript";
        let turns = |takes: &str, gives: &str| Rule::new(takes, gives, MEDIA_TYPE);
        Description::new(
            "typescript",
            env!("CARGO_PKG_VERSION"),
            "TypeScript and JSX to JavaScript modules",
        )
        .options_schema(options::SCHEMA)
        .transpiles([
            turns(".ts", ".js"),
            turns(".tsx", ".js"),
            turns(".mts", ".js"),
            turns(".jsx", ".js"),
            turns(".js", ".js"),
            turns(".mjs", ".mjs"),
        ])
    }

    fn transpile(request: Request, _realm: &dyn Files) -> Result<Output, Failure> {
        let options: Options = request.parse_options()?;
        let input = &request.input;
        let language = Language::of(input);
        let text = input.text()?;
        if language == Language::Declarations {
            // It has no code; what imports it for its types must still find a module.
            return Ok(Output::new("export {};\n"));
        }
        if language == Language::JavaScript && language::is_plain(text, &options) {
            return Err(Failure::Declined);
        }
        if text.trim().is_empty() {
            return Ok(Output::new(""));
        }
        compile::compile(input, text, language, &options)
    }
}

export_transpiler!(TypeScript);
