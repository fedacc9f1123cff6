use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::client::HOST;
use crate::process::{LOAD, cpu, on_core};

/// What one round against one server gave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// Requests per second.
    pub(crate) rate: f64,
    /// 99th percentile of the latency in milliseconds.
    pub(crate) p99: f64,
    /// The server's processor time per request in microseconds.
    pub(crate) cpu: f64,
}

/// 64 kept connections ask for a URL as fast as they are answered.
pub(crate) fn round(
    url: &str,
    header: Option<&str>,
    process: u32,
    length: Duration,
) -> Result<Round> {
    let mut wrk = on_core(LOAD, "wrk");
    wrk.args([
        "-t1",
        "-c64",
        "--latency",
        "-d",
        &format!("{}s", length.as_secs()),
    ]);
    // On a busy machine an answer may take long; it counts all the same.
    wrk.args(["--timeout", "30s", "-H", &format!("Host: {HOST}")]);
    if let Some(header) = header {
        wrk.args(["-H", header]);
    }
    let before = cpu(process);
    let done = wrk
        .arg(url)
        .stderr(Stdio::inherit())
        .output()
        .context("wrk")?;
    let used = cpu(process) - before;
    let text = String::from_utf8_lossy(&done.stdout);
    if !done.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!("wrk {url}: {text}");
    }
    let find = |start: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(start));
        line.map(str::trim)
            .with_context(|| format!("wrk says no `{start}`: {text}"))
    };
    let total = text
        .lines()
        .find_map(|line| {
            line.trim()
                .split_once(" requests in")?
                .0
                .parse::<f64>()
                .ok()
        })
        .with_context(|| format!("wrk says no total: {text}"))?;
    Ok(Round {
        rate: find("Requests/sec:")?.parse()?,
        p99: millis(find("99%")?)?,
        cpu: used.as_secs_f64() * 1e6 / total,
    })
}

/// `1.50ms`, `900.00us` or `1.02s` in milliseconds.
fn millis(text: &str) -> Result<f64> {
    for (unit, factor) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3)] {
        if let Some(number) = text
            .strip_suffix(unit)
            .and_then(|text| text.parse::<f64>().ok())
        {
            return Ok(number * factor);
        }
    }
    bail!("no duration: {text}")
}

#[cfg(test)]
mod tests {
    use super::millis;

    #[test]
    fn durations_come_in_three_units() {
        assert_eq!(millis("250us").unwrap(), 0.25);
        assert_eq!(millis("1.50ms").unwrap(), 1.5);
        assert_eq!(millis("1.02s").unwrap(), 1020.0);
        assert!(millis("soon").is_err());
    }
}
