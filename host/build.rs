//! Embeds the plugins that we ship (components, built before the host by `make plugins`), and what a new plugin is written
//! from: templates, the Rust SDK and the contract.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    templates(&out);
    plugins(&out);
}

fn plugins(out: &Path) {
    // <target>/<profile>/build/<package>/out
    let folder = out
        .ancestors()
        .nth(4)
        .expect("cargo's layout")
        .join("plugins");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut components: Vec<_> = fs::read_dir(&folder)
        .map(|entries| {
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
                .collect()
        })
        .unwrap_or_default();
    components.sort();
    // The fuzz targets run no plugin, and cargo-fuzz has a target folder of its own.
    if components.is_empty() && env::var_os("CARGO_FEATURE_FUZZING").is_none() {
        println!(
            "cargo::error=the plugins that the host embeds are not built yet: run `make plugins` first"
        );
        return;
    }
    let mut code = String::from(
        "/// The plugins that we ship: name and component.\npub(crate) static EMBEDDED: &[(&str, &[u8])] = &[\n",
    );
    for path in components {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        writeln!(
            code,
            "    ({name:?}, include_bytes!({:?})),",
            path.display().to_string()
        )
        .expect("a string takes it");
    }
    code.push_str("];\n");
    fs::write(out.join("embedded.rs"), code).expect("cargo's own folder can be written");
}

fn templates(out: &Path) {
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let sdk = own.join("../guest-sdk");
    let mut code = String::new();
    let mut table = |name: &str, root: &Path, folders: &[&str]| {
        writeln!(code, "static {name}: &[(&str, &str)] = &[").expect("a string takes it");
        let mut files = Vec::new();
        for folder in folders {
            walk(&root.join(folder), &mut files);
        }
        files.sort();
        for file in files {
            let path = file.strip_prefix(root).expect("below the root");
            let (path, file) = (path.display().to_string(), file.display().to_string());
            writeln!(code, "    ({path:?}, include_str!({file:?})),").expect("a string takes it");
        }
        code.push_str("];\n");
    };
    table("TEMPLATES", &own.join("src/workbench/templates"), &[""]);
    table("SDK", &sdk, &["src", "wit"]);
    table("CONTRACT", &own.join("../wit"), &[""]);
    fs::write(out.join("templates.rs"), code).expect("cargo's own folder can be written");
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    println!("cargo::rerun-if-changed={}", folder.display());
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path);
        }
    }
}
