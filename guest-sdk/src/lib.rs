//! For authors of realm plugins in Rust: the plugin contract (`realm:plugin@0.1.0`) as plain types and traits, macros
//! that turn an implementation into a WebAssembly component, and what a native `cargo test` of it needs.
//!
//! Here lives what any plugin needs, whatever it transpiles or renders; nothing here knows a language. A plugin is a type
//! that implements [`Transpiler`], [`Prerenderer`] or both. One that transpiles:
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
//! One that renders documents, in the formats that it is asked for:
//!
//! ```
//! use realm_guest_sdk::{
//!     Description, Failure, Prerenderer, Realm, RenderRequest, Rendition, export_prerenderer,
//! };
//! use serde_json::json;
//!
//! /// Renders `.note` files: a title, then text.
//! struct Note;
//!
//! impl Prerenderer for Note {
//!     fn describe() -> Description {
//!         Description::new("note", "0.1.0", "Notes").renders([".note"])
//!     }
//!
//!     fn render(request: RenderRequest, _realm: &dyn Realm) -> Result<Rendition, Failure> {
//!         let (title, text) = request.document.text()?.split_once('\n').unwrap_or_default();
//!         let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
//!         let mut rendition = Rendition::new()
//!             .title(title)
//!             .search_document(&json!({ "title": title, "text": text }));
//!         if request.wants("isolated") {
//!             let html = format!("<h1>{}</h1><p>{}</p>", escape(title), escape(text));
//!             rendition = rendition.rendering("isolated", html);
//!         }
//!         Ok(rendition)
//!     }
//! }
//!
//! export_prerenderer!(Note);
//!
//! use realm_guest_sdk::testing::MemoryFiles;
//!
//! let realm = MemoryFiles::new().with("a.note", "Cats\nPurr & scratch.");
//! let rendition = Note::render(realm.render_request("a.note", ["isolated"]), &realm)?;
//! assert_eq!(rendition.get("isolated"), Some("<h1>Cats</h1><p>Purr &amp; scratch.</p>"));
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
mod modules;
mod output;
mod plugin;
mod prerenderer;
mod rendition;
pub mod testing;
mod transpiler;
mod url;

pub use bindings::exports::realm::plugin::about::{Description, Rule};
pub use bindings::prerenders::exports::realm::plugin::prerenderer::{
    Definition, Rendering, Rendition, Request as RenderRequest,
};
pub use bindings::realm::plugin::log::Level;
pub use bindings::realm::plugin::modules::{LoadError, Module};
pub use bindings::realm::plugin::types::{
    Diagnostic, Failure, File, Position, Purpose, ReadError, ReadFailure, Severity, Span,
};
pub use bindings::transpiles::exports::realm::plugin::transpiler::{Asset, Output, Request};
pub use files::{Files, HostFiles};
pub use line_index::LineIndex;
pub use modules::{Modules, Realm};
pub use output::parse_options;
#[doc(hidden)]
pub use plugin::PluginExports;
pub use prerenderer::Prerenderer;
#[doc(hidden)]
pub use prerenderer::PrerendererExports;
pub use transpiler::Transpiler;
#[doc(hidden)]
pub use transpiler::TranspilerExports;
