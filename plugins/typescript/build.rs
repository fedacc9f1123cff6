//! A larger stack and a first heap for the component. What recurses over a source text spills to the stack in linear memory, which is 1 MiB
//! by default and ends in a trap at a few hundred nested literals. With
//! this it is the host's `plugin-stack`, at its default, that bounds the depth. Most files need no more than the first heap:
//! memory that grows in a call has to be made to shrink again before the next one, and each of both stops every thread of
//! the host for a moment.

use std::env;

const STACK_BYTES: u32 = 8 << 20;
const HEAP_BYTES: u32 = 512 << 10;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let family = env::var("CARGO_CFG_TARGET_FAMILY").unwrap_or_default();
    if family.split(',').any(|family| family == "wasm") {
        println!("cargo::rustc-cdylib-link-arg=-zstack-size={STACK_BYTES}");
        println!("cargo::rustc-cdylib-link-arg=--initial-heap={HEAP_BYTES}");
    }
}
