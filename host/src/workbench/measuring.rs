use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use bytesize::ByteSize;
use serde_json::{Value, json};

use super::budget::{grouped, shown_time};
use super::{Job, Workbench};
use crate::plugins::Plugin;

/// How long calls of one file take, each in a fresh instance.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The file's path.
    pub path: String,
    /// Its bytes.
    pub bytes: usize,
    /// How many calls.
    pub calls: usize,
    /// The median.
    pub p50: Duration,
    /// All but one of a hundred took no longer.
    pub p99: Duration,
    /// The most bytes of linear memory of any call.
    pub memory_peak: usize,
    /// What the engine counts for one call ([`Workbench::count`]).
    pub fuel: Option<u64>,
}

/// Calls that are not counted: the first ones touch memory that nobody has touched yet.
const WARM_UP: usize = 3;

/// Runs a job `calls` times, one after the other.
///
/// # Errors
/// When a call comes to nothing.
pub async fn measure(
    bench: &Workbench,
    job: &Job,
    plugin: &Arc<Plugin>,
    calls: usize,
) -> anyhow::Result<Measured> {
    let mut times = Vec::with_capacity(calls);
    let mut memory_peak = 0;
    for call in 0..calls + WARM_UP {
        let step = bench.ask(job, plugin).await;
        if let Err(error) = step.outcome {
            bail!("{error}");
        }
        memory_peak = memory_peak.max(step.spent.memory_peak);
        if call >= WARM_UP {
            times.push(step.spent.time);
        }
    }
    times.sort();
    Ok(Measured {
        path: job.path.to_string(),
        bytes: job.bytes.len(),
        calls,
        p50: at(&times, 50),
        p99: at(&times, 99),
        memory_peak,
        fuel: None,
    })
}

/// The time that `percent` of the sorted ones do not exceed.
fn at(times: &[Duration], percent: usize) -> Duration {
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

impl Measured {
    /// Megabytes (10⁶ bytes) of input that one core would get through in a second.
    #[must_use]
    pub fn megabytes_per_second(&self) -> f64 {
        let seconds = self.p50.as_secs_f64();
        if seconds > 0.0 {
            self.bytes as f64 / seconds / 1e6
        } else {
            0.0
        }
    }

    /// For machines: times in milliseconds.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "path": self.path,
            "bytes": self.bytes,
            "calls": self.calls,
            "p50Milliseconds": self.p50.as_secs_f64() * 1e3,
            "p99Milliseconds": self.p99.as_secs_f64() * 1e3,
            "megabytesPerSecond": self.megabytes_per_second(),
            "memoryBytes": self.memory_peak,
            "fuel": self.fuel,
        })
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |bytes: usize| ByteSize::b(bytes as u64).display().iec().to_string();
        write!(
            f,
            "{:<28} {:>10}  p50 {:>10}  p99 {:>10}  {:>7.2} MB/s  memory {:>10}",
            self.path,
            size(self.bytes),
            shown_time(self.p50.as_secs_f64()),
            shown_time(self.p99.as_secs_f64()),
            self.megabytes_per_second(),
            size(self.memory_peak),
        )?;
        match self.fuel {
            Some(fuel) => write!(f, "  fuel {}", grouped(fuel)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::at;

    #[test]
    fn percentiles_are_of_what_was_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(at(&times, 50), Duration::from_millis(100));
        assert_eq!(at(&times, 99), Duration::from_millis(198));
        assert_eq!(at(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(at(&[], 50), Duration::ZERO);
    }
}
