//! Compiled components on disk, by digest and by the engine's compatibility hash, each under a seal that only this host can
//! make. The only place that trusts such code.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::compiling::{CompileError, Compiler};
use super::engine::PluginEngine;
use super::needs;

/// A folder of compiled components that nobody else may write.
#[derive(Debug)]
pub(super) struct Store {
    folder: PathBuf,
    compatibility: u64,
    key: [u8; 32],
    flights: Mutex<HashMap<String, Flight>>,
}

/// Whoever compiles a component, and why the last attempt came to nothing.
type Flight = Arc<tokio::sync::Mutex<Option<(Instant, CompileError)>>>;

/// How long it is remembered that a component does not compile.
const AGAIN: Duration = Duration::from_secs(60);
/// How long compiled code that nobody has asked for is kept.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);
/// Bytes of a seal, with which a file begins.
const SEAL: usize = blake3::OUT_LEN;

impl Store {
    /// Opens the folder, creates it when it is not there, makes sure that it is this user's alone, and takes away what has
    /// not been used for long.
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
        let key = key(&folder.with_extension("key"))?;
        clear(folder)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            folder: folder.to_owned(),
            compatibility: hasher.finish(),
            key,
            flights: Mutex::default(),
        })
    }

    /// The component: from the folder, or compiled and put there. Whoever asks for one that is being compiled waits for it.
    pub(super) async fn component(
        &self,
        host: &PluginEngine,
        compiler: &Compiler,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Component, CompileError> {
        let flight = self.flight(digest);
        let mut failed = flight.lock().await;
        if let Some((since, error)) = &*failed
            && since.elapsed() < AGAIN
        {
            return Err(error.clone());
        }
        let made = self.find_or_compile(host, compiler, digest, bytes).await;
        // What the host could not do says nothing of the component.
        *failed = match &made {
            Err(CompileError::Host(_)) | Ok(_) => None,
            Err(error) => Some((Instant::now(), error.clone())),
        };
        made
    }

    fn flight(&self, digest: &str) -> Flight {
        let mut flights = self.flights.lock();
        flights.retain(|_, flight| {
            let busy = Arc::strong_count(flight) > 1;
            let fresh = |failed: &(Instant, _)| failed.0.elapsed() < AGAIN;
            busy || flight
                .try_lock()
                .is_ok_and(|failed| failed.as_ref().is_some_and(fresh))
        });
        Arc::clone(flights.entry(digest.to_owned()).or_default())
    }

    async fn find_or_compile(
        &self,
        host: &PluginEngine,
        compiler: &Compiler,
        digest: &str,
        bytes: &[u8],
    ) -> Result<Component, CompileError> {
        let engine = &host.engine;
        let name = format!(
            "{}-{:016x}.cwasm",
            digest.trim_start_matches("sha256:"),
            self.compatibility
        );
        let path = self.folder.join(&name);
        if let Some(code) = self.read(&path, &name) {
            match load(engine, &code) {
                Ok(component) => return Ok(component),
                Err(error) => {
                    warn!(path = %path.display(), error = format!("{error:#}"), "a compiled plugin does not load: compiling it again")
                }
            }
        }
        let begun = Instant::now();
        let code = compiler.compile(engine, bytes).await?;
        metrics::counter!("realm_plugins_compiled_total").increment(1);
        debug!(digest, elapsed = ?begun.elapsed(), "compiled a plugin");
        // It is used as it is: what is on disk is for the next start.
        let refused = |error| match needs::too_much(&host.limits, &code) {
            Some(problems) => CompileError::TooMuch(problems),
            // It is the pool's word, where it is none of ours.
            None => CompileError::Invalid(format!("{error:#}")),
        };
        let component = load(engine, &code).map_err(refused)?;
        if let Err(error) = self.write(&path, &name, &code) {
            warn!(path = %path.display(), %error, "a compiled plugin cannot be kept: it is compiled again at the next start");
        }
        Ok(component)
    }

    /// The code in a file, if this host has put it there. The bytes that are checked are those that are used.
    fn read(&self, path: &Path, name: &str) -> Option<Vec<u8>> {
        let mut bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                warn!(path = %path.display(), %error, "a compiled plugin cannot be read: compiling it again");
                return None;
            }
        };
        let sealed = bytes.len() > SEAL && {
            let seal: [u8; SEAL] = bytes[..SEAL].try_into().unwrap_or_default();
            self.seal(name, &bytes[SEAL..]) == seal
        };
        if !sealed && !mutant!("compiled-code-not-verified") {
            warn!(path = %path.display(), "a compiled plugin is not what this host has put there: it is not used, and compiled again");
            return None;
        }
        // Its age is that of its last use.
        let now = std::fs::File::options().append(true).open(path);
        let _ = now.and_then(|file| file.set_modified(SystemTime::now()));
        Some(bytes.split_off(SEAL.min(bytes.len())))
    }

    /// Written whole under another name first: a host that dies midway leaves nothing that looks complete.
    fn write(&self, path: &Path, name: &str, code: &[u8]) -> std::io::Result<()> {
        use std::io::Write;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(self.seal(name, code).as_bytes())?;
        file.write_all(code)?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    }

    /// A file's seal is good for its own name only.
    fn seal(&self, name: &str, code: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(code);
        hasher.finalize()
    }
}

/// The key of the seals: made once, beside the folder, and nobody else's.
fn key(path: &Path) -> wasmtime::Result<[u8; 32]> {
    use std::io::{Read, Write};
    if !path.exists() {
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        let mut new = [0; 32];
        rand::fill(&mut new);
        file.write_all(&new)?;
        // Another host of this folder may have been faster.
        match file.persist_noclobber(path) {
            Err(error) if error.error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(error.error.into());
            }
            _ => {}
        }
    }
    let mut file = std::fs::File::options().read(true).mode(0o600).open(path)?;
    let metadata = file.metadata()?;
    if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o077 != 0 {
        wasmtime::bail!(
            "{}: the key of the compiled plugins must be a file that nobody but the user who runs the host may read: \
             remove it, and the host makes another and compiles the plugins again",
            path.display()
        );
    }
    let mut key = Vec::new();
    file.read_to_end(&mut key)?;
    key.try_into().map_err(|_| {
        wasmtime::format_err!(
            "{}: the key of the compiled plugins is not of 32 bytes: remove it, and the host makes another and compiles the plugins again",
            path.display()
        )
    })
}

/// Takes away what nobody has used for long: code of plugins that were removed, and of other versions of the engine.
fn clear(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        let unused = modified.elapsed().is_ok_and(|unused| unused > UNUSED);
        if unused && !mutant!("compiled-code-kept-for-ever") {
            debug!(path = %entry.path().display(), "compiled code that nobody has used for long is taken away");
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

#[allow(
    unsafe_code,
    reason = "the engine cannot check compiled code, so it asks us to vouch for it"
)]
pub(super) fn load(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: these bytes came from this engine's own compiler: just now, or before, under a seal whose key nobody but this
    // user has. The engine itself checks version and configuration in their header.
    unsafe { Component::deserialize(engine, code) }
}
