//! What is no component, or is one for something else.

use crate::{edition, error, host, refused};

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("a component")
}

#[tokio::test]
async fn what_is_no_component_is_told_what_it_is() {
    let (host, folder) = host(&[]).await;
    let core = component("(module)");
    assert_eq!(
        refused(&folder, &core).await,
        "is a core module, not a component: build it for wasm32-wasip2, or wrap it with `wasm-tools component new`"
    );
    assert_eq!(error(&host, core).await["code"], "no-component");
    let text = "is not WebAssembly: a plugin is a component in the binary format, as compilers for wasm32-wasip2 leave it";
    assert_eq!(refused(&folder, b"(component)").await, text);
    let whole = edition(&[]);
    let half = &whole[..whole.len() / 2];
    let told = format!(
        "is cut off: there are {} bytes of it, and it goes on; fetch or build it again",
        half.len()
    );
    assert_eq!(refused(&folder, half).await, told);
    let mut broken = whole;
    broken[100..200].fill(0xff);
    let told = refused(&folder, &broken).await;
    assert!(
        told.starts_with("is no valid WebAssembly component: ") && told.contains("at offset"),
        "{told}"
    );
}

const WORLD: &str = "it does not export the world `transpiler-plugin`, `prerenderer-plugin` or `combined-plugin` of `realm:plugin` 0.1.0: ";

#[tokio::test]
async fn every_export_that_is_missing_is_named() {
    let (host, folder) = host(&[]).await;
    let no_transpiler =
        "it exports neither `realm:plugin/transpiler@0.1.0` nor `realm:plugin/prerenderer@0.1.0`";
    let no_about = "it lacks the export `realm:plugin/about@0.1.0`";
    let command = component(
        r#"(component (instance $empty) (export "wasi:cli/run@0.2.0" (instance $empty)) (export "acme:tool/main" (instance $empty)))"#,
    );
    assert_eq!(
        refused(&folder, &command).await,
        format!(
            "{WORLD}{no_about}; {no_transpiler}; it exports `wasi:cli/run@0.2.0`, `acme:tool/main`, which the host never calls"
        )
    );
    assert_eq!(error(&host, command).await["code"], "world");
    assert_eq!(
        refused(&folder, &component("(component)")).await,
        format!("{WORLD}{no_about}; {no_transpiler}")
    );
    let about = component(
        r#"(component (instance $empty) (export "realm:plugin/about@0.1.0" (instance $empty)))"#,
    );
    assert_eq!(
        refused(&folder, &about).await,
        format!(
            "{WORLD}{no_transpiler}; it lacks `describe` in its export `realm:plugin/about@0.1.0`"
        )
    );
    let transpiler = component(
        r#"(component (instance $empty) (export "realm:plugin/transpiler@0.1.0" (instance $empty)))"#,
    );
    assert_eq!(
        refused(&folder, &transpiler).await,
        format!(
            "{WORLD}{no_about}; it lacks `transpile` in its export `realm:plugin/transpiler@0.1.0`"
        )
    );
}

#[tokio::test]
async fn a_function_of_another_type_is_told_where_it_differs() {
    let (_host, folder) = host(&[]).await;
    let wrong = component(
        r#"(component
            (import "realm:plugin/files@0.1.0" (instance (export "write" (func)) (export "read" (func (param "specifier" string) (param "referrer" u32)))))
            (core module $module (func (export "one") (result i32) i32.const 1))
            (core instance $core (instantiate $module))
            (func $one (result u32) (canon lift (core func $core "one")))
            (instance $about (export "describe" (func $one)))
            (export "realm:plugin/about@0.1.0" (instance $about))
            (instance $transpiler (export "transpile" (func $one)))
            (export "realm:plugin/transpiler@0.1.0" (instance $transpiler)))"#,
    );
    assert_eq!(
        refused(&folder, &wrong).await,
        format!(
            "{WORLD}`describe` of `realm:plugin/about@0.1.0` is of another type: its result is `u32`, and must be `record`; \
             `transpile` of `realm:plugin/transpiler@0.1.0` is of another type: it takes 0 parameters, and must take 1 parameter; \
             it imports `write` of `realm:plugin/files@0.1.0`, which `realm:plugin` 0.1.0 has not; \
             `read` of `realm:plugin/files@0.1.0` is of another type: parameter `referrer` is `u32`, and must be `string`"
        )
    );
}

#[tokio::test]
async fn every_import_that_no_plugin_gets_is_named() {
    let (host, folder) = host(&[]).await;
    let wants = component(
        r#"(component
            (import "wasi:http/outgoing-handler@0.2.3" (instance))
            (import "wasi:io/poll@0.2.3" (instance))
            (import "wasi:cli/environment@0.3.0" (instance))
            (import "realm:plugin/network@0.1.0" (instance))
            (import "evil:corp/backdoor" (instance)))"#,
    );
    let told = refused(&folder, &wants).await;
    assert!(
        told.starts_with(
            "it imports wasi:http/outgoing-handler@0.2.3, wasi:cli/environment@0.3.0, realm:plugin/network@0.1.0, evil:corp/backdoor, \
             which no plugin gets; a plugin has `realm:plugin` 0.1.0"
        ),
        "{told}"
    );
    assert!(
        told.ends_with("and WASI 0.2 without http; it lacks the export `realm:plugin/about@0.1.0`; it exports neither `realm:plugin/transpiler@0.1.0` nor `realm:plugin/prerenderer@0.1.0`"),
        "{told}"
    );
    assert_eq!(error(&host, wants).await["code"], "imports");
}
