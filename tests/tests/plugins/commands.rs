//! The command line, by a running host and without one.

use std::path::Path;
use std::process::Output;

use realm_tests::{Edition, HostOptions, Storage, component_digest};
use serde_json::Value;

use crate::served;

fn json(output: &Output) -> Vec<Value> {
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.collect()
}

fn write(folder: &Path, name: &str, edition: &Edition) -> (String, String) {
    let (file, component) = (folder.join(name), edition.component());
    std::fs::write(&file, &component).expect("a folder to write to");
    (file.display().to_string(), component_digest(&component))
}

#[tokio::test]
async fn plugins_are_managed_with_a_host_and_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = HostOptions::new(Storage::Sqlite).with("role", "serve");
    let options = options.in_folder(folder.path());
    let host = options.clone().with_realm().await.0;
    host.put("/r/x.edition", "hello").await;
    let (one, digest) = write(folder.path(), "one.wasm", &Edition::new("one"));
    let run = async |arguments: &[&str]| {
        let all: Vec<_> = ["plugin"].iter().chain(arguments).copied().collect();
        options.run(&all).await
    };
    // With the host.
    let wrong = run(&["install", &one, "--pin", &component_digest(b"another")]).await;
    assert_eq!(wrong.status.code(), Some(1));
    let told = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(
        told.contains(&digest) && told.contains(&component_digest(b"another")),
        "{told}"
    );
    assert_eq!(
        run(&["install", &one, "--pin", "sha256:12"])
            .await
            .status
            .code(),
        Some(2)
    );
    let installed = json(&run(&["install", &one, "--pin", &digest, "--json"]).await);
    assert_eq!(
        (&installed[0]["digest"], &installed[0]["source"]),
        (&digest.clone().into(), &one.clone().into())
    );
    assert_eq!(served(&host, "/r/x.edition").await, "one: hello\n");
    let listed = json(&run(&["list", "--json"]).await);
    assert!(listed.contains(&installed[0]), "{listed:?}");
    let shown = run(&["inspect", "edition"]).await;
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.contains(&digest) && shown.contains(".edition to .js"),
        "{shown}"
    );
    assert!(run(&["disable", "edition"]).await.status.success());
    assert_eq!(served(&host, "/r/x.edition").await, "hello");
    assert!(run(&["enable", "edition"]).await.status.success());
    let other = Edition::new("two").with("name", "other");
    let (two, _) = write(folder.path(), "two.wasm", &other);
    assert!(run(&["install", &two]).await.status.success());
    assert!(run(&["use", ".edition", "other"]).await.status.success());
    assert_eq!(served(&host, "/r/x.edition").await, "two: hello\n");
    assert!(host.stop().await);
    // Without it.
    assert!(run(&["use", ".edition"]).await.status.success());
    assert!(run(&["disable", "other"]).await.status.success());
    let (three, _) = write(folder.path(), "three.wasm", &Edition::new("three"));
    assert!(run(&["install", &three]).await.status.success());
    let listed = run(&["list"]).await;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let of = |name: &str| listed.lines().filter(|line| line.contains(name)).count();
    assert_eq!((of("edition@1.0.0"), of("disabled")), (2, 1), "{listed}");
    let unknown = run(&["inspect", "nobody"]).await;
    let told = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(
        told.contains("no plugin `nobody`") && told.contains("edition@1.0.0"),
        "{told}"
    );
    let host = options.clone().start().await;
    assert_eq!(served(&host, "/r/x.edition").await, "three: hello\n");
    assert!(run(&["remove", "edition"]).await.status.success());
    assert_eq!(served(&host, "/r/x.edition").await, "hello");
}
