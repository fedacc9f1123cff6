use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre};

use super::admission::Admission;
use super::bindings::exports::realm::plugin::{about, prerenderer, transpiler};
use super::bounds::{Bounds, Ceilings};
use super::breaker::Breaker;
use super::call;
use super::engine::PluginEngine;
use super::error::CallError;
use super::imports::CallWorld;
use super::options::OptionsSchema;
use super::output::MEDIA_TYPES;
use crate::config::CallLimits;

/// A component that may be called.
pub struct Plugin {
    /// Its SHA-256, as `sha256:<hex>`: what it is known by.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub summary: String,
    /// What it transpiles.
    pub rules: Vec<Rule>,
    /// Extensions of the documents that it renders.
    pub renders: Vec<String>,
    /// What its options are; none: it says nothing of them.
    pub options_schema: Option<OptionsSchema>,
    /// Who may call it now.
    pub admission: Arc<Admission>,
    /// Where it is not called for a while.
    pub breaker: Arc<Breaker>,
    /// Bounds of its calls.
    pub limits: Arc<CallLimits>,
    /// Those among them that are its own.
    pub bounds: Bounds,
    /// The row that they are from.
    row: String,
    pub(super) exports: Arc<Exports>,
}

/// The row of a plugin that has the host's bounds.
pub(crate) const NO_BOUNDS: &str = "{}";

/// A component, linked, and where what it exports is found.
pub(super) struct Exports {
    pub(super) pre: InstancePre<CallWorld>,
    pub(super) about: about::GuestIndices,
    pub(super) transpiler: Option<transpiler::GuestIndices>,
    pub(super) prerenderer: Option<prerenderer::GuestIndices>,
}

impl Exports {
    fn of(pre: InstancePre<CallWorld>) -> wasmtime::Result<Self> {
        let about = about::GuestIndices::new(&pre)?;
        let transpiler = transpiler::GuestIndices::new(&pre);
        let prerenderer = prerenderer::GuestIndices::new(&pre);
        if let (Err(_), Err(error)) = (&prerenderer, &transpiler) {
            return Err(wasmtime::Error::msg(format!("{error:#}")));
        }
        Ok(Self {
            about,
            transpiler: transpiler.ok(),
            prerenderer: prerenderer.ok(),
            pre,
        })
    }
}

/// One extension that a plugin takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// With its dot.
    pub takes: String,
    /// What the output is treated as from there on.
    pub gives: String,
    /// The output's media type.
    pub media_type: String,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("label", &self.label())
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// Why a component is not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Not a component that the engine takes.
    #[error("{name}: not a usable WebAssembly component: {problem}")]
    Component {
        /// Where it came from.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// It wants what no plugin gets.
    #[error("{name}: it imports {}, which no plugin gets; a plugin has `realm:plugin` {version} and WASI 0.2 without http", .imports.join(", "))]
    Imports {
        /// Where it came from.
        name: String,
        /// What it wants.
        imports: Vec<String>,
        /// What we have.
        version: &'static str,
    },
    /// It lacks what a plugin has.
    #[error(
        "{name}: it does not export the world `transpiler-plugin`, `prerenderer-plugin` or `combined-plugin` of `realm:plugin` {version}: {problem}"
    )]
    World {
        /// Where it came from.
        name: String,
        /// What is missing.
        problem: String,
        /// What we have.
        version: &'static str,
    },
    /// What it says of itself does not hold.
    #[error("{name}: {problem}")]
    Description {
        /// Where it came from.
        name: String,
        /// What does not hold.
        problem: String,
    },
    /// It could not say what it is.
    #[error("{name}: `describe` failed: {error}")]
    Describe {
        /// Where it came from.
        name: String,
        /// Why.
        error: Box<CallError>,
    },
}

/// Interfaces that a plugin may import.
const IMPORTS: [&str; 10] = [
    "realm:plugin/types@0.1.",
    "realm:plugin/files@0.1.",
    "realm:plugin/modules@0.1.",
    "realm:plugin/log@0.1.",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

impl Plugin {
    /// `name@version`: a label for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Compiles a component (or finds it compiled), checks it, and asks it what it is. `name` says in errors where it
    /// came from. Compiling takes seconds of both cores: call it where that hurts nobody.
    ///
    /// # Errors
    /// When it is no plugin of ours, or lies.
    pub async fn install(
        engine: &Arc<PluginEngine>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Arc<Self>, InstallError> {
        let digest = format!("sha256:{:x}", Sha256::digest(&bytes));
        let component = {
            let (engine, digest) = (Arc::clone(engine), digest.clone());
            let compile = tokio::task::spawn_blocking(move || {
                engine.compiled.component(&engine.engine, &digest, &bytes)
            });
            let unusable = |problem: String| InstallError::Component {
                name: name.to_owned(),
                problem,
            };
            let compiled = compile.await.map_err(|error| unusable(error.to_string()))?;
            compiled.map_err(|error| unusable(format!("{error:#}")))?
        };
        refuse_imports(engine, name, &component)?;
        let missing = |error: wasmtime::Error| InstallError::World {
            name: name.to_owned(),
            problem: format!("{error:#}"),
            version: super::WIT_VERSION,
        };
        let pre = engine.linker.instantiate_pre(&component).map_err(missing)?;
        let exports = Arc::new(Exports::of(pre).map_err(missing)?);
        let described = call::describe(engine, &exports, name, &digest).await;
        let description = described.map_err(|error| InstallError::Describe {
            name: name.to_owned(),
            error: Box::new(error),
        })?;
        let untrue = |problem| InstallError::Description {
            name: name.to_owned(),
            problem,
        };
        check(&description, &exports).map_err(untrue)?;
        let schema = description.options_schema.as_deref();
        let schema = schema.map(OptionsSchema::read).transpose();
        let options_schema =
            schema.map_err(|problem| untrue(format!("`options-schema`: {problem}")))?;
        let rule = |rule: about::Rule| Rule {
            takes: rule.takes,
            gives: rule.gives,
            media_type: rule.media_type,
        };
        let limits = Arc::new(engine.limits.clone());
        let label = format!("{}@{}", description.name, description.version);
        Ok(Arc::new(Self {
            breaker: Breaker::new(label, digest.clone(), limits.breaker),
            admission: Admission::new(limits.concurrency, limits.queue),
            limits,
            bounds: Bounds::default(),
            row: NO_BOUNDS.to_owned(),
            digest,
            name: description.name,
            version: description.version,
            summary: description.summary,
            rules: description.transpiles.into_iter().map(rule).collect(),
            renders: description.renders,
            options_schema,
            exports,
        }))
    }

    /// The same component as a row of the database bounds it. Where `before` has it so already, that one; else its breaker
    /// starts closed. Calls in flight go on under the bounds that they have begun with.
    pub(crate) fn bounded(
        self: &Arc<Self>,
        row: &str,
        before: Option<&Arc<Self>>,
        host: &CallLimits,
        ceilings: Ceilings,
    ) -> Arc<Self> {
        if let Some(before) = before.filter(|before| before.row == row) {
            return Arc::clone(before);
        }
        let bounds = Bounds::of_row(row);
        let limits = Arc::new(bounds.over(host, ceilings));
        self.admission.bound(limits.concurrency, limits.queue);
        Arc::new(Self {
            digest: self.digest.clone(),
            name: self.name.clone(),
            version: self.version.clone(),
            summary: self.summary.clone(),
            rules: self.rules.clone(),
            renders: self.renders.clone(),
            options_schema: self.options_schema.clone(),
            admission: Arc::clone(&self.admission),
            breaker: Breaker::new(self.label(), self.digest.clone(), host.breaker),
            limits,
            bounds,
            row: row.to_owned(),
            exports: Arc::clone(&self.exports),
        })
    }
}

fn refuse_imports(
    engine: &PluginEngine,
    name: &str,
    component: &Component,
) -> Result<(), InstallError> {
    let kind = component.component_type();
    let foreign = kind
        .imports(&engine.engine)
        .map(|(import, _)| import.to_owned())
        .filter(|import| !IMPORTS.iter().any(|ours| import.starts_with(ours)));
    let imports: Vec<_> = foreign.collect();
    if imports.is_empty() {
        Ok(())
    } else {
        Err(InstallError::Imports {
            name: name.to_owned(),
            imports,
            version: super::WIT_VERSION,
        })
    }
}

fn check(description: &about::Description, exports: &Exports) -> Result<(), String> {
    let name = &description.name;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > 64
        || !name.starts_with(|first: char| first.is_ascii_lowercase())
        || !name.bytes().all(fits)
    {
        return Err(format!(
            "`describe` names it `{name}`; a name is `[a-z][a-z0-9-]*`, at most 64 bytes"
        ));
    }
    if description.version.split('.').count() < 3
        || !description
            .version
            .starts_with(|first: char| first.is_ascii_digit())
    {
        return Err(format!(
            "`describe` gives version `{}`, which is not a semantic version",
            description.version
        ));
    }
    if description.transpiles.is_empty() && description.renders.is_empty() {
        return Err("`describe` names no extension that it takes".to_owned());
    }
    for (names, exported, what) in [
        (
            !description.transpiles.is_empty(),
            exports.transpiler.is_some(),
            "transpiler",
        ),
        (
            !description.renders.is_empty(),
            exports.prerenderer.is_some(),
            "prerenderer",
        ),
    ] {
        if names && !exported {
            return Err(format!(
                "`describe` names extensions for a {what}, which it does not export"
            ));
        }
    }
    let rules = description.transpiles.iter();
    let extensions = rules.flat_map(|rule| [&rule.takes, &rule.gives]);
    for extension in extensions.chain(&description.renders) {
        if !extension.starts_with('.') || extension.len() < 2 || extension.contains('/') {
            return Err(format!(
                "`describe` has the extension `{extension}`; write it with its dot"
            ));
        }
    }
    for rule in &description.transpiles {
        if !MEDIA_TYPES.contains(&rule.media_type.as_str()) {
            return Err(format!(
                "`describe` gives `{}` for `{}`; allowed are {}",
                rule.media_type,
                rule.takes,
                MEDIA_TYPES.join(", ")
            ));
        }
    }
    Ok(())
}
