//! For authors of realm plugins in Rust: the plugin contract (`realm:plugin@0.1.0`) as plain types and traits, a macro
//! that turns an implementation into a WebAssembly component, and what a native `cargo test` of it needs.
//!
//! Here lives what any plugin needs, whatever it transpiles; nothing here knows a language. A plugin is a type that
//! implements [`Transpiler`]:
//!
//! ```
//! use realm_guest_sdk::{Description, Failure, Files, Output, Request, Rule, Transpiler, export_transpiler};
//!
//! /// Serves `.shout` files as style sheets in capitals.
//! struct Shout;
//!
//! impl Transpiler for Shout {
//!     fn describe() -> Description {
//!         Description::new("shout", "0.1.0", "Capital letters")
//!             .transpiles([Rule::new(".shout", ".css", "text/css")])
//!     }
//!
//!     fn transpile(request: Request, _realm: &dyn Files) -> Result<Output, Failure> {
//!         Ok(Output::new(request.input.text()?.to_uppercase()))
//!     }
//! }
//!
//! export_transpiler!(Shout);
//!
//! // A native test needs no host.
//! use realm_guest_sdk::testing::MemoryFiles;
//!
//! let realm = MemoryFiles::new().with("a.shout", "b {}");
//! let output = Shout::transpile(realm.request("a.shout"), &realm)?;
//! assert_eq!(output.contents, b"B {}");
//! # Ok::<(), Failure>(())
//! ```
//!
//! Its crate is a `cdylib` (and an `rlib`, for its tests), built with
//! `cargo build --release --target wasm32-wasip2`.
//!
//! Calls are pure: the same request and the same reads give the same output. Keep no state between calls, and take
//! nothing from clocks or random numbers. For bad input return [`Failure::Invalid`]; a panic is a bug of the plugin.

#[doc(hidden)]
pub mod bindings;
mod diagnostic;
mod file;
mod files;
mod line_index;
pub mod log;
mod output;
pub mod testing;
mod transpiler;
mod url;

pub use bindings::exports::realm::plugin::about::{Description, Rule};
pub use bindings::exports::realm::plugin::transpiler::{Asset, Output, Request};
pub use bindings::realm::plugin::log::Level;
pub use bindings::realm::plugin::types::{
    Diagnostic, Failure, File, Position, Purpose, ReadError, ReadFailure, Severity, Span,
};
pub use files::{Files, HostFiles};
pub use line_index::LineIndex;
pub use transpiler::Transpiler;
#[doc(hidden)]
pub use transpiler::TranspilerExports;
