//! What is no plugin, or would do harm, is refused before it runs, and its author is told what to do. Through the command
//! line and a running host; the messages are compared whole, for they are all that an author has.

mod bombs;
mod describe;
mod needs;
mod sealed;
mod world;

use std::process::ExitStatus;

use realm_tests::{Edition, Host, HostOptions, Storage, component_digest};
use serde_json::Value;
use tempfile::TempDir;

/// A host that serves `/r/`, and a folder for components.
async fn host(more: &[(&str, &str)]) -> (Host, TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut options = HostOptions::new(Storage::Sqlite).with("role", "serve");
    options = options.in_folder(folder.path());
    for (setting, value) in more {
        options = options.with(setting, value);
    }
    (options.with_realm().await.0, folder)
}

/// Runs `realm plugin install`, which finds the host by its folder: the name of the file, how it ended, and what it said.
async fn install(folder: &TempDir, component: &[u8]) -> (String, ExitStatus, String) {
    let file = folder.path().join("plugin.wasm");
    std::fs::write(&file, component).expect("a folder to write to");
    let file = file.display().to_string();
    let options = HostOptions::new(Storage::Sqlite).in_folder(folder.path());
    let output = options.run(&["plugin", "install", &file]).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (file, output.status, told)
}

/// Tries to install a component by the command line; why it was not, without the name of the file.
async fn refused(folder: &TempDir, component: &[u8]) -> String {
    let (file, status, told) = install(folder, component).await;
    assert_eq!(status.code(), Some(1), "{told}");
    let (_, problem) = told.split_once(&format!("{file}: ")).expect(&told);
    problem.trim_end().to_owned()
}

/// Tries to install a component over HTTP; the error.
async fn error(host: &Host, component: Vec<u8>) -> Value {
    let digest = component_digest(&component);
    let request = host.admin_request("PUT", &format!("/_plugins/{digest}?source=it"));
    let answer = host.send(request.body(component)).await;
    assert!(answer.status >= 400, "{}", answer.text());
    answer.json()["errors"][0].clone()
}

/// Installs a component by the command line; what it says.
async fn installed(folder: &TempDir, component: &[u8]) -> String {
    let (_, status, told) = install(folder, component).await;
    assert!(status.success(), "{told}");
    told
}

/// A component with a section more.
fn with_section(mut component: Vec<u8>, id: u8, section: &[u8]) -> Vec<u8> {
    component.push(id);
    leb(&mut component, section.len());
    component.extend_from_slice(section);
    component
}

/// A component with a core module more, which nothing instantiates.
fn with_module(component: Vec<u8>, module: &[u8]) -> Vec<u8> {
    with_section(component, 1, module)
}

/// How many core modules a component has.
fn modules(component: &[u8]) -> usize {
    let (mut at, mut count) = (8, 0);
    while at < component.len() {
        count += usize::from(component[at] == 1);
        at += 1;
        let (mut size, mut shift) = (0_usize, 0);
        loop {
            let byte = component[at];
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        at += size;
    }
    count
}

fn leb(into: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        into.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// An edition, and what it says of itself.
fn edition(more: &[(&str, &str)]) -> Vec<u8> {
    let edition = Edition::new("one");
    let with = |edition: Edition, (key, value): &(&str, &str)| edition.with(key, value);
    more.iter().fold(edition, with).component()
}
