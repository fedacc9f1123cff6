use std::sync::{Arc, OnceLock};

use sha2::{Digest, Sha256};

use super::admission::Admission;
use super::bounds::{Bounds, Ceilings};
use super::breaker::Breaker;
use super::compiling::{CompileError, Compiler};
use super::engine::PluginEngine;
use super::error::CallError;
use super::options::OptionsSchema;
use super::worlds::{self, Contract, Exports, Mismatch};
use super::{call, description, needs};
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
    pub options_schema: Option<Arc<OptionsSchema>>,
    /// The version of the contract that it speaks; part of the key of all that is derived by it.
    pub contract: &'static str,
    /// What was found when it was vetted, and did not keep it from being installed. Not set: nobody has vetted it here.
    pub remarks: OnceLock<Vec<String>>,
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
    /// Not a component.
    #[error("{name}: {problem}")]
    Component {
        /// Where it came from.
        name: String,
        /// What it is instead.
        problem: String,
    },
    /// It does not compile, or not within bounds.
    #[error("{name}: {error}")]
    Compile {
        /// Where it came from.
        name: String,
        /// What is wrong with it.
        error: CompileError,
    },
    /// It needs more than a call may have.
    #[error("{name}: {}", .problems.join("; "))]
    Needs {
        /// Where it came from.
        name: String,
        /// What it needs too much of.
        problems: Vec<String>,
    },
    /// It speaks another version of the contract.
    #[error("{name}: {problem}")]
    Version {
        /// Where it came from.
        name: String,
        /// Which, and what to do.
        problem: String,
    },
    /// It wants what no plugin gets.
    #[error("{name}: it imports {}, which no plugin gets; a plugin has `realm:plugin` {} and WASI 0.2 without http{}", .imports.join(", "), Contract::spoken(), words(.further))]
    Imports {
        /// Where it came from.
        name: String,
        /// What it wants.
        imports: Vec<String>,
        /// What else is wrong.
        further: Vec<String>,
    },
    /// It lacks what a plugin has.
    #[error(
        "{name}: it does not export the world `transpiler-plugin`, `prerenderer-plugin` or `combined-plugin` of `realm:plugin` {version}: {}", .problems.join("; ")
    )]
    World {
        /// Where it came from.
        name: String,
        /// What is missing, and what is otherwise.
        problems: Vec<String>,
        /// What it is compared with.
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
    #[error("{name}: `describe` failed ({}): {}{}", .error.kind.as_str(), .error.message, words(.error.hint.as_slice()))]
    Describe {
        /// Where it came from.
        name: String,
        /// Why.
        error: Box<CallError>,
    },
}

fn words(all: &[String]) -> String {
    all.iter().map(|one| format!("; {one}")).collect()
}

impl InstallError {
    fn of(name: &str, mismatch: Mismatch) -> Self {
        let name = name.to_owned();
        match mismatch {
            Mismatch::Component(problem) => Self::Component { name, problem },
            Mismatch::Version(problem) => Self::Version { name, problem },
            Mismatch::Imports { imports, further } => Self::Imports {
                name,
                imports,
                further,
            },
            Mismatch::World { version, problems } => Self::World {
                name,
                problems,
                version,
            },
        }
    }
}

impl Plugin {
    /// `name@version`: a label for people.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// Checks a component, compiles it (or finds it compiled) where it can hurt nobody, and asks it what it is. `name` says in
    /// errors where it came from. Compiling takes seconds of all cores: call it where that hurts nobody.
    ///
    /// # Errors
    /// When it is no plugin of ours, or lies.
    pub async fn install(
        engine: &Arc<PluginEngine>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Arc<Self>, InstallError> {
        Self::prepare(engine, &engine.compiler, name, bytes).await
    }

    /// The same for a component that comes with the host, and is trusted as the host is: it is compiled in this process.
    ///
    /// # Errors
    /// When it is no plugin of ours, or lies.
    pub async fn embedded(
        engine: &Arc<PluginEngine>,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Arc<Self>, InstallError> {
        Self::prepare(engine, &Compiler::Here, name, bytes).await
    }

    async fn prepare(
        engine: &Arc<PluginEngine>,
        compiler: &Compiler,
        name: &str,
        bytes: Vec<u8>,
    ) -> Result<Arc<Self>, InstallError> {
        let unusable = |problem| InstallError::Component {
            name: name.to_owned(),
            problem,
        };
        let read = move || {
            let digest = format!("sha256:{:x}", Sha256::digest(&bytes));
            let contract = worlds::contract_of(&bytes);
            (bytes, digest, contract)
        };
        let read = tokio::task::spawn_blocking(read).await;
        let (bytes, digest, contract) = read.map_err(|error| unusable(error.to_string()))?;
        let contract = contract.map_err(|mismatch| InstallError::of(name, mismatch))?;
        let compiled = engine.compiled.component(engine, compiler, &digest, &bytes);
        let component = compiled.await.map_err(|error| match error {
            CompileError::TooMuch(problems) => InstallError::Needs {
                name: name.to_owned(),
                problems,
            },
            error => InstallError::Compile {
                name: name.to_owned(),
                error,
            },
        })?;
        drop(bytes);
        needs::fit(&engine.limits, &component).map_err(|problems| InstallError::Needs {
            name: name.to_owned(),
            problems,
        })?;
        // What the worlds' comparison leaves: functions of WASI of another type than the host's.
        let missing = |error: wasmtime::Error| InstallError::World {
            name: name.to_owned(),
            problems: vec![format!("{error:#}")],
            version: contract.version,
        };
        let pre = engine.linker.instantiate_pre(&component).map_err(missing)?;
        let exports = Arc::new(Exports::of(contract, pre).map_err(missing)?);
        let described = call::describe(engine, &exports, name, &digest).await;
        let description = described.map_err(|error| InstallError::Describe {
            name: name.to_owned(),
            error: Box::new(error),
        })?;
        let untrue = |problem| InstallError::Description {
            name: name.to_owned(),
            problem,
        };
        description::check(&description, exports.kinds()).map_err(untrue)?;
        let schema = description.options_schema.as_deref();
        let schema = schema.map(OptionsSchema::read).transpose();
        let options_schema = schema.map_err(|problem| {
            untrue(format!(
                "`describe` gives a bad `options-schema`: {problem}"
            ))
        })?;
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
            rules: description.transpiles,
            renders: description.renders,
            options_schema: options_schema.map(Arc::new),
            contract: contract.version,
            remarks: OnceLock::new(),
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
            contract: self.contract,
            remarks: self.remarks.clone(),
            admission: Arc::clone(&self.admission),
            breaker: Breaker::new(self.label(), self.digest.clone(), host.breaker),
            limits,
            bounds,
            row: row.to_owned(),
            exports: Arc::clone(&self.exports),
        })
    }
}
