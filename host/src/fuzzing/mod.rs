//! What a stranger may send, and what must hold of whatever is made of it. Each target takes any bytes, panics when a
//! property is broken, and says whether the bytes were taken: a run in which hardly any are has shown nothing.
//!
//! `fuzz/` runs the targets under libFuzzer (`fuzz/README.md`), the tests crate for a short while with generators of its
//! own. What the parsers make is held against a second reading, written from the contract and the RFCs and as naive as
//! can be: a mistake would have to be made twice.

mod atomic;
mod if_none_match;
mod options_schema;
mod path;
mod payload;
mod query;
mod range;
mod realm_json;
mod realm_url;
mod source_map;
mod token;

pub use self::atomic::atomic;
pub use self::if_none_match::if_none_match;
pub use self::options_schema::options_schema;
pub use self::path::path;
pub use self::payload::payload;
pub use self::query::query;
pub use self::range::range;
pub use self::realm_json::realm_json;
pub use self::realm_url::realm_url;
pub use self::source_map::source_map;
pub use self::token::token;

/// A target: takes any bytes, panics when a property is broken, and says whether the bytes were taken.
pub type Target = fn(&[u8]) -> bool;

/// Every target, by its name.
pub const TARGETS: [(&str, Target); 11] = [
    ("atomic", atomic),
    ("if_none_match", if_none_match),
    ("options_schema", options_schema),
    ("path", path),
    ("payload", payload),
    ("query", query),
    ("range", range),
    ("realm_json", realm_json),
    ("realm_url", realm_url),
    ("source_map", source_map),
    ("token", token),
];

/// The lines of an input that has several parts; the last one has whatever is left.
fn parts<const N: usize>(data: &[u8]) -> Option<[&[u8]; N]> {
    let parts: Vec<_> = data.splitn(N, |byte| *byte == b'\n').collect();
    parts.try_into().ok()
}
