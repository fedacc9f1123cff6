//! Compiled components on disk, by digest and by the engine's compatibility hash. The only place that trusts such code.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A folder of compiled components that nobody else may write.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    compatibility: u64,
}

impl Store {
    /// Opens the folder, creates it when it is not there, and makes sure that it is this user's alone.
    pub(super) fn open(folder: &Path, engine: &Engine) -> wasmtime::Result<Self> {
        std::fs::create_dir_all(folder)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let owner = std::fs::metadata(folder)?.uid();
        if owner != rustix::process::geteuid().as_raw() {
            wasmtime::bail!(
                "{}: compiled plugins must be in a folder that belongs to the user who runs the host",
                folder.display()
            );
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            compatibility: hasher.finish(),
        })
    }

    /// The component: from the folder, or compiled and put there.
    pub(super) fn component(
        &self,
        engine: &Engine,
        digest: &str,
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        let name = format!(
            "{}-{:016x}.cwasm",
            digest.trim_start_matches("sha256:"),
            self.compatibility
        );
        let path = self.folder.join(name);
        if path.exists() {
            match load(engine, &path) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    warn!(path = %path.display(), %error, "a compiled plugin does not load: compiling it again")
                }
            }
        }
        let begun = std::time::Instant::now();
        let compiled = engine.precompile_component(bytes)?;
        debug!(digest, elapsed = ?begun.elapsed(), "compiled a plugin");
        // Written whole under another name first: a host that dies midway leaves nothing that looks complete.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        std::io::Write::write_all(&mut file, &compiled)?;
        file.persist(&path).map_err(|error| error.error)?;
        load(engine, &path)
    }
}

#[allow(
    unsafe_code,
    reason = "the engine cannot check compiled code, so it asks us to vouch for it"
)]
fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the folder belongs to this user, nobody else may enter it, and only `component` above writes there, with
    // what this engine's own compiler gave. The engine itself checks version and configuration in the file's header.
    unsafe { Component::deserialize_file(engine, path) }
}
