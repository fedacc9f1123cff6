use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::realm::plugin::{files, log, types};
use super::capture::{Capture, Level};
use super::limits::Limiter;
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

/// What a guest may read: handed to a call by whoever asks for it, and recorded there.
pub trait Files: Send + Sync {
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
    pub(super) deadline: Instant,
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
        let Some(left) = self.reads_left.checked_sub(1) else {
            return Err(Ended::ReadLimit.into());
        };
        self.reads_left = left;
        // A guest that waits here is not reached by the epoch, so the wait ends with the token too.
        let read = tokio::select! {
            biased;
            ended = self.token.wait() => return Err(ended.into()),
            () = tokio::time::sleep_until(self.deadline.into()) => return Err(Ended::Deadline.into()),
            read = self.files.read(specifier, referrer) => read,
        };
        Ok(match read {
            Ok(Ok(contents)) => Ok(types::File {
                url: contents.url,
                path: contents.path,
                media_type: contents.media_type,
                contents: contents.bytes.to_vec(),
            }),
            Ok(Err(failure)) => Err(match failure {
                ReadFailure::NotFound => types::ReadError::NotFound,
                ReadFailure::Forbidden => types::ReadError::Forbidden,
                ReadFailure::Outside => types::ReadError::Outside,
                ReadFailure::TooLarge => types::ReadError::TooLarge,
            }),
            Err(trouble) => return Err(Ended::Trouble(trouble.0).into()),
        })
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
