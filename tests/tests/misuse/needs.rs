//! What wants more than a call may have is refused before it runs.

use crate::{edition, error, host, modules, refused, with_module, with_section};

/// An edition that instantiates a further core module.
fn with(module: &str) -> Vec<u8> {
    let component = edition(&[]);
    let index = modules(&component);
    let module = wat::parse_str(module).expect("a module");
    let component = with_module(component, &module);
    // One instance, of a module, without arguments.
    let index = u8::try_from(index).expect("few modules");
    with_section(component, 2, &[1, 0, index, 0])
}

#[tokio::test]
async fn what_begins_with_too_much_memory_is_refused() {
    let (host, folder) = host(&[]).await;
    let large = with("(module (memory 8192))");
    assert_eq!(
        refused(&folder, &large).await,
        "it begins with 512.0 MiB of memory, and a call may have 256.0 MiB (`plugin-memory`)"
    );
    assert_eq!(error(&host, large).await["code"], "needs");
}

#[tokio::test]
async fn what_is_made_of_too_much_is_refused() {
    let (_host, folder) = host(&[]).await;
    assert_eq!(
        refused(&folder, &with("(module (table 200000 funcref))")).await,
        "it begins with 200000 elements in a table, and a call may have 100000 (`plugin-table-elements`)"
    );
    let several = "(module (memory 1) (memory 1))";
    let component = [several; 3].iter().fold(edition(&[]), |component, module| {
        let index = modules(&component);
        let module = wat::parse_str(module).expect("a module");
        let component = with_module(component, &module);
        let index = u8::try_from(index).expect("few modules");
        with_section(component, 2, &[1, 0, index, 0])
    });
    let told = refused(&folder, &component).await;
    assert!(
        told.starts_with("it has ") && told.ends_with("memories, and a plugin may have 4"),
        "{told}"
    );
}
