//! `misbehave`: a transpiler and prerenderer whose input says how it is to misbehave, so that the host's tests can show that a plugin
//! hurts nobody but itself. Only directives live here; what the host makes of them is tested in `tests/`.
//!
//! The first line of a `.misbehave` file, and of a `.misrender` document, is one directive and its arguments;
//! [`DIRECTIVES`] lists them. What a module defines is one definition, `default`, with the module's code as it is loaded.

mod abuse;
mod directive;
mod observe;
mod render;

pub use directive::{DIRECTIVES, Directive};
use realm_guest_sdk::{
    Asset, Description, Diagnostic, Failure, Files, LineIndex, Output, Request, Rule, Transpiler,
    export_plugin,
};

/// The plugin.
#[derive(Debug)]
pub struct Misbehave;

impl Transpiler for Misbehave {
    fn describe() -> Description {
        Description::new(
            "misbehave",
            env!("CARGO_PKG_VERSION"),
            "Misbehaves as its input asks",
        )
        .transpiles([Rule::new(".misbehave", ".js", "text/javascript")])
        .renders([".misrender"])
    }

    fn transpile(request: Request, realm: &dyn Files) -> Result<Output, Failure> {
        let input = &request.input;
        let text = input.text()?;
        let line = text.lines().next().unwrap_or_default();
        let directive = parse(line, text, &input.path)?;
        match directive {
            Directive::Spin => abuse::spin(),
            Directive::Allocate => abuse::allocate(),
            Directive::Recurse => Ok(module(abuse::recurse(0))),
            Directive::Huge(bytes) => Ok(Output::new(vec![b' '; bytes])),
            Directive::Log(bytes) => {
                abuse::log(bytes);
                Ok(module(bytes))
            }
            Directive::Panic(message) => panic!("{message}"),
            Directive::State => Ok(module(observe::state())),
            Directive::Read(specifiers) => {
                Ok(module(observe::read(realm, &input.url, &specifiers)))
            }
            Directive::SpinIf(specifier, needle) => {
                let contents = observe::contents(realm, &input.url, specifier)?;
                if contents.contains(needle) {
                    abuse::spin()
                } else {
                    Ok(module(contents))
                }
            }
            Directive::SpinAfterRead(specifier) => {
                observe::read(realm, &input.url, &[specifier]);
                abuse::spin()
            }
            Directive::Sleep(duration) => {
                std::thread::sleep(duration);
                Ok(module("awake"))
            }
            Directive::Clock => Ok(module(observe::clock())),
            Directive::Reads(count) => Ok(module(observe::reads(realm, &input.url, count))),
            Directive::Echo(text) => Ok(module(text)),
            Directive::Declined => Err(Failure::Declined),
            Directive::Invalid => Err(invalid(line, text, &input.path)),
            Directive::Load(_) => Err(Diagnostic::error("only documents load modules").into()),
            Directive::Room(bytes) => Ok(module(observe::room(bytes))),
            Directive::Hoard(specifier) => {
                Ok(module(observe::hoard(realm, &input.url, text, specifier)?))
            }
            Directive::Asset => {
                Ok(module("with an asset").asset(Asset::new(".css", "text/css", "a {}\n")))
            }
        }
    }
}

fn parse<'a>(line: &'a str, text: &str, path: &str) -> Result<Directive<'a>, Failure> {
    Directive::parse(line).map_err(|message| {
        Diagnostic::error(message)
            .code("directive")
            .within(LineIndex::new(text).span(path, 0..line.len()))
            .help(format!("the directives are: {}", DIRECTIVES.join(", ")))
            .into()
    })
}

fn invalid(line: &str, text: &str, path: &str) -> Failure {
    Diagnostic::error("invalid on purpose")
        .code("MB0001")
        .within(LineIndex::new(text).span(path, 0..line.len()))
        .help("ask for something else")
        .into()
}

/// A module whose default export is a JSON value.
fn module(value: impl Into<serde_json::Value>) -> Output {
    Output::new(format!("export default {};\n", value.into()))
}

export_plugin!(Misbehave);
