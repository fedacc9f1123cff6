//! `realm`: serves realms, URL-addressed trees of files, through WebAssembly plugins, coherent over one database.
//!
//! Arrows go down this list, never up: `cli` starts `host`, and `fetch` brings it plugins from elsewhere; `workbench` runs
//! plugins without one, for their authors; `http` answers with what `reading` and `lifecycle` do; `index` does what no request
//! waits for; `auth` knows who asks; `registry` knows the realms; `definitions` what modules define; `plugins` runs guests;
//! `cache` holds bytes; `changes` learns what has changed; `database` has the only SQL; `realm` says what a realm is;
//! `runtime` is what modules are given by the host itself; `outbound` is the way to other servers, for `cli`, `fetch` and the
//! traces of `telemetry`.

#[macro_use]
mod mutants;

pub mod auth;
pub mod cache;
pub mod catalog;
pub mod changes;
pub mod cli;
pub mod config;
pub mod database;
pub mod definitions;
pub mod fetch;
#[cfg(any(feature = "fuzzing", feature = "under-test"))]
pub mod fuzzing;
#[cfg(feature = "under-test")]
pub mod gates;
pub mod host;
pub mod http;
pub mod index;
pub mod lifecycle;
mod outbound;
pub mod plugins;
pub mod reading;
pub mod realm;
pub mod registry;
pub mod runtime;
pub mod telemetry;
pub mod workbench;
