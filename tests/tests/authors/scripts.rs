use std::process::{Command, Stdio};

use crate::{Desk, has, read};

/// Whether a program does this; where it does not, a test says in a line that it is skipped.
fn does(program: &str, arguments: &[&str], why: &str) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let done = command.status().is_ok_and(|status| status.success());
    if !done {
        eprintln!("skipped: {why}");
    }
    done
}

/// Whether npm is here and reaches its registry, or has what is wanted already.
fn has_npm() -> bool {
    let known = ["view", "--prefer-offline", "componentize-qjs", "version"];
    does("npm", &["--version"], "there is no npm here")
        && does("npm", &known, "npm does not reach its registry")
}

/// Whether Python is here with what it takes, and pip reaches its index.
fn has_pip() -> bool {
    let here = "there is no python3 with pip and venv here";
    let known = ["-m", "pip", "index", "versions", "componentize-py"];
    does("python3", &["-m", "pip", "--version"], here)
        && does("python3", &["-m", "venv", "-h"], here)
        && does("python3", &known, "pip does not reach its index")
}

async fn a_transpiler(language: &str) {
    let desk = Desk::new(&format!("transpiler-{language}"));
    desk.done(".", &["new", "my-ini", "--lang", language]).await;
    let at = "my-ini";
    desk.done(at, &["build"]).await;
    let (checked, _) = desk.done(at, &["check"]).await;
    has(
        &checked,
        &["my-ini@0.1.0", ".ini to .js", "good     repeatable"],
    );
    desk.done(at, &["test", "--bless"]).await;
    desk.done(at, &["test"]).await;
    // Whatever it is written in, the same comes of it.
    let came = |file: &str| read(&desk.folder("my-ini/cases").join(file));
    assert_eq!(came("settings/expected/output.js"), SETTINGS);
    assert_eq!(came("mistake/expected/diagnostics.txt"), MISTAKE);
}

/// What each template makes of its case of settings, and says of the other one.
pub(crate) const SETTINGS: &str = "export default {
  \"title\": \"Cats & dogs\",
  \"colours\": {
    \"text\": \"#333\",
    \"background\": \"hsl(40 60% 97%)\"
  }
};
";
pub(crate) const MISTAKE: &str = "error[syntax]: neither a section nor a value
 --> input.ini:3:1
  |
3 | wide 40
  | ^^^^^^^
  |
  = help: write `[section]` or `name = value`
warning[twice]: `small` is there twice; the last one holds
 --> input.ini:4:1
  |
4 | small = 12
  | ^^^^^^^^^^
";

async fn a_prerenderer(language: &str) {
    let desk = Desk::new(&format!("prerenderer-{language}"));
    let new = ["new", "my-note", "--lang", language, "--prerenderer"];
    desk.done(".", &new).await;
    let at = "my-note";
    desk.done(at, &["build"]).await;
    let (checked, _) = desk.done(at, &["check"]).await;
    has(&checked, &["my-note@0.1.0", "documents .note"]);
    desk.done(at, &["test", "--bless"]).await;
    desk.done(at, &["test"]).await;
    let came = |file: &str| read(&desk.folder("my-note/cases").join(file));
    assert_eq!(came("links/expected/isolated.html"), NOTE);
    let about = came("links/expected/rendition.json");
    has(&about, &["\"title\": \"Animals <small & large>\""]);
    // It reads what the note links to, and what is not there.
    let said = came("links/expected/diagnostics.txt");
    let missing = [
        "warning[link]: there is no note `dogs`",
        "input.note:4:20",
        "^^^^^^^^",
    ];
    has(&said, &missing);
    let said = came("untitled/expected/diagnostics.txt");
    has(&said, &["error[title]: a note begins with its title"]);
}

/// What each template makes of its first case.
pub(crate) const NOTE: &str = "<h1>Animals &lt;small &amp; large&gt;</h1>\n<p>Those that purr: <a href=\"./cats.note\">Cats &amp; kittens</a>.\nThose that do not: dogs.</p>\n<p>That is all.</p>\n";

#[tokio::test]
async fn a_javascript_plugin_is_begun_built_run_and_tested() {
    if has_npm() {
        a_transpiler("js").await;
    }
}

#[tokio::test]
async fn a_javascript_prerenderer_is_begun_built_run_and_tested() {
    if has_npm() {
        a_prerenderer("js").await;
    }
}

#[tokio::test]
async fn a_python_plugin_is_begun_built_run_and_tested() {
    if has_pip() {
        a_transpiler("python").await;
    }
}

#[tokio::test]
async fn a_python_prerenderer_is_begun_built_run_and_tested() {
    if has_pip() {
        a_prerenderer("python").await;
    }
}
