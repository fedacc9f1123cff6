//! What `wit/` says, as Rust: generated, and private to this room.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    reason = "generated from the WIT"
)]

wasmtime::component::bindgen!({
    path: "../wit/0.1.0",
    world: "combined-plugin",
    imports: { default: async | trappable },
    exports: { default: async },
});
