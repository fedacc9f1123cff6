//! Plugins that are written, built, run and tested by the command line, without a server.

mod cases;
mod checking;
mod mistakes;
mod rust;
mod scripts;
mod served;
mod watching;

use std::path::{Path, PathBuf};
use std::process::Output;

use realm_tests::{Edition, HostOptions, Storage, share_compiled_code, target};

/// A folder in which plugins are written: always the same one for a test, so that cargo knows again what it has compiled. It
/// stays where a test has failed.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let desk = Self(target().join("authors").join(name));
        desk.clear();
        std::fs::create_dir_all(desk.data()).expect("a folder to write to");
        share_compiled_code(&desk.data());
        desk
    }

    fn clear(&self) {
        if self.0.exists() {
            std::fs::remove_dir_all(&self.0).expect("a folder of ours");
        }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn data(&self) -> PathBuf {
        self.folder(".data")
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

    /// Puts a component there; its size.
    fn plugin(&self, name: &str, edition: &Edition) -> usize {
        let component = edition.component();
        std::fs::write(self.folder(name), &component).expect("a folder to write to");
        component.len()
    }

    /// Cargo fetches nothing, and compiles the SDK and what it needs once for all tests.
    fn options(&self, folder: &str) -> HostOptions {
        let options = HostOptions::new(Storage::Sqlite)
            .in_folder(&self.data())
            .at(&self.folder(folder));
        let all = cargos().into_iter();
        all.fold(options, |options, (name, value)| options.env(name, &value))
    }
}

/// What cargo is told by its environment.
fn cargos() -> [(&'static str, String); 2] {
    let folder = target().join("authors/target").display().to_string();
    [
        ("CARGO_NET_OFFLINE", "true".to_owned()),
        ("CARGO_TARGET_DIR", folder),
    ]
}

/// Runs cargo in a folder; it has to do what it is asked.
async fn cargo(folder: &Path, arguments: &[&str]) {
    let mut cargo = std::process::Command::new("cargo");
    cargo.args(arguments).envs(cargos()).current_dir(folder);
    let done = tokio::task::spawn_blocking(move || cargo.output()).await;
    let done = done.expect("no panic").expect("cargo runs");
    let (out, said) = told(&done);
    assert!(done.status.success(), "cargo {arguments:?}: {out}\n{said}");
}

impl Drop for Desk {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.clear();
        }
    }
}

/// A stage of a pipeline, which does what the lines of its input say.
fn stage(name: &str, takes: &str, gives: &str) -> Edition {
    let edition = Edition::new("").with("name", name).with("does", "stage");
    edition.with("takes", takes).with("gives", gives)
}

/// What a command prints, and what it says.
fn told(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).expect("a folder to write to");
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("a text")
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}
