//! A larger stack for the component. What recurses over a source text spills to the stack in linear memory, which is 1 MiB
//! by default and ends in a trap at a few hundred nested rules. With
//! this it is the host's `plugin-stack`, at its default, that bounds the depth.

use std::env;

const STACK_BYTES: u32 = 8 << 20;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let family = env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    if family.split(',').any(|family| family == "wasm") {
        println!("cargo::rustc-cdylib-link-arg=-zstack-size={STACK_BYTES}");
    }
}
