//! Writes the C bindings of a world: a header, a source, and an object that tells the linker the component's type.
//!
//! The same as `wit-bindgen c`, out of the same crate, built by the workspace: nothing has to be installed, and its version is
//! in the lock file.

use std::path::Path;

use anyhow::{Context as _, bail};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [wit, world, out] = &*arguments else {
        bail!("usage: realm-c-bindings <folder of the WIT> <world> <folder to write to>");
    };
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit)?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    let mut generator = wit_bindgen_c::Opts::default().build();
    generator.generate(&mut resolve, world, &mut files)?;
    for (name, contents) in files.iter() {
        let path = Path::new(out).join(name);
        std::fs::write(&path, contents).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
