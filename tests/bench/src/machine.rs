use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::cores;

/// What the numbers were taken on, as a Markdown list.
pub(crate) fn describe(realm: &Path) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = memory.lines().next().unwrap_or_default();
    let kib: Option<f64> = memory
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse().ok());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut text = String::new();
    let model = model.map_or("unknown", |(_, model)| model);
    let gib = kib.unwrap_or(0.0) / f64::from(1 << 20);
    let _ = writeln!(
        text,
        "- {model}, {} cores, {gib:.0} GiB, Linux {}",
        cores(),
        kernel.trim()
    );
    let versions = [
        version(&realm.display().to_string(), "--version"),
        version("nginx", "-v"),
        version("wrk", "-v")
            .split(" Copyright")
            .next()
            .unwrap_or_default()
            .to_owned(),
        version("node", "--version"),
        version("rustc", "--version"),
    ];
    let _ = writeln!(text, "- {}", versions.join(" · "));
    text
}

/// How busy the machine is beside what runs here: the share of time in which something waited for a core.
pub(crate) fn pressure() -> String {
    let text = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let part = text
        .split_whitespace()
        .find_map(|part| part.strip_prefix("avg60="));
    format!("{} %", part.unwrap_or("?"))
}

/// The first line of what a program says of itself.
fn version(program: &str, flag: &str) -> String {
    let Ok(done) = Command::new(program).arg(flag).output() else {
        return format!("{program}: not there");
    };
    let text = [done.stdout, done.stderr].concat();
    let text = String::from_utf8_lossy(&text).trim().to_owned();
    let line = text.lines().next().unwrap_or_default();
    if program == "node" {
        format!("node {line}")
    } else {
        line.to_owned()
    }
}
