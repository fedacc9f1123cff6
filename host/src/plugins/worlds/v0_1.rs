//! `realm:plugin@0.1.0`.

use bytes::Bytes;
use wasmtime::Store;
use wasmtime::component::{HasSelf, Instance, InstancePre, Linker};

use self::bindings::CombinedPlugin;
use self::bindings::exports::realm::plugin::{about, prerenderer, transpiler};
use self::bindings::realm::plugin::{files, log, modules, types};
use super::{Contract, Description, Given, Purpose, Question, Speaks, lacks};
use crate::plugins::Rule;
use crate::plugins::capture::Level;
use crate::plugins::imports::{CallWorld, Contents, LoadFailure, ReadFailure, reason};
use crate::plugins::output::{
    Asset, Definition, Diagnostic, FORMATS, Outcome, Output, Position, Rendering, Rendition,
    Severity,
};

#[allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated from the WIT"
)]
mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "combined-plugin",
        imports: { default: async | trappable },
        exports: { default: async },
    });
}

pub(super) const CONTRACT: Contract = Contract {
    version: "0.1.0",
    wit: include_str!("../../../../wit/0.1.0/realm-plugin.wit"),
    link,
    find: |pre| Ok(Speaks::V0_1(Exports::of(pre)?)),
};

fn link(linker: &mut Linker<CallWorld>) -> wasmtime::Result<()> {
    CombinedPlugin::add_to_linker::<_, HasSelf<CallWorld>>(linker, |world| world)
}

/// Where what a component exports is found.
pub(super) struct Exports {
    about: about::GuestIndices,
    transpiler: Option<transpiler::GuestIndices>,
    prerenderer: Option<prerenderer::GuestIndices>,
}

impl Exports {
    fn of(pre: &InstancePre<CallWorld>) -> wasmtime::Result<Self> {
        let about = about::GuestIndices::new(pre)?;
        let transpiler = transpiler::GuestIndices::new(pre);
        let prerenderer = prerenderer::GuestIndices::new(pre);
        if let (Err(_), Err(error)) = (&prerenderer, &transpiler) {
            return Err(wasmtime::Error::msg(format!("{error:#}")));
        }
        Ok(Self {
            about,
            transpiler: transpiler.ok(),
            prerenderer: prerenderer.ok(),
        })
    }

    pub(super) fn kinds(&self) -> (bool, bool) {
        (self.transpiler.is_some(), self.prerenderer.is_some())
    }

    pub(super) async fn ask(
        &self,
        question: Question,
        instance: &Instance,
        mut store: &mut Store<CallWorld>,
    ) -> wasmtime::Result<Given> {
        let transpiler = || self.transpiler.as_ref().ok_or_else(|| lacks("transpiler"));
        let prerenderer = || {
            let indices = self.prerenderer.as_ref();
            indices.ok_or_else(|| lacks("prerenderer"))
        };
        Ok(Given::Outcome(match question {
            Question::Describe => {
                let about = self.about.load(&mut store, instance)?;
                let description = about.call_describe(store).await?;
                return Ok(Given::Description(description.into()));
            }
            Question::Transpile {
                input,
                purpose,
                options,
            } => {
                let request = transpiler::Request {
                    input: input.into(),
                    purpose: match purpose {
                        Purpose::Browser => types::Purpose::Browser,
                        Purpose::Prerender => types::Purpose::Prerender,
                    },
                    options,
                };
                let transpiler = transpiler()?.load(&mut store, instance)?;
                transpiler.call_transpile(store, &request).await?.into()
            }
            Question::Render { document, options } => {
                let request = prerenderer::Request {
                    document: document.into(),
                    formats: FORMATS.map(str::to_owned).to_vec(),
                    options,
                };
                let prerenderer = prerenderer()?.load(&mut store, instance)?;
                prerenderer.call_render(store, &request).await?.into()
            }
            Question::Define { url, options } => {
                let prerenderer = prerenderer()?.load(&mut store, instance)?;
                let defined = prerenderer.call_definitions(store, &url, &options);
                defined.await?.into()
            }
        }))
    }
}

impl types::Host for CallWorld {}

impl files::Host for CallWorld {
    async fn read(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<types::File, types::ReadError>> {
        let read = self.read_file(specifier, referrer).await?;
        Ok(read.map(Into::into).map_err(Into::into))
    }
}

impl modules::Host for CallWorld {
    async fn load(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<modules::Module, modules::LoadError>> {
        Ok(match self.load_module(specifier, referrer).await? {
            Ok(module) => Ok(modules::Module {
                url: module.url,
                media_type: module.media_type.to_owned(),
                code: module.code.to_vec(),
                source_map: module
                    .source_map
                    .map(|map| String::from_utf8_lossy(&map).into_owned()),
            }),
            Err(LoadFailure::Unreadable(failure)) => {
                Err(modules::LoadError::Unreadable(failure.into()))
            }
            Err(LoadFailure::Invalid(diagnostics)) => Err(modules::LoadError::Invalid(
                diagnostics.into_iter().map(Into::into).collect(),
            )),
        })
    }
}

impl log::Host for CallWorld {
    async fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        Ok(self.capture.log(level, &message)?)
    }
}

impl From<Contents> for types::File {
    fn from(contents: Contents) -> Self {
        Self {
            url: contents.url,
            path: contents.path,
            media_type: contents.media_type,
            contents: contents.bytes.to_vec(),
        }
    }
}

impl From<ReadFailure> for types::ReadError {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::NotFound => Self::NotFound,
            ReadFailure::Forbidden => Self::Forbidden,
            ReadFailure::Outside => Self::Outside,
            ReadFailure::TooLarge => Self::TooLarge,
        }
    }
}

impl From<types::ReadError> for ReadFailure {
    fn from(error: types::ReadError) -> Self {
        match error {
            types::ReadError::NotFound => Self::NotFound,
            types::ReadError::Forbidden => Self::Forbidden,
            types::ReadError::Outside => Self::Outside,
            types::ReadError::TooLarge => Self::TooLarge,
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
            summary: description.summary,
            options_schema: description.options_schema,
            transpiles: description.transpiles.into_iter().map(rule).collect(),
            renders: description.renders,
        }
    }
}

impl From<types::Diagnostic> for Diagnostic {
    fn from(diagnostic: types::Diagnostic) -> Self {
        let position = |position: types::Position| Position {
            line: position.line,
            column: position.column,
        };
        let (path, start, end) = diagnostic.span.map_or((None, None, None), |span| {
            (
                Some(span.path),
                Some(position(span.start)),
                span.end.map(position),
            )
        });
        Self {
            severity: match diagnostic.severity {
                types::Severity::Error => Severity::Error,
                types::Severity::Warning => Severity::Warning,
                types::Severity::Hint => Severity::Hint,
            },
            message: diagnostic.message,
            code: diagnostic.code,
            path,
            start,
            end,
            help: diagnostic.help,
            plugin: None,
        }
    }
}

impl From<Diagnostic> for types::Diagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        let position = |position: Position| types::Position {
            line: position.line,
            column: position.column,
        };
        // For a guest, a whole file is told by its beginning: without, the file's name would be lost on the way.
        let first = Position { line: 1, column: 1 };
        let start = diagnostic
            .start
            .or(diagnostic.path.is_some().then_some(first));
        let span = start.map(|start| types::Span {
            path: diagnostic.path.unwrap_or_default(),
            start: position(start),
            end: diagnostic.end.map(position),
        });
        Self {
            severity: match diagnostic.severity {
                Severity::Error => types::Severity::Error,
                Severity::Warning => types::Severity::Warning,
                Severity::Hint => types::Severity::Hint,
            },
            message: diagnostic.message,
            code: diagnostic.code,
            span,
            help: diagnostic.help,
        }
    }
}

fn diagnostics(all: Vec<types::Diagnostic>) -> Vec<Diagnostic> {
    all.into_iter().map(Diagnostic::from).collect()
}

impl From<types::Failure> for Outcome {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::Invalid(all) => Self::Invalid(diagnostics(all)),
            types::Failure::Unreadable(failure) => Self::Unreadable {
                specifier: failure.specifier,
                reason: reason(failure.error.into()).to_owned(),
            },
            types::Failure::Declined => Self::Declined,
        }
    }
}

impl From<Result<prerenderer::Rendition, types::Failure>> for Outcome {
    fn from(result: Result<prerenderer::Rendition, types::Failure>) -> Self {
        let rendition = match result {
            Ok(rendition) => rendition,
            Err(failure) => return failure.into(),
        };
        let rendering = |rendering: prerenderer::Rendering| Rendering {
            format: rendering.format,
            as_type: rendering.as_type,
            contents: rendering.contents.into(),
        };
        Self::of_rendition(Rendition {
            renderings: rendition.renderings.into_iter().map(rendering).collect(),
            title: rendition.title,
            search_document: rendition.search_document,
            types: rendition.types,
            diagnostics: diagnostics(rendition.diagnostics),
        })
    }
}

impl From<Result<Vec<prerenderer::Definition>, types::Failure>> for Outcome {
    fn from(result: Result<Vec<prerenderer::Definition>, types::Failure>) -> Self {
        let definition = |definition: prerenderer::Definition| Definition {
            export_name: definition.export_name,
            kind: definition.kind,
            schema: definition.schema,
        };
        match result {
            Ok(all) => Self::Definitions(all.into_iter().map(definition).collect()),
            Err(failure) => failure.into(),
        }
    }
}

impl From<Result<transpiler::Output, types::Failure>> for Outcome {
    fn from(result: Result<transpiler::Output, types::Failure>) -> Self {
        let output = match result {
            Ok(output) => output,
            Err(failure) => return failure.into(),
        };
        let asset = |asset: transpiler::Asset| Asset {
            suffix: asset.suffix,
            media_type: asset.media_type,
            contents: asset.contents.into(),
        };
        Self::of_output(Output {
            contents: output.contents.into(),
            source_map: output.source_map.map(Bytes::from),
            assets: output.assets.into_iter().map(asset).collect(),
            imports: output.imports,
            diagnostics: diagnostics(output.diagnostics),
        })
    }
}
