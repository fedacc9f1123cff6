use std::fmt;

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::token::Ended;

/// What kind of end a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// It panicked, or did what WebAssembly does not allow.
    Trap,
    /// Its time was up.
    Timeout,
    /// It wanted more memory than it may have.
    Memory,
    /// It gave back more bytes than it may.
    Output,
    /// It logged more bytes than it may.
    Log,
    /// It read more files than it may.
    Reads,
    /// It was ended because of something outside it.
    Cancelled,
    /// The host could not do its part.
    Host,
}

impl Kind {
    /// The kind's name, as errors and metrics show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Output => "output",
            Self::Log => "log",
            Self::Reads => "reads",
            Self::Cancelled => "cancelled",
            Self::Host => "host",
        }
    }

    /// Whether it is the plugin's own doing.
    #[must_use]
    pub fn is_own(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Host)
    }
}

/// One function of the guest, innermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its demangled name, or its number where the component was stripped of names.
    pub function: String,
}

/// Why a call gave nothing: who, which, what and where, so that nobody has to guess.
#[derive(Clone, Debug)]
pub struct CallError {
    /// What kind of end.
    pub kind: Kind,
    /// What happened, in one sentence.
    pub message: String,
    /// `name@version`.
    pub plugin: String,
    /// The plugin's digest.
    pub digest: String,
    /// The call.
    pub call: u64,
    /// The realm that asked.
    pub realm: String,
    /// The file that it was about.
    pub path: String,
    /// Where in the guest.
    pub frames: Vec<Frame>,
    /// The last of what the guest said on its standard error.
    pub stderr: Vec<String>,
    /// What may help.
    pub hint: Option<String>,
    /// Set when the call was ended from inside.
    pub ended: Option<Ended>,
}

impl std::error::Error for CallError {}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "plugin {} failed on {} ({}): {}",
            self.plugin,
            self.path,
            self.kind.as_str(),
            self.message
        )
    }
}

/// What a failed call left behind, besides its error.
#[derive(Debug, Default)]
pub(super) struct Remains {
    /// It was refused memory.
    pub(super) memory_refused: bool,
    /// The last lines of its standard error.
    pub(super) stderr: Vec<String>,
}

/// What may help where there is no slot.
const NO_SLOT: &str = "other calls are slow, or there are many plugins: `/_calls` shows them; raise `plugin-concurrency`, of which there are four slots each, or give slow plugins less `concurrency`";

/// The host failed, and not the guest.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct HostFault(pub(super) String);

/// What kind of end an error of the engine is, in words and with a hint.
pub(super) fn explain(
    error: &wasmtime::Error,
    remains: &Remains,
) -> (Kind, String, Option<String>, Option<Ended>) {
    if let Some(ended) = error.downcast_ref::<Ended>() {
        let (kind, hint) = match ended {
            Ended::Deadline => (
                Kind::Timeout,
                Some(
                    "a loop that does not end, or an input that takes longer than its `deadline` (`render-deadline` of a prerenderer); `realm plugin limit` raises it for this plugin, `plugin-deadline` (`plugin-render-deadline`) for all",
                ),
            ),
            Ended::LogLimit => (
                Kind::Log,
                Some("log less, or raise its `log`: `realm plugin limit`"),
            ),
            Ended::ReadLimit => (
                Kind::Reads,
                Some("read fewer files, or raise its `reads`: `realm plugin limit`"),
            ),
            Ended::Trouble(_) => (Kind::Host, Some("it passes: nothing is kept of it")),
            Ended::NoSlot => (Kind::Host, Some(NO_SLOT)),
            _ => (
                Kind::Cancelled,
                Some("no fault: nobody needs what it would have given"),
            ),
        };
        return (
            kind,
            ended.to_string(),
            hint.map(str::to_owned),
            Some(ended.clone()),
        );
    }
    // Of the parts that components are made of, the pool may have none left although there is a slot.
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        let ended = Ended::NoSlot;
        return (
            Kind::Host,
            ended.to_string(),
            Some(NO_SLOT.to_owned()),
            Some(ended),
        );
    }
    if let Some(fault) = error.downcast_ref::<HostFault>() {
        let hint = "a bug of the host: its log says more";
        return (Kind::Host, fault.to_string(), Some(hint.to_owned()), None);
    }
    if remains.memory_refused {
        let hint = "the plugin needs more than its `memory` for this input, or never stops allocating; `realm plugin limit` raises it, up to `plugin-memory`";
        return (
            Kind::Memory,
            "it wanted more memory than it may have".to_owned(),
            Some(hint.to_owned()),
            None,
        );
    }
    let root = error.root_cause().to_string();
    if root.contains("hostcall") || root.contains("host call") || root.contains("fuel") {
        let hint = "the plugin returned or passed more bytes than its `output`; `realm plugin limit` raises it";
        return (
            Kind::Output,
            "it gave the host more bytes than it may".to_owned(),
            Some(hint.to_owned()),
            None,
        );
    }
    match error.downcast_ref::<Trap>() {
        Some(trap)
            if *trap == Trap::StackOverflow
                || (*trap == Trap::MemoryOutOfBounds && recurses(error)) =>
        {
            let hint = "recursion without end, or an input that is nested deeper than `plugin-stack` allows";
            (
                Kind::Trap,
                "it used up its stack".to_owned(),
                Some(hint.to_owned()),
                None,
            )
        }
        Some(Trap::UnreachableCodeReached) => match panic_message(&remains.stderr) {
            Some(panic) => (
                Kind::Trap,
                format!("it panicked: {panic}"),
                Some("a bug in the plugin: for bad input it should return diagnostics".to_owned()),
                None,
            ),
            None => (
                Kind::Trap,
                "it aborted (WebAssembly `unreachable`) without a word on its standard error"
                    .to_owned(),
                Some(
                    "a bug in the plugin; built with a panic hook or with names it would say more"
                        .to_owned(),
                ),
                None,
            ),
        },
        Some(trap) => (
            Kind::Trap,
            trap.to_string(),
            Some("a bug in the plugin".to_owned()),
            None,
        ),
        None => (
            Kind::Trap,
            root,
            Some("a bug in the plugin".to_owned()),
            None,
        ),
    }
}

/// Whether the same functions fill the stack: guests keep a second stack at the bottom of their memory, and running over
/// it shows as an access out of bounds.
fn recurses(error: &wasmtime::Error) -> bool {
    let frames = frames(error);
    let times = |wanted: &Frame| frames.iter().filter(|frame| *frame == wanted).count();
    frames.len() >= 16 && frames.iter().any(|frame| times(frame) >= 4)
}

/// What a Rust guest said when it panicked: `thread … panicked at src/lib.rs:1:2:` and the message after it.
fn panic_message(stderr: &[String]) -> Option<String> {
    let at = stderr
        .iter()
        .rposition(|line| line.contains("panicked at"))?;
    let place = stderr[at]
        .split_once("panicked at ")?
        .1
        .trim_end_matches(':');
    let message: Vec<_> = stderr[at + 1..]
        .iter()
        .take_while(|line| !line.starts_with("note: "))
        .map(String::as_str)
        .collect();
    Some(format!("{} (at {place})", message.join(" ")))
}

/// The guest's functions on the stack, innermost first; the panic's own machinery left out.
pub(super) fn frames(error: &wasmtime::Error) -> Vec<Frame> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else {
        return Vec::new();
    };
    let name = |frame: &wasmtime::FrameInfo| {
        let symbol = frame
            .symbols()
            .iter()
            .find_map(|symbol| symbol.name().map(str::to_owned));
        let name = symbol
            .or_else(|| frame.func_name().map(str::to_owned))
            .unwrap_or_else(|| format!("function {}", frame.func_index()));
        format!("{:#}", rustc_demangle::demangle(&name))
    };
    let machinery = [
        "std::panicking",
        "core::panicking",
        "rust_panic",
        "__rust",
        "abort",
        "std::sys::",
        "rustc::",
    ];
    let frames = backtrace.frames().iter().map(|frame| Frame {
        function: name(frame),
    });
    frames
        .skip_while(|frame| machinery.iter().any(|part| frame.function.contains(part)))
        .collect()
}

#[cfg(test)]
mod tests {
    use wasmtime::{
        Config, Engine, Instance, InstanceAllocationStrategy, Module, PoolingAllocationConfig,
        Store,
    };

    use super::{Kind, Remains, explain, panic_message};
    use crate::plugins::Ended;

    #[test]
    fn a_pool_that_has_no_more_is_no_fault_of_the_guest() {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_memories(1).max_memory_size(1 << 20);
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config).unwrap();
        // A module with a memory of one page.
        let module = Module::new(&engine, b"\0asm\x01\0\0\0\x05\x03\x01\0\x01").unwrap();
        let mut store = Store::new(&engine, ());
        Instance::new(&mut store, &module, &[]).unwrap();
        let error = Instance::new(&mut store, &module, &[]).unwrap_err();
        let (kind, _, hint, ended) = explain(&error, &Remains::default());
        assert_eq!((kind, ended), (Kind::Host, Some(Ended::NoSlot)));
        assert!(hint.unwrap().contains("`plugin-concurrency`"));
    }

    #[test]
    fn a_panic_is_told_with_its_place() {
        let lines = [
            "warming up",
            "thread '<unnamed>' (1) panicked at src/lib.rs:10:5:",
            "cannot go on",
            "note: run with `RUST_BACKTRACE=1`",
        ];
        let lines: Vec<_> = lines.map(str::to_owned).into();
        assert_eq!(
            panic_message(&lines).unwrap(),
            "cannot go on (at src/lib.rs:10:5)"
        );
        assert_eq!(panic_message(&lines[..1]), None);
    }
}
