//! Plugins that are written, built, run and tested by the command line, without a server.

mod mistakes;
mod rust;
mod scripts;

use std::path::{Path, PathBuf};
use std::process::Output;

use realm_tests::{HostOptions, Storage};

/// A folder in which plugins are written.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `realm plugin …` in a folder of the desk.
    async fn run(&self, folder: &str, arguments: &[&str]) -> Output {
        let all: Vec<_> = ["plugin"].iter().chain(arguments).copied().collect();
        self.options(folder).run(&all).await
    }

    /// The same; it has to do what it is asked. What it prints.
    async fn done(&self, folder: &str, arguments: &[&str]) -> (String, String) {
        let output = self.run(folder, arguments).await;
        let (out, said) = told(&output);
        assert!(output.status.success(), "{arguments:?}: {out}\n{said}");
        (out, said)
    }

    /// The same; it has to fail with this code. What it prints.
    async fn failed(&self, folder: &str, arguments: &[&str], code: i32) -> (String, String) {
        let output = self.run(folder, arguments).await;
        let (out, said) = told(&output);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{arguments:?}: {out}\n{said}"
        );
        (out, said)
    }

    fn options(&self, folder: &str) -> HostOptions {
        HostOptions::new(Storage::Sqlite).in_folder(&self.folder(folder))
    }
}

/// What a command prints, and what it says.
fn told(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("a folder to write to");
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
