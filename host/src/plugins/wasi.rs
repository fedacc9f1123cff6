//! The world that WASI shows to a guest: empty and the same for every call, so that the same request and the same reads
//! give the same output. No files, sockets that refuse, a fixed clock and seed, sleeps that return at once.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use tokio::io::AsyncWrite;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{
    DynPollable, OutputStream, Pollable, StreamError, StreamResult, subscribe,
};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxBuilder, WasiView};

use super::capture::{Capture, Stream};

/// Every guest's idea of now: 2020-01-01, midnight, UTC.
const NOW: Duration = Duration::from_secs(1_577_836_800);
const SEED: u64 = 0x0072_6561_6c6d;
/// What randomness begins with: the same for every call.
fn seed() -> u64 {
    if mutant!("randomness-is-random") {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        return now.map_or(SEED, |now| now.as_nanos() as u64);
    }
    SEED
}

/// Most bytes of randomness that one request may ask for.
const MAX_RANDOM: u64 = 1 << 20;

struct FixedClock;

impl HostWallClock for FixedClock {
    fn resolution(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn now(&self) -> Duration {
        NOW
    }
}

impl HostMonotonicClock for FixedClock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        0
    }
}

/// A context for one call.
pub(super) fn context(capture: &Arc<Capture>) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Captured(Arc::clone(capture), Stream::Output))
        .stderr(Captured(Arc::clone(capture), Stream::Error))
        .wall_clock(FixedClock)
        .monotonic_clock(FixedClock)
        .secure_random(StdRng::seed_from_u64(seed()))
        .insecure_random(StdRng::seed_from_u64(seed()))
        .insecure_random_seed(u128::from(seed()))
        .max_random_size(MAX_RANDOM)
        .build()
}

/// Links WASI, and the clock that does not wait over the one that does.
pub(super) fn link<T: WasiView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    monotonic_clock::add_to_linker::<T, Frozen>(linker, |state| FrozenView(state.ctx().table))?;
    linker.allow_shadowing(false);
    Ok(())
}

struct Frozen;

impl HasData for Frozen {
    type Data<'a> = FrozenView<'a>;
}

struct FrozenView<'a>(&'a mut ResourceTable);

impl FrozenView<'_> {
    fn at_once(&mut self) -> wasmtime::Result<Resource<DynPollable>> {
        let elapsed = self.0.push(Elapsed)?;
        subscribe(self.0, elapsed)
    }
}

impl monotonic_clock::Host for FrozenView<'_> {
    fn now(&mut self) -> wasmtime::Result<monotonic_clock::Instant> {
        Ok(0)
    }

    fn resolution(&mut self) -> wasmtime::Result<monotonic_clock::Duration> {
        Ok(1)
    }

    fn subscribe_instant(
        &mut self,
        _: monotonic_clock::Instant,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.at_once()
    }

    fn subscribe_duration(
        &mut self,
        _: monotonic_clock::Duration,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        self.at_once()
    }
}

/// A time that has come.
struct Elapsed;

#[wasmtime_wasi::async_trait]
impl Pollable for Elapsed {
    async fn ready(&mut self) {}
}

/// A standard stream of a guest.
#[derive(Clone)]
struct Captured(Arc<Capture>, Stream);

impl IsTerminal for Captured {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Captured {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Captured {
    async fn ready(&mut self) {}
}

impl OutputStream for Captured {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.0
            .write(self.1, &bytes)
            .map_err(|ended| StreamError::Trap(ended.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

impl AsyncWrite for Captured {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Poll::Ready(
            self.0
                .write(self.1, bytes)
                .map(|()| bytes.len())
                .map_err(std::io::Error::other),
        )
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
