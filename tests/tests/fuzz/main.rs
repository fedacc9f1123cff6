//! The fuzz targets (`realm_host::fuzzing`) for a short while, on any compiler: on the seeds in `fuzz/seeds`, and on what
//! comes of them and of pieces of each grammar. `REALM_FUZZ_CASES` makes it longer; `make fuzz` does.
//!
//! What breaks a property is made as short as it can be and printed with the command that runs it again; as a file among
//! the seeds it is tried ever after.

mod generate;
mod given;
mod grammar;
mod run;
mod words;

use std::collections::BTreeSet;

use realm_host::fuzzing::TARGETS;

use self::run::{folder, run, seeds};

#[test]
fn atomic() {
    run("atomic");
}

#[test]
fn if_none_match() {
    run("if_none_match");
}

#[test]
fn options_schema() {
    run("options_schema");
}

#[test]
fn path() {
    run("path");
}

#[test]
fn payload() {
    run("payload");
}

#[test]
fn query() {
    run("query");
}

#[test]
fn range() {
    run("range");
}

#[test]
fn realm_json() {
    run("realm_json");
}

#[test]
fn realm_url() {
    run("realm_url");
}

#[test]
fn source_map() {
    run("source_map");
}

#[test]
fn token() {
    run("token");
}

/// A target that one of the runners has never heard of would look as if it passed.
#[test]
fn every_target_has_seeds_a_test_and_a_program() {
    let manifest = std::fs::read_to_string(folder().join("Cargo.toml")).unwrap();
    for (name, _) in TARGETS {
        assert!(!seeds(name).is_empty(), "{name}");
        let program = format!("fuzz_targets/{name}.rs");
        assert!(
            manifest.contains(&format!("path = \"{program}\"")),
            "{name}"
        );
        let program = std::fs::read_to_string(folder().join(program)).unwrap();
        assert!(program.contains(&format!("realm_host::fuzzing::{name}(data)")));
        assert!(
            include_str!("main.rs").contains(&format!("run(\"{name}\")")),
            "{name}"
        );
    }
    let names: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    for kept in ["seeds", "fuzz_targets"] {
        let entries = std::fs::read_dir(folder().join(kept)).unwrap();
        let found: BTreeSet<_> = entries
            .map(|entry| {
                entry
                    .unwrap()
                    .path()
                    .file_stem()
                    .unwrap()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        assert_eq!(found, names, "{kept}");
    }
}
