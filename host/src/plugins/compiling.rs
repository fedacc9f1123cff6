//! How a component becomes machine code: in this process where it is trusted, else in a child with bounds of its own.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use wasmtime::Engine;

/// What compiles components of others.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// This process: nothing bounds it.
    Here,
    /// A child process that can hurt nobody but itself, one at a time.
    Child {
        /// Runs [`compile_as_child`] when it is started with [`CHILD`]; nothing but that, its bounds and three pipes is
        /// handed to it.
        executable: PathBuf,
        /// Bytes of address space that it may have.
        memory: usize,
        /// How long it may take.
        time: Duration,
    },
}

/// The argument with which a child that compiles is started.
pub const CHILD: &str = "compile-a-component";

/// Why there is no machine code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// It is nothing that the engine takes.
    #[error("{0}")]
    Invalid(String),
    /// It took too long.
    #[error("compiling it takes longer than {} (`plugin-compile-time`)", humantime::format_duration(*.0))]
    Time(Duration),
    /// It took too much memory.
    #[error("compiling it takes more than {} of memory (`plugin-compile-memory`)", bytesize::ByteSize(*.0 as u64).display().iec())]
    Memory(usize),
    /// The compiler itself came to grief.
    #[error("the compiler broke on it: {0}")]
    Broken(String),
    /// It compiles, and needs more than a call may have.
    #[error("{}", .0.join("; "))]
    TooMuch(Vec<String>),
    /// The host could not do its part.
    #[error("it cannot be compiled here: {0}")]
    Host(String),
}

/// The child's exit code when the component is at fault.
const INVALID: u8 = 3;
/// The most of what a child has to say.
const WORDS: u64 = 64 << 10;

/// One child at a time, whoever asks: all of them together take no more memory than one.
static TURN: Semaphore = Semaphore::const_new(1);

impl Compiler {
    /// Machine code of a component, as `engine` loads it.
    pub(super) async fn compile(
        &self,
        engine: &Engine,
        component: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        match self {
            Self::Here => {
                let (engine, component) = (engine.clone(), component.to_vec());
                let compile = move || engine.precompile_component(&component);
                let compiled = tokio::task::spawn_blocking(compile).await;
                let compiled = compiled.map_err(|error| CompileError::Broken(error.to_string()))?;
                compiled.map_err(|error| CompileError::Invalid(format!("{error:#}")))
            }
            Self::Child {
                executable,
                memory,
                time,
            } => {
                let _turn = TURN.acquire().await;
                let _compiling = Compiling::begin();
                let ended = Ended::of(executable, *memory, *time, component).await?;
                ended.code(*memory, *time)
            }
        }
    }
}

/// Shows, among the metrics, that a child is at work.
struct Compiling;

impl Compiling {
    fn begin() -> Self {
        metrics::gauge!("realm_plugins_compiling").set(1);
        Self
    }
}

impl Drop for Compiling {
    fn drop(&mut self) {
        metrics::gauge!("realm_plugins_compiling").set(0);
    }
}

/// What became of a child.
struct Ended {
    status: std::process::ExitStatus,
    code: Vec<u8>,
    words: String,
}

impl Ended {
    async fn of(
        executable: &PathBuf,
        memory: usize,
        time: Duration,
        component: &[u8],
    ) -> Result<Self, CompileError> {
        let trouble = |error: std::io::Error| CompileError::Host(error.to_string());
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        // Where the clock on the wall does not end it (this host is gone), the processor's does.
        let seconds = (time.as_secs() + 1) * cores;
        let bound = if mutant!("compiling-takes-all-memory") {
            usize::MAX >> 1
        } else {
            memory
        };
        let mut command = tokio::process::Command::new(executable);
        command
            .args([CHILD, &bound.to_string(), &seconds.to_string()])
            .env_clear()
            // Its allocator reserves a gigabyte at a time, which a bound on address space takes for use.
            .env("MIMALLOC_ARENA_RESERVE", "32MiB")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(trouble)?;
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(CompileError::Host("a child without pipes".to_owned()));
        };
        let hand_over = async move {
            // One that has ended already says why by other means.
            let _ = input.write_all(component).await;
        };
        let (mut code, mut words) = (Vec::new(), Vec::new());
        let mut output = output.take(memory as u64);
        let mut errors = errors.take(WORDS);
        let work = async {
            let read = tokio::join!(
                hand_over,
                output.read_to_end(&mut code),
                errors.read_to_end(&mut words)
            );
            read.1?;
            read.2?;
            child.wait().await
        };
        let in_time = async {
            if mutant!("compiling-takes-its-time") {
                return Ok(work.await);
            }
            tokio::time::timeout(time, work).await
        };
        // Beyond, it is killed as it is dropped.
        let status = match in_time.await {
            Ok(status) => status.map_err(trouble)?,
            Err(_) => return Err(CompileError::Time(time)),
        };
        Ok(Self {
            status,
            code,
            words: String::from_utf8_lossy(&words).trim().to_owned(),
        })
    }

    fn code(self, memory: usize, time: Duration) -> Result<Vec<u8>, CompileError> {
        use std::os::unix::process::ExitStatusExt;
        const OUT_OF_TIME: i32 = 24;
        // What the allocator, the kernel and the threads say when there is no more.
        let no_memory = ["memory allocation of", "os error 12", "os error 11"];
        match (self.status.code(), self.status.signal()) {
            (Some(0), _) => Ok(self.code),
            (_, Some(OUT_OF_TIME)) => Err(CompileError::Time(time)),
            _ if no_memory.iter().any(|words| self.words.contains(words)) => {
                Err(CompileError::Memory(memory))
            }
            (Some(code), _) if code == i32::from(INVALID) => Err(CompileError::Invalid(self.words)),
            // Killed without a word: by whoever gives memory to processes.
            (None, Some(_)) if self.words.is_empty() => Err(CompileError::Memory(memory)),
            _ => {
                let words = self.words.lines().rev().take(3).collect::<Vec<_>>();
                let words = words.into_iter().rev().collect::<Vec<_>>().join(" ");
                Err(CompileError::Broken(format!("{words} ({})", self.status)))
            }
        }
    }
}

/// What a process does that was started with [`CHILD`]: bounds itself, compiles what comes on its standard input, and writes
/// the code to its standard output. None: it was started for something else.
#[must_use]
pub fn compile_as_child() -> Option<ExitCode> {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(CHILD) {
        return None;
    }
    let mut number = || arguments.next()?.parse::<u64>().ok();
    let (Some(memory), Some(seconds)) = (number(), number()) else {
        eprintln!("a host starts this, not a person");
        return Some(ExitCode::from(2));
    };
    Some(match work(memory, seconds) {
        Ok(()) => ExitCode::SUCCESS,
        Err((error, code)) => {
            eprintln!("{error}");
            code
        }
    })
}

fn work(memory: u64, seconds: u64) -> Result<(), (String, ExitCode)> {
    let bounds = [
        (Resource::As, memory),
        (Resource::Cpu, seconds),
        (Resource::Core, 0),
        (Resource::Fsize, 0),
    ];
    for (resource, most) in bounds {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        let failed = |error| (format!("a limit was refused: {error}"), ExitCode::FAILURE);
        setrlimit(resource, limit).map_err(failed)?;
    }
    let trouble = |error: std::io::Error| (error.to_string(), ExitCode::FAILURE);
    let mut component = Vec::new();
    std::io::stdin()
        .read_to_end(&mut component)
        .map_err(trouble)?;
    let invalid = |error: wasmtime::Error| (format!("{error:#}"), ExitCode::from(INVALID));
    let engine = Engine::new(&super::engine::code_config(false)).map_err(invalid)?;
    let code = engine.precompile_component(&component).map_err(invalid)?;
    let mut output = std::io::stdout().lock();
    output.write_all(&code).map_err(trouble)?;
    output.flush().map_err(trouble)
}
