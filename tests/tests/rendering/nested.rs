//! Calls on behalf of calls.

use std::sync::Arc;
use std::time::Duration;

use realm_tests::eventually;

use crate::{html, quiet, rendered};

#[tokio::test]
async fn a_render_waits_for_its_modules_without_losing_time() {
    let options = quiet().with("plugin-render-deadline", "700ms");
    let host = options.with_realm().await.0;
    host.put("/r/m.ts", "export default 1").await;
    host.put("/r/d.misrender", "load ./m").await;
    host.close_gate("before-call", "m.ts").await;
    let host = Arc::new(host);
    let own = Arc::clone(&host);
    let rendering = tokio::spawn(async move { rendered(&own, "/r/d.misrender").await });
    host.at_gate("before-call", 1).await;
    // What must not be counted has to pass.
    tokio::time::sleep(Duration::from_millis(1000)).await;
    host.open_gate("before-call").await;
    let rendered = rendering.await.expect("no panic");
    assert!(html(&rendered).contains("export default 1"), "{rendered}");
}

#[tokio::test]
async fn renders_that_take_every_slot_still_get_their_modules() {
    // Eight slots of an engine of two cores, filled by four plugins with two calls each.
    let plugins = tempfile::tempdir().expect("a folder");
    for number in 0..4 {
        let bytes = std::fs::read(realm_tests::guests().join("misbehave.wasm")).expect("the guest");
        let bytes = renamed(bytes, "misbehave", &format!("misbehav{number}"));
        let bytes = renamed(bytes, "misrender", &format!("misrende{number}"));
        let path = plugins.path().join(format!("misbehav{number}.wasm"));
        std::fs::write(path, bytes).expect("a folder to write to");
    }
    let options = quiet()
        .with("plugin-concurrency", "2")
        .with("plugin-dir", plugins.path().to_str().expect("UTF-8"));
    let host = Arc::new(options.with_realm().await.0);
    let mut documents = Vec::new();
    for plugin in 0..4 {
        for number in 0..2 {
            // Of the plugin itself, whose own calls are at their bound, and of another.
            let name = format!("{plugin}{number}");
            host.put(&format!("/r/m{name}.ts"), "export default 'm'")
                .await;
            let own = format!("/r/own{name}.misbehav{plugin}");
            host.put(&own, "echo own").await;
            let document = format!("/r/d{name}.misrende{plugin}");
            let loads = format!("load ./m{name} ./own{name}.misbehav{plugin}");
            host.put(&document, loads).await;
            documents.push(document);
        }
    }
    host.close_gate("before-call", ".ts").await;
    let rendering = documents.into_iter().map(|document| {
        let host = Arc::clone(&host);
        tokio::spawn(async move { rendered(&host, &document).await })
    });
    let rendering: Vec<_> = rendering.collect();
    // All of them hold a slot, and wait for their modules.
    host.at_gate("before-call", 8).await;
    host.open_gate("before-call").await;
    eventually("all are rendered", || async {
        rendering.iter().all(|one| one.is_finished()).then_some(())
    })
    .await;
    for one in rendering {
        let rendered = one.await.expect("no panic");
        assert!(html(&rendered).contains("own"), "{rendered}");
    }
}

/// A component that says it is another: the same bytes with another name of the same length.
fn renamed(mut bytes: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let places: Vec<_> = bytes
        .windows(from.len())
        .enumerate()
        .filter_map(|(place, window)| (window == from.as_bytes()).then_some(place))
        .collect();
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}
