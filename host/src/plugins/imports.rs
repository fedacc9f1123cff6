use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::realm::plugin::{files, log, modules, types};
use super::capture::{Capture, Level};
use super::limits::Limiter;
use super::output::Diagnostic;
use super::token::{CallToken, Ended};

/// A file that a guest has read.
#[derive(Clone, Debug)]
pub struct Contents {
    /// What the guest sees as its URL.
    pub url: String,
    /// Its path in its realm.
    pub path: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Bytes,
}

/// Why a read gave nothing, as the guest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFailure {
    /// There is no such file.
    NotFound,
    /// It is in a realm that is not public.
    Forbidden,
    /// It is in no realm of this cluster, nor in the import map.
    Outside,
    /// It is larger than a guest may be handed.
    TooLarge,
}

/// Why a read ended the call: passing trouble of the host, never shown to the guest.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct ReadTrouble(pub String);

/// A module, ready to be run by a guest.
#[derive(Clone, Debug)]
pub struct LoadedModule {
    /// What the guest sees as its URL: two imports of one URL are one module.
    pub url: String,
    /// `text/javascript` or `application/json`.
    pub media_type: &'static str,
    /// UTF-8.
    pub code: Bytes,
    /// Source map v3, back to the file.
    pub source_map: Option<Bytes>,
}

/// Why there is no module, as the guest is told.
#[derive(Clone, Debug)]
pub enum LoadFailure {
    /// There is no file to be had.
    Unreadable(ReadFailure),
    /// The file is no module, or does not transpile.
    Invalid(Vec<Diagnostic>),
}

/// What a guest may read: handed to a call by whoever asks for it, and recorded there.
pub trait Files: Send + Sync {
    /// Loads the module that `specifier` means at `referrer`, as it is served to prerenderers.
    fn load(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<LoadedModule, LoadFailure>, ReadTrouble>>;

    /// Reads the file that `specifier` means at `referrer`, as it is stored.
    fn read(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<Contents, ReadFailure>, ReadTrouble>>;
}

/// Everything that a call's instance can reach.
pub(super) struct CallWorld {
    pub(super) wasi: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) limiter: Limiter,
    pub(super) capture: Arc<Capture>,
    pub(super) token: CallToken,
    pub(super) files: Arc<dyn Files>,
    pub(super) reads_left: usize,
    /// Bytes that were handed to the guest.
    pub(super) bytes_in: usize,
    pub(super) deadline: Deadline,
}

/// When a call's time is up. It stands still while the call waits for another that is made on its behalf.
#[derive(Clone, Debug)]
pub(super) struct Deadline(Arc<Mutex<Instant>>);

impl Deadline {
    pub(super) fn after(time: Duration) -> Self {
        Self(Arc::new(Mutex::new(Instant::now() + time)))
    }

    pub(super) fn at(&self) -> Instant {
        *self.0.lock()
    }

    fn stood_still(&self, since: Instant) {
        if !mutant!("deadline-runs-while-waiting") {
            *self.0.lock() += since.elapsed();
        }
    }
}

impl CallWorld {
    /// Counts one more read.
    fn read_one(&mut self) -> wasmtime::Result<()> {
        let left = self.reads_left.checked_sub(1).ok_or(Ended::ReadLimit)?;
        self.reads_left = left;
        Ok(())
    }
}

impl WasiView for CallWorld {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl types::Host for CallWorld {}

impl files::Host for CallWorld {
    async fn read(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<types::File, types::ReadError>> {
        self.read_one()?;
        // A guest that waits here is not reached by the epoch, so the wait ends with the token too.
        let read = tokio::select! {
            biased;
            ended = self.token.wait() => return Err(ended.into()),
            () = tokio::time::sleep_until(self.deadline.at().into()) => return Err(Ended::Deadline.into()),
            read = self.files.read(specifier, referrer) => read,
        };
        Ok(match read {
            Ok(Ok(contents)) => {
                self.bytes_in += contents.bytes.len();
                Ok(types::File {
                    url: contents.url,
                    path: contents.path,
                    media_type: contents.media_type,
                    contents: contents.bytes.to_vec(),
                })
            }
            Ok(Err(failure)) => Err(failure.into()),
            Err(trouble) => return Err(Ended::Trouble(trouble.0).into()),
        })
    }
}

impl modules::Host for CallWorld {
    async fn load(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<modules::Module, modules::LoadError>> {
        self.read_one()?;
        let since = Instant::now();
        // No deadline of its own: what is loaded may have to be transpiled, by a call that has one.
        let loaded = tokio::select! {
            biased;
            ended = self.token.wait() => return Err(ended.into()),
            loaded = self.files.load(specifier, referrer) => loaded,
        };
        self.deadline.stood_still(since);
        Ok(match loaded {
            Ok(Ok(module)) => {
                self.bytes_in += module.code.len();
                Ok(modules::Module {
                    url: module.url,
                    media_type: module.media_type.to_owned(),
                    code: module.code.to_vec(),
                    source_map: module
                        .source_map
                        .map(|map| String::from_utf8_lossy(&map).into_owned()),
                })
            }
            Ok(Err(LoadFailure::Unreadable(failure))) => {
                Err(modules::LoadError::Unreadable(failure.into()))
            }
            Ok(Err(LoadFailure::Invalid(diagnostics))) => Err(modules::LoadError::Invalid(
                diagnostics.into_iter().map(Into::into).collect(),
            )),
            Err(trouble) => return Err(Ended::Trouble(trouble.0).into()),
        })
    }
}

impl From<ReadFailure> for types::ReadError {
    fn from(failure: ReadFailure) -> Self {
        match failure {
            ReadFailure::NotFound => Self::NotFound,
            ReadFailure::Forbidden => Self::Forbidden,
            ReadFailure::Outside => Self::Outside,
            ReadFailure::TooLarge => Self::TooLarge,
        }
    }
}

impl log::Host for CallWorld {
    async fn log(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        Ok(self.capture.log(level, &message)?)
    }
}

/// A read error in words.
pub(super) fn reason(error: types::ReadError) -> &'static str {
    match error {
        types::ReadError::NotFound => "there is no such file",
        types::ReadError::Forbidden => "it is in a realm that is not public",
        types::ReadError::Outside => "it is in no realm of this host, nor in the import map",
        types::ReadError::TooLarge => "it is too large",
    }
}
