//! Other plugins than those that an index was made with.

use std::path::Path;

use realm_tests::{HostOptions, eventually, on_both};

use crate::{Tables, quick, visits};

on_both! {
    an_upgraded_plugin_renders_what_was_made_with_it_and_nothing_else
}

/// The plugin that we ship, with another digest.
fn upgrade(to: &Path) {
    let mut bytes = realm_tests::shipped("typescript");
    bytes.extend([0, 2, 1, b'x']);
    std::fs::write(to, bytes).expect("a folder to write to");
}

async fn an_upgraded_plugin_renders_what_was_made_with_it_and_nothing_else(options: HostOptions) {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, plugins) = (folder.path().join("data"), folder.path().join("plugins"));
    for made in [&data, &plugins] {
        std::fs::create_dir_all(made).expect("a folder");
    }
    let guest = realm_tests::guests().join("misbehave.wasm");
    std::fs::copy(guest, plugins.join("misbehave.wasm")).expect("the guest");
    let storage = options.storage().clone();
    let options = quick(options)
        .in_folder(&data)
        .with("plugin-dir", plugins.to_str().expect("UTF-8"));
    let host = options.clone().with_realm().await.0;
    let tables = Tables::of(&host, &storage).await;
    host.put("/r/m.ts", "export default 1").await;
    host.put("/r/d.misrender", "load ./m").await;
    host.put("/r/e.misrender", "echo alone").await;
    tables.settled().await;
    assert!(host.stop().await);
    // With the same plugins there is nothing to do.
    let host = options.clone().start().await;
    tables.settled().await;
    for outcome in ["rendered", "found", "unchanged"] {
        assert_eq!(visits(&host, outcome).await, 0, "{outcome}");
    }
    assert!(host.stop().await);
    upgrade(&plugins.join("typescript.wasm"));
    let host = options.clone().start().await;
    eventually("everything is looked at", || async {
        (visits(&host, "unchanged").await == 2).then_some(())
    })
    .await;
    tables.settled().await;
    assert_eq!(visits(&host, "rendered").await, 1);
    assert!(host.stop().await);
    let host = options.start().await;
    tables.settled().await;
    assert_eq!(visits(&host, "unchanged").await, 0, "once is enough");
}
