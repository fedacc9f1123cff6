//! What `wit-bindgen` makes of the WIT: generated code only.
//!
//! A component has to have every export that its world names, and `wit-bindgen` makes one macro per interface and crate.
//! So the worlds are generated in parts, an exported interface each (`wit/parts.wit`), and an export macro of ours calls
//! those that it needs: a plugin that only transpiles neither exports nor imports anything of a prerenderer's.
#![allow(
    unsafe_code,
    unreachable_pub,
    reason = "generated: the documentation is the WIT's, and the canonical ABI is unsafe by nature"
)]

wit_bindgen::generate!({
    path: ["../wit/0.1.0", "wit"],
    world: "realm:guest-sdk/any",
    generate_all,
    additional_derives: [PartialEq, Eq],
    pub_export_macro: true,
    export_macro_name: "__export_about",
    default_bindings_module: "realm_guest_sdk::bindings",
});

pub mod transpiles {
    wit_bindgen::generate!({
        path: ["../wit/0.1.0", "wit"],
        world: "realm:guest-sdk/transpiles",
        with: {
            "realm:plugin/types@0.1.0": super::realm::plugin::types,
            "realm:plugin/transpiler@0.1.0": generate,
        },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "__export_transpiler",
        default_bindings_module: "realm_guest_sdk::bindings::transpiles",
    });
}

pub mod prerenders {
    wit_bindgen::generate!({
        path: ["../wit/0.1.0", "wit"],
        world: "realm:guest-sdk/prerenders",
        with: {
            "realm:plugin/types@0.1.0": super::realm::plugin::types,
            "realm:plugin/prerenderer@0.1.0": generate,
        },
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "__export_prerenderer",
        default_bindings_module: "realm_guest_sdk::bindings::prerenders",
    });
}
