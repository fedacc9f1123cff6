//! Embeds the plugins that we ship. They are components, built before the host by `make plugins`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() {
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
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
