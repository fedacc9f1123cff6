use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use tracing::warn;
use wasmtime::component::Linker;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig,
};

use super::clock::{Clock, Crowd, Running};
use super::compiling::Compiler;
use super::imports::CallWorld;
use super::limits::{INSTANCES, MEMORIES, TABLES};
use super::{compiled, wasi, worlds};
use crate::config::CallLimits;

/// How to set up the engine.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Bounds of a call.
    pub limits: CallLimits,
    /// Where compiled code is kept; its key is beside it, in a file of this name and the ending `.key`.
    pub compiled: PathBuf,
    /// Whether calls are metered: a count of what a guest did, whose code is not optimised then.
    pub meter: bool,
    /// What compiles components that do not come with the host.
    pub compiler: Compiler,
}

/// The WebAssembly engine, the threads that guests run on, and the clock that ends them. One per process.
pub struct PluginEngine {
    pub(super) engine: Engine,
    pub(super) linker: Linker<CallWorld>,
    pub(super) limits: CallLimits,
    pub(super) compiled: compiled::Store,
    pub(super) meter: bool,
    pub(super) compiler: Compiler,
    /// Pooled instances that are free.
    pub(super) slots: Arc<Semaphore>,
    /// Further ones for calls on behalf of a call that holds one: they wait for nothing but each other, and each of them
    /// ends by itself.
    pub(super) reserved: Arc<Semaphore>,
    clock: Arc<Clock>,
    threads: Option<Runtime>,
}

impl std::fmt::Debug for PluginEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PluginEngine")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Stack that host functions get beyond the guest's.
const HOST_STACK: usize = 1 << 20;

impl PluginEngine {
    /// Sets up the engine, pooled where the machine has the address space for it.
    ///
    /// # Errors
    /// When the machine cannot run WebAssembly, or the folder for compiled code cannot be used.
    pub fn new(options: &EngineOptions) -> wasmtime::Result<Arc<Self>> {
        let limits = options.limits.clone();
        let slots = limits.slots();
        let reserved = limits.concurrency.max(1);
        let pooled = config(&limits, options.meter, Some(slots + reserved));
        let engine = match Engine::new(&pooled) {
            Ok(engine) => engine,
            Err(error) => {
                warn!(%error, "no pooled instances on this machine: each call pays for its own memory");
                Engine::new(&config(&limits, options.meter, None))?
            }
        };
        let mut linker = Linker::new(&engine);
        wasi::link(&mut linker)?;
        worlds::link(&mut linker)?;
        // Before the threads, which an asynchronous context must not drop.
        let compiled = compiled::Store::open(&options.compiled, &engine)?;
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(limits.concurrency)
            .thread_name("guest")
            .enable_all()
            .build()?;
        let clock = Clock::start(engine.weak(), threads.handle().clone());
        Ok(Arc::new(Self {
            engine,
            linker,
            limits,
            compiled,
            meter: options.meter,
            // A child knows of no meter; whoever meters compiles what is its own.
            compiler: if options.meter {
                Compiler::Here
            } else {
                options.compiler.clone()
            },
            slots: Arc::new(Semaphore::new(slots)),
            reserved: Arc::new(Semaphore::new(reserved)),
            clock,
            threads: Some(threads),
        }))
    }

    /// The bounds of calls whose plugin has none of its own.
    #[must_use]
    pub fn limits(&self) -> &CallLimits {
        &self.limits
    }

    /// Where guests run that have to wait or to take turns: on threads of their own, so that they never delay an answer that
    /// needs none. How the others run is said in `thread`.
    pub(super) fn threads(&self) -> &tokio::runtime::Handle {
        self.threads.as_ref().expect("there until drop").handle()
    }

    /// Whether guests have to take turns.
    pub(super) fn crowd(&self) -> Crowd {
        Crowd::new(&self.clock, self.limits.concurrency)
    }

    /// Keeps the clock ticking while something runs.
    pub(super) fn running(&self) -> Running {
        self.clock.running()
    }

    /// Drops what a call leaves, its instance and its slot, on a thread for guests: at the next tick, as waking one at each
    /// call takes the caller longer than all else around it; at once where slots are few.
    pub(super) fn leave(&self, left: impl Send + 'static) {
        let few = self.slots.available_permits() < self.limits.concurrency;
        self.clock.leave(Box::new(left), few);
    }
}

impl Drop for PluginEngine {
    fn drop(&mut self) {
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// What decides how code comes out, for whoever compiles.
pub(super) fn code_config(meter: bool) -> Config {
    let mut config = Config::new();
    // With a meter in it, the main loop of an interpreter takes the optimiser half a minute; the count is the same without.
    let level = if meter {
        OptLevel::None
    } else {
        OptLevel::Speed
    };
    config
        .epoch_interruption(true)
        .consume_fuel(meter)
        .concurrency_support(false)
        .cranelift_opt_level(level);
    // What no plugin of ours needs is a way in for others.
    config
        .wasm_exceptions(false)
        .wasm_function_references(false)
        .wasm_gc(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_threads(false);
    config
}

/// The same, and what decides how it runs.
pub(super) fn config(limits: &CallLimits, meter: bool, pooled: Option<usize>) -> Config {
    let mut config = code_config(meter);
    config
        .max_wasm_stack(limits.stack)
        .async_stack_size(limits.stack + HOST_STACK)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    if let Some(slots) = pooled {
        let count = |per_slot: usize| u32::try_from(slots * per_slot).unwrap_or(u32::MAX);
        let most = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(count(1))
            .total_core_instances(count(INSTANCES / 4))
            .total_memories(count(2))
            .total_tables(count(TABLES / 2))
            .total_stacks(count(1))
            .max_memory_size(limits.memory)
            .max_component_instance_size(10 << 20)
            .max_core_instance_size(10 << 20)
            .max_memories_per_module(2)
            .max_tables_per_module(8)
            .max_core_instances_per_component(most(INSTANCES))
            .max_memories_per_component(most(MEMORIES))
            .max_tables_per_component(most(TABLES))
            .table_elements(limits.table_elements)
            .linear_memory_keep_resident(limits.resident)
            // Only the pages that a call has touched are put back, where the kernel can name them: most of a guest's stack, and
            // what its allocator has in reserve, it never does.
            .pagemap_scan(Enabled::Auto)
            .table_keep_resident(512 << 10)
            .max_unused_warm_slots(most(limits.concurrency * 2));
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}
