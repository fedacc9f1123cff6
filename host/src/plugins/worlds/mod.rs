//! The versions of the plugin contract that this host speaks, a module each: it has its own bindings, finds what a component
//! of that version exports, asks it, and turns what it says into what the rest of the host knows. Nothing outside of this
//! room names a type of the contract.

mod compare;
mod signature;
mod v0_1;
#[cfg(feature = "under-test")]
mod v0_2;

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre, Linker};

use super::imports::{CallWorld, Contents};
use super::output::Outcome;

pub(super) use self::compare::{Mismatch, contract_of};

/// A released version of the contract.
#[derive(Debug)]
pub struct Contract {
    /// Its version: part of every derivation's key.
    pub version: &'static str,
    /// Its text.
    pub(super) wit: &'static str,
    link: fn(&mut Linker<CallWorld>) -> wasmtime::Result<()>,
    find: fn(&InstancePre<CallWorld>) -> wasmtime::Result<Speaks>,
}

/// All of them, the oldest first.
pub const CONTRACTS: &[Contract] = &[
    v0_1::CONTRACT,
    #[cfg(feature = "under-test")]
    v0_2::CONTRACT,
];

impl Contract {
    /// The versions that this host speaks, in words.
    #[must_use]
    pub fn spoken() -> String {
        let all: Vec<_> = CONTRACTS.iter().map(|contract| contract.version).collect();
        all.join(" and ")
    }
}

/// Links the imports of every version.
pub(super) fn link(linker: &mut Linker<CallWorld>) -> wasmtime::Result<()> {
    CONTRACTS
        .iter()
        .try_for_each(|contract| (contract.link)(linker))
}

/// A component, linked, and where what it exports is found.
pub(super) struct Exports {
    pub(super) pre: InstancePre<CallWorld>,
    speaks: Speaks,
}

/// A component of one of the versions.
enum Speaks {
    V0_1(v0_1::Exports),
    #[cfg(feature = "under-test")]
    V0_2(v0_2::Exports),
}

/// What an instance is asked for.
pub(super) enum Question {
    Describe,
    Transpile {
        input: Contents,
        purpose: Purpose,
        options: String,
    },
    Render {
        document: Contents,
        options: String,
    },
    Define {
        url: String,
        options: String,
    },
}

impl Question {
    /// The file that is to be transpiled.
    pub(super) fn transpiled(&self) -> Option<Contents> {
        match self {
            Self::Transpile { input, .. } => Some(input.clone()),
            _ => None,
        }
    }
}

/// What a transpiler's output is for.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Browser,
    Prerender,
}

/// What it says.
pub(super) enum Given {
    Description(Description),
    Outcome(Outcome),
}

/// What a plugin says of itself.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) summary: String,
    pub(super) options_schema: Option<String>,
    pub(super) transpiles: Vec<super::Rule>,
    pub(super) renders: Vec<String>,
}

impl Exports {
    /// Finds what a component of a version exports.
    pub(super) fn of(contract: &Contract, pre: InstancePre<CallWorld>) -> wasmtime::Result<Self> {
        let speaks = (contract.find)(&pre)?;
        Ok(Self { pre, speaks })
    }

    /// Asks an instance of it.
    pub(super) async fn ask(
        &self,
        question: Question,
        instance: &Instance,
        store: &mut Store<CallWorld>,
    ) -> wasmtime::Result<Given> {
        match &self.speaks {
            Speaks::V0_1(exports) => exports.ask(question, instance, store).await,
            #[cfg(feature = "under-test")]
            Speaks::V0_2(exports) => exports.ask(question, instance, store).await,
        }
    }

    /// Whether it is a transpiler, and whether it is a prerenderer.
    pub(super) fn kinds(&self) -> (bool, bool) {
        match &self.speaks {
            Speaks::V0_1(exports) => exports.kinds(),
            #[cfg(feature = "under-test")]
            Speaks::V0_2(exports) => exports.kinds(),
        }
    }
}

/// A question to what is not there: nobody asks it of a plugin that was checked.
fn lacks(what: &'static str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("it exports no {what}"))
}
