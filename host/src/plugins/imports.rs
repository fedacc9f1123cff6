use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::capture::Capture;
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

impl CallWorld {
    /// Reads a file for the guest.
    pub(super) async fn read_file(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<Contents, ReadFailure>> {
        self.read_one()?;
        // A guest that waits here is not reached by the epoch, so the wait ends with the token too.
        let read = tokio::select! {
            biased;
            ended = self.token.wait() => return Err(ended.into()),
            () = tokio::time::sleep_until(self.deadline.at().into()) => return Err(Ended::Deadline.into()),
            read = self.files.read(specifier, referrer) => read,
        };
        if let Ok(Ok(contents)) = &read {
            self.bytes_in += contents.bytes.len();
        }
        read.map_err(|trouble| Ended::Trouble(trouble.0).into())
    }

    /// Loads a module for the guest.
    pub(super) async fn load_module(
        &mut self,
        specifier: String,
        referrer: String,
    ) -> wasmtime::Result<Result<LoadedModule, LoadFailure>> {
        self.read_one()?;
        let since = Instant::now();
        // No deadline of its own: what is loaded may have to be transpiled, by a call that has one.
        let loaded = tokio::select! {
            biased;
            ended = self.token.wait() => return Err(ended.into()),
            loaded = self.files.load(specifier, referrer) => loaded,
        };
        self.deadline.stood_still(since);
        if let Ok(Ok(module)) = &loaded {
            self.bytes_in += module.code.len();
        }
        loaded.map_err(|trouble| Ended::Trouble(trouble.0).into())
    }
}

/// Why a read gave nothing, in words.
pub(super) fn reason(failure: ReadFailure) -> &'static str {
    match failure {
        ReadFailure::NotFound => "there is no such file",
        ReadFailure::Forbidden => "it is in a realm that is not public",
        ReadFailure::Outside => "it is in no realm of this host, nor in the import map",
        ReadFailure::TooLarge => "it is too large",
    }
}
