use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;

use super::calling::broken;
use super::{Asked, Made, ReadError, Reader};
use crate::changes::BootTime;
use crate::plugins::{
    Contents, Diagnostic, Elsewhere, Files, InFlight, LoadFailure, LoadedModule, Plugins,
    ReadEntry, ReadFailure, ReadKind, ReadTrouble, Work,
};
use crate::realm::{LocalPath, Meant, RealmSettings, guest_url, media_type};
use crate::registry::Mounted;
use crate::runtime;

/// What one call may read, recorded in its read set.
pub(crate) struct CallFiles {
    pub(crate) reader: Reader,
    pub(crate) realm: Arc<Mounted>,
    pub(crate) settings: Arc<RealmSettings>,
    pub(crate) call: Arc<InFlight>,
    pub(crate) work: Work,
    /// By which modules are made.
    pub(crate) plugins: Arc<Plugins>,
    /// Since when somebody waits for the call.
    pub(crate) since: Instant,
    /// What kept the host from giving it a module: for whoever waits for the call.
    pub(crate) trouble: Arc<Mutex<Option<ReadError>>>,
}

/// How long it may take until all calls that a removed plugin is needed for have been told so.
const REMOVING: Duration = Duration::from_secs(5);
/// How often a file that changes while it is read is read again before the call is given up.
const TRIES: usize = 10;

impl Files for CallFiles {
    fn read(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<Contents, ReadFailure>, ReadTrouble>> {
        Box::pin(async move {
            match self.locate(&specifier, &referrer).await? {
                Ok((realm, path)) => self.read_local(&realm, path).await,
                Err(failure) => Ok(Err(failure)),
            }
        })
    }

    fn load(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<LoadedModule, LoadFailure>, ReadTrouble>> {
        Box::pin(async move {
            if let Some(known) = known_without_looking(&specifier, self.work) {
                return Ok(known);
            }
            match self.locate(&specifier, &referrer).await? {
                Ok((realm, path)) => self.load_local(&realm, path).await,
                Err(failure) => Ok(Err(LoadFailure::Unreadable(failure))),
            }
        })
    }
}

/// What a load comes to, whatever the realm has: the host's own module, or a word for a transpiler.
pub(crate) fn known_without_looking(
    specifier: &str,
    work: Work,
) -> Option<Result<LoadedModule, LoadFailure>> {
    if runtime::JSX_SPECIFIERS.contains(&specifier) {
        return Some(Ok(jsx_runtime()));
    }
    // A transpiler that ran modules could wait for its own output.
    let may = matches!(work, Work::Render | Work::Define);
    (!may).then(|| Err(not_for_transpilers()))
}

fn not_for_transpilers() -> LoadFailure {
    let why = "a transpiler cannot load modules; it can read files";
    LoadFailure::Invalid(vec![Diagnostic::error(why, "not-for-transpilers")])
}

/// The media type of a module that is served as `media_type`.
///
/// # Errors
/// When what is served is no module.
pub(crate) fn module_type(media_type: &str, path: &LocalPath) -> Result<&'static str, LoadFailure> {
    match media_type {
        "text/javascript" => Ok("text/javascript"),
        "application/json" => Ok("application/json"),
        other => {
            let why = format!("{path} is served as {other}, which is no module");
            let diagnostic = Diagnostic {
                path: Some(path.to_string()),
                ..Diagnostic::error(&why, "not-a-module")
            };
            Err(LoadFailure::Invalid(vec![diagnostic]))
        }
    }
}

/// What the host itself gives for [`runtime::JSX_SPECIFIERS`]; its version is part of every derivation's key.
fn jsx_runtime() -> LoadedModule {
    LoadedModule {
        url: format!("https://runtime.realm.invalid{}", runtime::JSX_RUNTIME_PATH),
        media_type: "text/javascript",
        code: Bytes::from_static(runtime::JSX_RUNTIME.as_bytes()),
        source_map: None,
    }
}

impl CallFiles {
    /// The realm and the path that a specifier means.
    async fn locate(
        &self,
        specifier: &str,
        referrer: &str,
    ) -> Result<Result<(Arc<Mounted>, LocalPath), ReadFailure>, ReadTrouble> {
        let missed = |url: String, place, failure| {
            self.call.missed(Elsewhere { url, place });
            Ok(Err(failure))
        };
        let meant = self
            .settings
            .meant_by(specifier, referrer, self.realm.url.as_str());
        let Some(Meant { url, everywhere }) = meant else {
            return missed(specifier.to_owned(), None, ReadFailure::Outside);
        };
        if !everywhere {
            self.call.bound.store(true, Ordering::SeqCst);
        }
        if let Some(path) = self.realm.url.local(&url) {
            return Ok(Ok((Arc::clone(&self.realm), path)));
        }
        if url.starts_with(self.realm.url.as_str()) {
            return Ok(Err(ReadFailure::NotFound));
        }
        let Some((realm, rest)) = self.reader.0.registry.find(&url) else {
            return missed(url, None, ReadFailure::Outside);
        };
        let Ok(path) = LocalPath::decode(rest) else {
            return Ok(Err(ReadFailure::NotFound));
        };
        if !mutant!("foreign-not-asked-when-read") {
            let fresh = self.reader.ensure_fresh(&realm, Asked::now()).await;
            fresh.map_err(trouble)?;
        }
        // Sampled before it is asked for: a change of rights is a change of the whole realm.
        let applied = realm.tracker.applied();
        let public = self.reader.is_public(&realm).await.map_err(trouble)?;
        if !public && !mutant!("guests-read-private-realms") {
            let place = Some((realm.id, path, applied));
            return missed(url, place, ReadFailure::Forbidden);
        }
        Ok(Ok((realm, path)))
    }

    async fn read_local(
        &self,
        realm: &Arc<Mounted>,
        path: LocalPath,
    ) -> Result<Result<Contents, ReadFailure>, ReadTrouble> {
        // On the list before it is loaded: an invalidation finds it there, or has raised the floors that are compared after.
        let place = self.call.looking(ReadEntry {
            realm: realm.id,
            path: path.clone(),
            found: None,
            kind: ReadKind::File,
        });
        for _ in 0..TRIES {
            let (resolved, _) = self.reader.resolve(realm, &path).await.map_err(trouble)?;
            let resolution = &resolved.resolution;
            let found = resolved.found();
            if found.file.is_some() || !mutant!("absent-read-not-recorded") {
                self.call.found(place, found);
            }
            // Compared after it is on the list: a change either finds it there, or has raised the floor before.
            if resolved.stamp.is_overtaken() && !mutant!("old-bytes-handed-to-a-guest") {
                continue;
            }
            let Some(file) = &resolution.file else {
                return Ok(Err(ReadFailure::NotFound));
            };
            if file.size > self.reader.0.limits.max_file_bytes as u64 {
                return Ok(Err(ReadFailure::TooLarge));
            }
            let bytes = self.reader.bytes(realm, file.blob).await;
            let Some(bytes) = bytes.map_err(trouble)? else {
                continue;
            };
            let url = self.seen_url(realm, &file.path);
            let media_type = media_type(file.path.as_str()).to_owned();
            return Ok(Ok(Contents {
                url,
                path: file.path.to_string(),
                media_type,
                bytes,
            }));
        }
        Err(changes_too_fast(&path))
    }

    async fn load_local(
        &self,
        realm: &Arc<Mounted>,
        path: LocalPath,
    ) -> Result<Result<LoadedModule, LoadFailure>, ReadTrouble> {
        // On the list before it is loaded, as any read; what it is made from joins it there.
        let place = self.call.looking(ReadEntry {
            realm: realm.id,
            path: path.clone(),
            found: None,
            kind: ReadKind::File,
        });
        let asked = Asked {
            at: BootTime::now(),
            since: self.since,
        };
        for _ in 0..TRIES {
            let loaded = match self
                .reader
                .load_module(realm, &path, &self.plugins, asked)
                .await
            {
                Ok(loaded) => loaded,
                // A bug of a transpiler is shown to whoever needs its output, and forgotten.
                Err(ReadError::Call(error)) => {
                    self.call.untold.store(true, Ordering::SeqCst);
                    return Ok(Err(LoadFailure::Invalid(vec![broken(&error)])));
                }
                Err(error) => {
                    if matches!(error, ReadError::Removed) {
                        // This call is about to be ended for the same reason, and starts anew.
                        let _ = tokio::time::timeout(REMOVING, self.call.token.wait()).await;
                    }
                    *self.trouble.lock() = Some(error.clone());
                    return Err(trouble(error));
                }
            };
            let stamp = loaded.found.stamp.clone();
            self.call
                .loaded(place, loaded.found, loaded.tag, &loaded.beneath);
            // What its own making could not find, whoever loads it has not found either.
            for missed in loaded.elsewhere.iter() {
                if !mutant!("misses-of-a-module-not-its-users") {
                    self.call.missed(missed.clone());
                }
            }
            if stamp.is_overtaken() && !mutant!("old-bytes-handed-to-a-guest") {
                continue;
            }
            let Some(file) = loaded.file else {
                return Ok(Err(LoadFailure::Unreadable(ReadFailure::NotFound)));
            };
            if file.size > self.reader.0.limits.max_file_bytes as u64 {
                return Ok(Err(LoadFailure::Unreadable(ReadFailure::TooLarge)));
            }
            let url = self.seen_url(realm, &file.path);
            let made = loaded.made.as_deref();
            let (media_type, code, source_map) = match made {
                Some(Made::Output(output)) => (
                    output.media_type.as_str(),
                    output.contents.clone(),
                    output.source_map.clone(),
                ),
                Some(Made::Failed(failure)) => {
                    return Ok(Err(LoadFailure::Invalid(failure.diagnostics.clone())));
                }
                Some(Made::AsIs) | None => {
                    let bytes = self.reader.bytes(realm, file.blob).await;
                    let Some(bytes) = bytes.map_err(trouble)? else {
                        continue;
                    };
                    (media_type(file.path.as_str()), bytes, None)
                }
            };
            let media_type = match module_type(media_type, &file.path) {
                Ok(media_type) => media_type,
                Err(failure) => return Ok(Err(failure)),
            };
            return Ok(Ok(LoadedModule {
                url,
                media_type,
                code,
                source_map,
            }));
        }
        Err(changes_too_fast(&path))
    }

    /// The URL of a file, as the guest sees it.
    fn seen_url(&self, realm: &Arc<Mounted>, path: &LocalPath) -> String {
        if Arc::ptr_eq(realm, &self.realm) {
            guest_url(path)
        } else {
            realm.url.join(path)
        }
    }
}

fn changes_too_fast(path: &LocalPath) -> ReadTrouble {
    ReadTrouble(format!("{path} changes faster than it can be read"))
}

fn trouble(error: ReadError) -> ReadTrouble {
    ReadTrouble(error.to_string())
}
