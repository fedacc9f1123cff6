//! The definition cache: what a prerenderer found modules to define, per module, in the database. Holds the rules by which
//! definitions are cleared, and the payloads by which replicas tell each other; never bytes of a module.

mod payload;

pub use self::payload::{DEFINITIONS, Scope, payloads};
