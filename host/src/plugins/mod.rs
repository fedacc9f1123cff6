//! Running other people's code: the WebAssembly engine, installed plugins, the limits of a call, its admission, its read
//! set and its end, the imports that it gets, and which plugin takes which file. Sees no SQL and caches nothing: whoever
//! asks for a call hands it the files that it may read.

mod admission;
mod bounds;
mod breaker;
mod call;
mod calls;
mod capture;
mod clock;
mod compiled;
mod compiling;
mod description;
mod engine;
mod error;
mod imports;
mod installed;
mod limits;
mod live;
mod needs;
mod options;
mod output;
mod pipeline;
mod source_map;
mod spent;
mod thread;
mod token;
mod wasi;
mod worlds;

pub use self::admission::{Admission, Permit, QueueFull};
pub use self::bounds::{BoundError, Bounds, Ceilings};
pub use self::breaker::{Breaker, CircuitOpen, Passage};
pub use self::call::{Call, NoFiles, Work};
pub use self::calls::{CallState, Calls, Elsewhere, Found, InFlight, Landed, ReadEntry, ReadKind};
pub use self::compiling::{CHILD, CompileError, Compiler, compile_as_child};
pub use self::engine::{EngineOptions, PluginEngine};
pub use self::error::{CallError, Frame, Kind};
pub use self::imports::{Contents, Files, LoadFailure, LoadedModule, ReadFailure, ReadTrouble};
pub(crate) use self::installed::NO_BOUNDS;
pub use self::installed::{InstallError, Plugin, Rule};
pub use self::live::LivePlugins;
pub use self::options::{OptionsProblem, OptionsSchema};
pub use self::output::{
    Asset, Definition, Diagnostic, FORMATS, Outcome, Output, Position, Rendering, Rendition,
    Severity,
};
pub use self::pipeline::{BROWSER_FORMATS, Picks, Plugins, Stage, StageChoice, UnknownPlugin};
pub use self::source_map::{BadMap, Place, Source, SourceMap};
pub use self::spent::Spent;
pub use self::token::{CallToken, Ended};
pub use self::worlds::{CONTRACTS, Contract};
