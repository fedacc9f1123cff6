use std::process::{Command, Stdio};

use crate::{Desk, has};

/// Whether a program is there.
fn there(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

async fn from_nothing_to_passed_cases(language: &str) {
    let desk = Desk::new();
    desk.done(".", &["new", "my-ini", "--lang", language]).await;
    let at = "my-ini";
    desk.done(at, &["build"]).await;
    let (checked, _) = desk.done(at, &["check"]).await;
    has(&checked, &["my-ini@0.1.0", ".ini to .js", "repeatable"]);
    let (out, said) = desk.done(at, &["run", "cases/settings/input.ini"]).await;
    has(&out, &["export default {", "Cats & dogs"]);
    has(&said, &["plugin-memory"]);
    let (_, said) = desk
        .failed(at, &["run", "cases/mistake/input.ini"], 1)
        .await;
    has(&said, &["cases/mistake/input.ini:3:1", "3 | wide 40"]);
    desk.done(at, &["test", "--bless"]).await;
    desk.done(at, &["test"]).await;
}

#[tokio::test]
async fn a_javascript_plugin_is_begun_built_run_and_tested() {
    if !there("npm", &["--version"]) {
        eprintln!("skipped: there is no npm here");
        return;
    }
    from_nothing_to_passed_cases("js").await;
}

#[tokio::test]
async fn a_python_plugin_is_begun_built_run_and_tested() {
    if !there("python3", &["-m", "pip", "--version"]) || !there("python3", &["-m", "venv", "-h"]) {
        eprintln!("skipped: there is no python3 with pip and venv here");
        return;
    }
    from_nothing_to_passed_cases("python").await;
}
