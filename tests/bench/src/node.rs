use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// Installs what a folder of this crate pins, in the target folder: the repository itself holds no `node_modules`.
pub(crate) fn install(name: &str, scripts: &[&str]) -> Result<PathBuf> {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let own = env::current_exe()?;
    let into = own
        .ancestors()
        .nth(2)
        .context("cargo's layout")?
        .join(format!("bench-{name}"));
    fs::create_dir_all(&into)?;
    let lock = fs::read(from.join("package-lock.json"))?;
    let current = fs::read(into.join("package-lock.json")).is_ok_and(|old| old == lock);
    for name in [".npmrc", "package.json"].iter().chain(scripts) {
        fs::copy(from.join(name), into.join(name))?;
    }
    if !current || !into.join("node_modules").is_dir() {
        fs::copy(
            from.join("package-lock.json"),
            into.join("package-lock.json"),
        )?;
        let done = Command::new("npm")
            .arg("ci")
            .current_dir(&into)
            .stdout(Stdio::null())
            .status();
        let done = done.context("npm")?.success();
        if !done {
            fs::remove_file(into.join("package-lock.json"))?;
        }
        ensure!(done, "npm ci failed");
    }
    Ok(into)
}
