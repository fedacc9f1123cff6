//! What takes for ever to compile, or all memory, costs a process of its own.

use std::path::PathBuf;
use std::sync::Arc;

use realm_tests::{Host, component_digest, eventually};

use crate::{edition, error, host, leb, refused, with_module};

/// A component with functions that nothing calls, each as long as one may be.
fn bomb(functions: usize) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    // A type: one number in, one out.
    module.extend([1, 6, 1, 0x60, 1, 0x7f, 1, 0x7f]);
    let mut section = Vec::new();
    leb(&mut section, functions);
    section.extend(std::iter::repeat_n(0, functions));
    module.push(3);
    leb(&mut module, section.len());
    module.extend(section);
    // No locals; the parameter times a number, over and over.
    let mut body = vec![0];
    for number in 0..900_000_u32 {
        let number = (number % 60) as u8;
        body.extend([0x20, 0, 0x41, number, 0x6c, 0x21, 0]);
    }
    body.extend([0x20, 0, 0x0b]);
    let mut section = Vec::new();
    leb(&mut section, functions);
    for _ in 0..functions {
        leb(&mut section, body.len());
        section.extend_from_slice(&body);
    }
    module.push(10);
    leb(&mut module, section.len());
    module.extend(section);
    // One that no run before has compiled: a section without a name, of any bytes.
    module.extend([0, 9, 0]);
    module.extend(rand::random::<[u8; 8]>());
    with_module(edition(&[]), &module)
}

/// Without guests, which would have to be compiled within the same bounds.
async fn bounded(setting: &str, value: &str) -> (Host, tempfile::TempDir, tempfile::TempDir) {
    let none = tempfile::tempdir().expect("a folder");
    let folder = none.path().display().to_string();
    let (host, data) = host(&[("plugin-dir", &folder), (setting, value)]).await;
    (host, data, none)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bomb_ends_at_its_time_and_the_host_serves_on() {
    let (host, folder, _none) = bounded("plugin-compile-time", "3s").await;
    let host = Arc::new(host);
    host.put("/r/x.txt", "hello").await;
    assert_eq!(host.get("/r/x.txt").await.text(), "hello");
    let bomb = bomb(8);
    let told = "compiling it takes longer than 3s (`plugin-compile-time`)";
    let installing = {
        let (host, bomb) = (Arc::clone(&host), bomb.clone());
        tokio::spawn(async move { error(&host, bomb).await })
    };
    eventually("a process that compiles", || async {
        let metrics = host.admin("/_metrics").await.text();
        metrics.contains("realm_plugins_compiling 1").then_some(())
    })
    .await;
    lends_nothing(&host).await;
    let hit = host.get("/r/x.txt").await;
    let status = hit.header("cache-status").to_owned();
    assert_eq!(hit.text(), "hello");
    assert!(status.starts_with("realm; hit"), "{status}");
    let metrics = host.admin("/_metrics").await.text();
    assert!(metrics.contains("realm_plugins_compiling 1"), "{metrics}");
    let error = installing.await.expect("no panic");
    assert_eq!(error["code"], "compile", "{error}");
    assert_eq!(error["detail"], format!("it: {told}"));
    // It is known for a while, and is not tried again at once.
    let begun = std::time::Instant::now();
    assert_eq!(refused(&folder, &bomb).await, told);
    assert!(begun.elapsed() < std::time::Duration::from_secs(4));
}

/// The process that compiles has no setting, no secret and no file of the host's.
async fn lends_nothing(host: &Host) {
    let of_host = std::fs::read_to_string(host.data.join("host.json")).expect("a running host");
    let of_host: serde_json::Value = serde_json::from_str(&of_host).expect("JSON");
    let parent = format!("PPid:\t{}\n", of_host["pid"]);
    let compiles = |process: &PathBuf| {
        let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
        let command = std::fs::read(process.join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        status.contains(&parent) && command.contains("compile-a-component")
    };
    let child = eventually("a child that compiles", || async {
        let all = std::fs::read_dir("/proc").expect("processes");
        all.flatten().map(|entry| entry.path()).find(compiles)
    })
    .await;
    let environment = std::fs::read(child.join("environ")).expect("its environment");
    let environment = String::from_utf8_lossy(&environment).into_owned();
    assert_eq!(
        environment.trim_end_matches('\0'),
        "MIMALLOC_ARENA_RESERVE=32MiB"
    );
    let files = std::fs::read_dir(child.join("fd")).expect("its files");
    let mut files: Vec<_> = files
        .flatten()
        .filter_map(|file| std::fs::read_link(file.path()).ok())
        .collect();
    // What it is told and tells, and nothing.
    let own = |file: &str| file.starts_with("pipe:") || file == "/dev/null";
    files.retain(|file| !own(&file.to_string_lossy()));
    assert!(files.is_empty(), "{files:?}");
}

#[tokio::test]
async fn a_bomb_ends_at_its_memory() {
    let (_host, folder, _none) = bounded("plugin-compile-memory", "256MiB").await;
    assert_eq!(
        refused(&folder, &bomb(4)).await,
        "compiling it takes more than 256.0 MiB of memory (`plugin-compile-memory`)"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_is_compiled_once_however_many_ask() {
    let none = tempfile::tempdir().expect("a folder");
    let folder = none.path().display().to_string();
    let (host, _data) = host(&[("plugin-dir", &folder)]).await;
    let host = Arc::new(host);
    let count = async || {
        let metrics = host.admin("/_metrics").await.text();
        let mut lines = metrics.lines();
        let line = lines.find_map(|line| line.strip_prefix("realm_plugins_compiled_total "));
        line.and_then(|count| count.parse::<u64>().ok())
            .unwrap_or_default()
    };
    let before = count().await;
    // Of this run alone: no other has compiled it.
    let text = format!("{:?}", std::time::SystemTime::now());
    let component = edition(&[("text", &text[..text.len().min(80)])]);
    let digest = component_digest(&component);
    let installs = (0..3).map(|_| {
        let (host, component, digest) = (Arc::clone(&host), component.clone(), digest.clone());
        tokio::spawn(async move {
            let request = host.admin_request("PUT", &format!("/_plugins/{digest}"));
            host.send(request.body(component)).await.status
        })
    });
    for install in installs.collect::<Vec<_>>() {
        assert_eq!(install.await.expect("no panic"), 200);
    }
    assert_eq!(count().await, before + 1);
}
