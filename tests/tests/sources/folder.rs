//! What a host brings along in `--plugin-dir` is under the same rule; what is in its binary is not.

use realm_tests::HostOptions;
use realm_tests::Storage;

use crate::{Signer, component, write};

#[tokio::test]
async fn a_plugin_of_the_folder_needs_a_signature_as_well() {
    let alice = Signer::new("alice");
    let folder = tempfile::tempdir().expect("a folder");
    let options = HostOptions::new(Storage::Sqlite)
        .with("role", "serve")
        .with("plugin-keys", &alice.setting())
        .with("plugin-dir", &folder.path().display().to_string());
    let strict = options.clone().with("plugin-signatures", "required");
    let wasm = component("one");
    let file = write(folder.path(), "x.wasm", &wasm, None);
    for (signature, told) in [
        (None, "it has no signature"),
        (
            Some(alice.sign(b"another")),
            "its signature does not verify",
        ),
        (
            Some(Signer::new("bob").sign(&wasm)),
            "it is signed with the key",
        ),
    ] {
        write(folder.path(), "x.wasm", &wasm, signature.as_deref());
        let host = strict.clone().with_realm().await.0;
        host.put("/r/x.edition", "hello").await;
        host.put("/r/y.ts", "export const y: number = 1;\n").await;
        assert_eq!(host.get("/r/x.edition").await.text(), "hello");
        assert!(!host.get("/r/y.ts").await.text().contains("number"));
        host.says(&format!("{file}: {told}")).await;
    }
    write(folder.path(), "x.wasm", &wasm, Some(&alice.sign(&wasm)));
    let host = strict.with_realm().await.0;
    host.put("/r/x.edition", "hello").await;
    assert_eq!(host.get("/r/x.edition").await.text(), "one: hello\n");
    let shown = host.admin("/_plugins/edition").await.json()["data"].clone();
    assert_eq!(shown["signer"], "alice", "{shown}");
    assert_eq!(shown["source"], *file, "{shown}");
    // One that does not verify is refused by everybody.
    write(
        folder.path(),
        "x.wasm",
        &wasm,
        Some(&alice.sign(b"another")),
    );
    let host = options.with_realm().await.0;
    host.put("/r/x.edition", "hello").await;
    assert_eq!(host.get("/r/x.edition").await.text(), "hello");
    host.says(&format!("{file}: its signature does not verify"))
        .await;
}
