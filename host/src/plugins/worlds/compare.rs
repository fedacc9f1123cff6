//! Which version of the contract a component speaks, and all that keeps it from being a plugin: found before anything of it is
//! compiled, let alone run.

use std::collections::BTreeSet;

use semver::Version;
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::Types as Theirs;
use wasmparser::{Encoding, Parser, Payload, ValidPayload, Validator, WasmFeatures};
use wit_parser::{Interface, Resolve};

use super::signature::Types;
use super::{CONTRACTS, Contract};

/// Why a component is no plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mismatch {
    /// It is not a component.
    Component(String),
    /// It speaks a version that this host does not.
    Version(String),
    /// It imports what no plugin gets, and perhaps has further faults.
    Imports {
        /// What it imports.
        imports: Vec<String>,
        /// What else is wrong.
        further: Vec<String>,
    },
    /// Its exports are not those of a plugin, or not all is of the contract's type.
    World {
        /// The version that it is compared with.
        version: &'static str,
        /// Each thing that is wrong.
        problems: Vec<String>,
    },
}

/// Packages of WASI 0.2 that a plugin may import.
const WASI: [&str; 6] = ["cli", "clocks", "filesystem", "io", "random", "sockets"];

/// Something that a component imports or exports.
struct Item {
    /// `realm:plugin/files@0.1.0`.
    name: String,
    kind: ComponentEntityType,
}

impl Item {
    /// Package, interface and version.
    fn parts(&self) -> Option<(&str, &str, Option<&str>)> {
        let (name, version) = match self.name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (self.name.as_str(), None),
        };
        let (package, interface) = name.split_once('/')?;
        Some((package, interface, version))
    }

    /// Its interface, if it is of the plugin contract, whatever the version.
    fn of_contract(&self) -> Option<&str> {
        let (package, interface, _) = self.parts()?;
        (package == "realm:plugin").then_some(interface)
    }

    /// Whether it is of the WASI that plugins get.
    fn is_wasi(&self) -> bool {
        let Some((package, _, Some(version))) = self.parts() else {
            return false;
        };
        let package = package.strip_prefix("wasi:").unwrap_or_default();
        WASI.contains(&package) && version.starts_with("0.2.")
    }
}

/// What a component is to those outside of it.
struct Outside {
    types: Theirs,
    imports: Vec<Item>,
    exports: Vec<Item>,
}

/// Reads a component's outside. The bodies of its functions are the compiler's business.
fn outside(component: &[u8]) -> Result<Outside, String> {
    if component.starts_with(b"\0asm\x01\0\0\0") {
        return Err("is a core module, not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`".to_owned());
    }
    if !component.starts_with(b"\0asm") {
        return Err("is not WebAssembly: a plugin is a component in the binary format, as compilers for wasm32-wasip2 leave it".to_owned());
    }
    let told = |error: wasmparser::BinaryReaderError| {
        if error.message().starts_with("unexpected end") {
            return format!(
                "is cut off: there are {} bytes of it, and it goes on; fetch or build it again",
                component.len()
            );
        }
        format!("is no valid WebAssembly component: {error}")
    };
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let (mut depth, mut types) = (0, None);
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(told)?;
        if let ValidPayload::End(ended) = validator.payload(&payload).map_err(told)? {
            types = Some(ended);
        }
        match payload {
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 && encoding != Encoding::Component {
                    return Err("is no component".to_owned());
                }
            }
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                let names = section
                    .into_iter()
                    .map(|import| Ok(import?.name.name.to_owned()));
                let names = names.collect::<Result<Vec<_>, _>>().map_err(told)?;
                imports.extend(names);
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                let names = section
                    .into_iter()
                    .map(|export| Ok(export?.name.name.to_owned()));
                let names = names.collect::<Result<Vec<_>, _>>().map_err(told)?;
                exports.extend(names);
            }
            _ => {}
        }
    }
    // The last that has ended is the outermost.
    let types = types.ok_or_else(|| "is no whole component".to_owned())?;
    let item = |name: String, item: Option<&wasmparser::component_types::ComponentItem>| {
        let kind = item?.ty;
        Some(Item { name, kind })
    };
    let imports = imports.into_iter().filter_map(|name| {
        let found = types.component_item_for_import(&name);
        item(name, found)
    });
    let imports = imports.collect();
    let exports = exports.into_iter().filter_map(|name| {
        let found = types.component_item_for_export(&name);
        item(name, found)
    });
    let exports = exports.collect();
    Ok(Outside {
        types,
        imports,
        exports,
    })
}

/// The contract that a component was built for.
///
/// # Errors
/// All that keeps it from being a plugin of it.
pub(crate) fn contract_of(component: &[u8]) -> Result<&'static Contract, Mismatch> {
    let outside = outside(component).map_err(Mismatch::Component)?;
    let (imports, exports) = (&outside.imports, &outside.exports);
    let contract = spoken(imports.iter().chain(exports))?;
    let mut ours = Resolve::default();
    ours.push_source("realm-plugin.wit", contract.wit)
        .map_err(|error| Mismatch::Component(format!("the contract of this host: {error:#}")))?;
    let compared = Compared {
        contract,
        types: Types {
            ours: &ours,
            theirs: outside.types.as_ref(),
        },
    };
    let foreign = imports
        .iter()
        .filter(|import| !import.is_wasi() && compared.wanted(import).is_none());
    let foreign: Vec<_> = foreign.map(|import| import.name.clone()).collect();
    let mut problems = compared.exports(exports);
    for import in imports {
        problems.extend(compared.differences(import, Direction::Import));
    }
    if !foreign.is_empty() {
        return Err(Mismatch::Imports {
            imports: foreign,
            further: problems,
        });
    }
    if problems.is_empty() || mutant!("worlds-not-compared") {
        return Ok(contract);
    }
    Err(Mismatch::World {
        version: contract.version,
        problems,
    })
}

/// The contract whose names are used; the oldest, where none is.
fn spoken<'a>(all: impl Iterator<Item = &'a Item>) -> Result<&'static Contract, Mismatch> {
    let ours = all.filter(|item| item.of_contract().is_some());
    let versions: BTreeSet<_> = ours
        .map(|item| item.parts().and_then(|(_, _, version)| version))
        .collect();
    let parsed = |version: &Option<&str>| Version::parse((*version)?).ok();
    let series = |version: &Version| (version.major, version.minor);
    let known = |version: &Option<&str>| {
        let version = parsed(version)?;
        let mut all = CONTRACTS.iter();
        all.find(|contract| series(&parse(contract)) == series(&version))
    };
    let versions: Vec<_> = versions.into_iter().collect();
    let Some(newest) = CONTRACTS.last() else {
        return Err(Mismatch::Version("this host speaks no version".to_owned()));
    };
    let spoken = Contract::spoken();
    let named = |version: &Option<&str>| version.unwrap_or("without a version").to_owned();
    match versions.as_slice() {
        [] => Ok(&CONTRACTS[0]),
        [one] => {
            if let Some(contract) = known(one) {
                return Ok(contract);
            }
            let newer = parsed(one).is_some_and(|version| version > parse(newest));
            let advice = if newer {
                format!(
                    "upgrade the host, or build the plugin for {}",
                    newest.version
                )
            } else {
                format!("build the plugin for {}", newest.version)
            };
            Err(Mismatch::Version(format!(
                "it was built for `realm:plugin` {}, and this host speaks {spoken}: {advice}",
                named(one)
            )))
        }
        several => {
            let all: Vec<_> = several.iter().map(named).collect();
            Err(Mismatch::Version(format!(
                "it mixes versions of `realm:plugin` ({}): build it for one that this host speaks ({spoken})",
                all.join(", ")
            )))
        }
    }
}

fn parse(contract: &Contract) -> Version {
    Version::parse(contract.version).unwrap_or(Version::new(0, 0, 0))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Import,
    Export,
}

/// A component beside the contract.
struct Compared<'a> {
    contract: &'static Contract,
    types: Types<'a>,
}

impl Compared<'_> {
    /// The contract's own interface of an item.
    fn wanted(&self, item: &Item) -> Option<&Interface> {
        let named = item.of_contract()?;
        let mut all = self.types.ours.interfaces.iter();
        all.find(|(_, interface)| interface.name.as_deref() == Some(named))
            .map(|(_, interface)| interface)
    }

    fn full(&self, interface: &str) -> String {
        format!("`realm:plugin/{interface}@{}`", self.contract.version)
    }

    /// What is wrong with the exports, all of it.
    fn exports(&self, exports: &[Item]) -> Vec<String> {
        let has = |name: &str| exports.iter().any(|of| of.of_contract() == Some(name));
        let mut problems = Vec::new();
        if !has("about") {
            problems.push(format!("it lacks the export {}", self.full("about")));
        }
        if !has("transpiler") && !has("prerenderer") {
            problems.push(format!(
                "it exports neither {} nor {}",
                self.full("transpiler"),
                self.full("prerenderer")
            ));
        }
        let others = exports.iter().filter(|of| of.of_contract().is_none());
        let others: Vec<_> = others.map(|export| format!("`{}`", export.name)).collect();
        // What is there besides a plugin does no harm.
        if !problems.is_empty() && !others.is_empty() {
            problems.push(format!(
                "it exports {}, which the host never calls",
                others.join(", ")
            ));
        }
        for export in exports.iter().filter(|of| of.of_contract().is_some()) {
            if self.wanted(export).is_none() {
                problems.push(format!(
                    "it exports `{}`, which `realm:plugin` {} has not",
                    export.name, self.contract.version
                ));
            }
            problems.extend(self.differences(export, Direction::Export));
        }
        problems
    }

    /// What an interface lacks, has too much, or has otherwise.
    fn differences(&self, item: &Item, direction: Direction) -> Vec<String> {
        let Some(wanted) = self.wanted(item) else {
            return Vec::new();
        };
        let ComponentEntityType::Instance(found) = item.kind else {
            return vec![format!("`{}` is no interface", item.name)];
        };
        let theirs = self.types.theirs;
        let found = theirs[found].exports.iter().filter_map(|(name, item)| {
            let ComponentEntityType::Func(id) = item.ty else {
                return None;
            };
            Some((name.as_str(), &theirs[id]))
        });
        let found: Vec<_> = found.collect();
        let mut problems = Vec::new();
        for (name, found) in &found {
            match wanted.functions.get(*name) {
                Some(wanted) => {
                    if let Some(problem) = self.types.difference(wanted, found) {
                        problems.push(format!(
                            "`{name}` of `{}` is of another type: {problem}",
                            item.name
                        ));
                    }
                }
                // What is exported and not asked for does no harm.
                None if direction == Direction::Export => {}
                None => problems.push(format!(
                    "it imports `{name}` of `{}`, which `realm:plugin` {} has not",
                    item.name, self.contract.version
                )),
            }
        }
        if direction == Direction::Export {
            let lacks = |name: &&String| !found.iter().any(|(found, _)| *found == name.as_str());
            for name in wanted.functions.keys().filter(lacks) {
                problems.push(format!("it lacks `{name}` in its export `{}`", item.name));
            }
        }
        problems
    }
}
