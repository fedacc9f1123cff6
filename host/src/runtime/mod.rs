//! What the host itself gives to modules, in browsers and in prerenderers alike: plain ES modules, embedded in the binary.
//! Nothing here is of a realm, and nothing of a plugin.

use std::sync::LazyLock;

/// The JSX runtime: what `jsx` and its kin make of elements, and how they become HTML.
pub const JSX_RUNTIME: &str = include_str!("jsx-runtime.js");

/// The bare specifiers that mean [`JSX_RUNTIME`], in every realm's import map.
pub const JSX_SPECIFIERS: [&str; 2] = ["realm/jsx-runtime", "realm/jsx-dev-runtime"];

/// Where browsers get [`JSX_RUNTIME`], below the host's origin.
pub const JSX_RUNTIME_PATH: &str = "/_runtime/jsx-runtime.js";

/// Names the bytes of all of it.
#[must_use]
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> =
        LazyLock::new(|| blake3::hash(JSX_RUNTIME.as_bytes()).to_hex()[..16].to_owned());
    &VERSION
}
