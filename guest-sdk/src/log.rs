//! Structured logging: lines for the host's log, with the call that they belong to.
//!
//! The host bounds how much a call may log. Standard output and error are captured too, as `info` and `warn`.
//! Outside a component, in tests, lines go to standard error.
//!
//! ```
//! use realm_guest_sdk::log;
//!
//! log::debug(format!("{} rules", 3));
//! log::warn("deprecated: @import");
//! ```

use crate::Level;

/// Logs one message at `level`.
pub fn log(level: Level, message: impl AsRef<str>) {
    write(level, message.as_ref());
}

/// Logs a detail that only somebody who follows one call wants to see.
pub fn trace(message: impl AsRef<str>) {
    write(Level::Trace, message.as_ref());
}

/// Logs what helps to find a bug.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// Logs what an operator may want to know.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// Logs what an operator should look at.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// Logs what went wrong.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}

#[cfg(target_family = "wasm")]
fn write(level: Level, message: &str) {
    crate::bindings::realm::plugin::log::log(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn write(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}
