//! What `wit-bindgen` makes of the WIT: generated code only, one world. The prerenderer's world will stand beside it as
//! a second module that takes its types from this one.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    reason = "generated: the documentation is the WIT's, and the canonical ABI is unsafe by nature"
)]

wit_bindgen::generate!({
    path: "../wit/0.1.0",
    world: "transpiler-plugin",
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "__export_transpiler_world",
    default_bindings_module: "realm_guest_sdk::bindings",
});
