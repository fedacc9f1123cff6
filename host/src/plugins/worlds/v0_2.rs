//! A `realm:plugin@0.2.0` that there is in tests only (`tests/wit/0.2.0`).

use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};

use self::bindings::TranspilerPlugin;
use self::bindings::exports::realm::plugin::{about, transpiler};
use self::bindings::realm::plugin::{files, types};
use super::{Contract, Description, Given, Question, Speaks, lacks};
use crate::plugins::Rule;
use crate::plugins::imports::{CallWorld, Contents, reason};
use crate::plugins::output::{Diagnostic, Outcome, Output, Position, Severity};

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated from the WIT"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../tests/wit/0.2.0",
        world: "transpiler-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

pub(super) const CONTRACT: Contract = Contract {
    version: "0.2.0",
    wit: include_str!("../../../../tests/wit/0.2.0/realm-plugin.wit"),
    link,
    find: |pre| Ok(Speaks::V0_2(Exports::of(pre)?)),
};

fn link(linker: &mut Linker<CallWorld>) -> wasmtime::Result<()> {
    TranspilerPlugin::add_to_linker::<_, HasSelf<CallWorld>>(linker, |world| world)
}

/// Where what a component exports is found.
pub(super) struct Exports {
    about: about::GuestIndices,
    transpiler: transpiler::GuestIndices,
}

impl Exports {
    fn of(pre: &InstancePre<CallWorld>) -> wasmtime::Result<Self> {
        Ok(Self {
            about: about::GuestIndices::new(pre)?,
            transpiler: transpiler::GuestIndices::new(pre)?,
        })
    }

    pub(super) fn kinds(&self) -> (bool, bool) {
        (true, false)
    }

    pub(super) async fn ask(
        &self,
        question: Question,
        instance: &Instance,
        mut store: &mut Store<CallWorld>,
    ) -> wasmtime::Result<Given> {
        match question {
            Question::Describe => {
                let about = self.about.load(&mut store, instance)?;
                let description = about.call_describe(store).await?;
                Ok(Given::Description(description.into()))
            }
            Question::Transpile { input, options, .. } => {
                let path = input.path.clone();
                let transpiler = self.transpiler.load(&mut store, instance)?;
                let (input, options) = (input.into(), pairs(&options));
                let given = transpiler.call_transpile(store, &input, &options).await?;
                Ok(Given::Outcome(outcome(given, &path)))
            }
            Question::Render { .. } | Question::Define { .. } => Err(lacks("prerenderer")),
        }
    }
}

impl types::Host for CallWorld {}

impl files::Host for CallWorld {
    async fn read(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<types::File, String>> {
        let read = self.read_file(specifier, referrer).await?;
        Ok(read
            .map(Into::into)
            .map_err(|failure| reason(failure).to_owned()))
    }
}

fn pairs(options: &str) -> Vec<(String, String)> {
    let options: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(options).unwrap_or_default();
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        value => value.to_string(),
    };
    let pairs = options.into_iter();
    pairs.map(|(key, value)| (key, text(value))).collect()
}

fn outcome(given: Result<transpiler::Output, types::Failure>, path: &str) -> Outcome {
    let diagnostics = |severity, notes: Vec<types::Note>| {
        let notes = notes.into_iter();
        let diagnostic = |note: types::Note| Diagnostic {
            severity,
            message: note.text,
            code: None,
            path: Some(path.to_owned()),
            start: Some(Position {
                line: note.line,
                column: 1,
            }),
            end: None,
            help: None,
            plugin: None,
        };
        notes.map(diagnostic).collect()
    };
    match given {
        Ok(output) => Outcome::of_output(Output {
            contents: output.text.into(),
            source_map: None,
            assets: Vec::new(),
            imports: Vec::new(),
            diagnostics: diagnostics(Severity::Warning, output.notes),
        }),
        Err(types::Failure::Notes(notes)) => Outcome::Invalid(diagnostics(Severity::Error, notes)),
        Err(types::Failure::Declined) => Outcome::Declined,
    }
}

impl From<Contents> for types::File {
    fn from(contents: Contents) -> Self {
        let (folder, name) = contents
            .path
            .rsplit_once('/')
            .unwrap_or(("", &contents.path));
        Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            text: String::from_utf8_lossy(&contents.bytes).into_owned(),
            url: contents.url,
        }
    }
}

impl From<about::Description> for Description {
    fn from(description: about::Description) -> Self {
        let rule = |rule: about::Rule| Rule {
            takes: rule.takes,
            gives: rule.gives,
            media_type: rule.media_type,
        };
        Self {
            name: description.name,
            version: description.version,
            summary: String::new(),
            options_schema: None,
            transpiles: description.rules.into_iter().map(rule).collect(),
            renders: Vec::new(),
        }
    }
}
