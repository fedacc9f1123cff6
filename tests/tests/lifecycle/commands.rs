//! The command line's lifecycle commands, with a host that runs and without one.

use std::path::Path;
use std::process::Output;

use realm_tests::{HostOptions, ORIGIN, Storage, server};
use serde_json::Value;

fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn at(path: &str) -> String {
    format!("{ORIGIN}{path}")
}

/// Every file below a folder: its path in it, and its text.
fn files(folder: &Path) -> Vec<(String, String)> {
    let (mut all, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in next.read_dir().unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap();
            all.push((name.to_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    all.sort();
    all
}

/// The life of a realm by commands alone; `run` runs one.
async fn a_life<F: Future<Output = Output>>(run: impl Fn(Vec<String>) -> F) {
    let call = |arguments: &[&str]| run(arguments.iter().map(|text| (*text).to_owned()).collect());
    let folders = tempfile::tempdir().unwrap();
    let (from, to) = (folders.path().join("from"), folders.path().join("to"));
    std::fs::create_dir_all(from.join("sub")).unwrap();
    std::fs::write(from.join("a.ts"), "export const a = 1;\n").unwrap();
    std::fs::write(from.join("sub/ü b.txt"), "b").unwrap();
    let (s, p) = (at("/s/"), at("/p/"));
    assert_eq!(said(&call(&["create", &s, "--name", "Mine"]).await), s);
    said(&call(&["import", from.to_str().unwrap(), &s]).await);
    assert_eq!(said(&call(&["publish", &s, &p, "--wait"]).await), p);
    let status: Value =
        serde_json::from_str(&said(&call(&["--json", "status", &p]).await)).unwrap();
    assert_eq!(status["kind"], "published");
    assert_eq!(status["visibility"], "public");
    said(&call(&["export", &p, to.to_str().unwrap()]).await);
    let mut expected = files(&from);
    expected.push((
        "realm.json".to_owned(),
        "{\n  \"name\": \"Mine\"\n}\n".to_owned(),
    ));
    expected.sort();
    assert_eq!(files(&to), expected);
    let again = refused(&call(&["export", &p, to.to_str().unwrap()]).await);
    assert!(again.contains("not empty"), "{again}");
    said(&call(&["grant", &s, "mango", "write"]).await);
    let bad = call(&["grant", &s, "mango", "admin"]).await;
    assert_eq!(bad.status.code(), Some(2), "a usage error");
    said(&call(&["revoke", &s, "mango"]).await);
    said(&call(&["archive", &s]).await);
    said(&call(&["unarchive", &s]).await);
    let list = said(&call(&["--json", "list"]).await);
    assert!(list.lines().count() == 2 && list.contains(&p), "{list}");
    said(&call(&["unpublish", &p]).await);
    let none = refused(&call(&["unpublish", &p]).await);
    assert!(none.contains("not a published realm"), "{none}");
    said(&call(&["publish", &s, &p]).await);
    said(&call(&["delete", &s]).await);
    assert_eq!(said(&call(&["list"]).await), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_talk_to_the_host_that_runs() {
    let host = HostOptions::new(Storage::Sqlite).start().await;
    a_life(|arguments| {
        let host = &host;
        async move {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            host.command(&arguments).await
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_on_the_database_where_no_host_runs() {
    for storage in [
        Storage::Sqlite,
        Storage::Postgres(server().database().await),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let options = HostOptions::new(storage).in_folder(folder.path());
        a_life(|arguments| {
            let options = &options;
            async move {
                let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
                options.run(&arguments).await
            }
        })
        .await;
    }
}
