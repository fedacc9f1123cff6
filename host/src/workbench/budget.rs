use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use serde_json::{Value, json};

use crate::config::CallLimits;
use crate::plugins::{Spent, Work};

/// What a call has spent, against what a host would let it have.
#[derive(Clone, Debug)]
pub struct Budget(Vec<Line>);

/// One thing that a call spends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// What.
    pub name: &'static str,
    /// How much: nanoseconds, bytes, or a number.
    pub spent: u64,
    /// The most that there may be; none: it is only counted.
    pub limit: Option<u64>,
    /// The setting that says so.
    pub setting: &'static str,
    unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Nanoseconds,
    Bytes,
    Count,
}

impl Budget {
    /// What a call for `work` has spent, beside the limits.
    #[must_use]
    pub fn of(spent: &Spent, limits: &CallLimits, work: Work) -> Self {
        let (deadline, setting) = match work {
            Work::Render | Work::Define => (limits.render_deadline, "plugin-render-deadline"),
            Work::Transpile | Work::TranspileForPrerender => (limits.deadline, "plugin-deadline"),
        };
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let line = |name, spent: usize, limit: usize, setting, unit| Line {
            name,
            spent: spent as u64,
            limit: Some(limit as u64),
            setting,
            unit,
        };
        let bytes = Unit::Bytes;
        let mut lines = vec![Line {
            name: "time",
            spent: nanoseconds(spent.time),
            limit: Some(nanoseconds(deadline)),
            setting,
            unit: Unit::Nanoseconds,
        }];
        lines.extend(spent.fuel.map(|fuel| Line {
            name: "fuel",
            spent: fuel,
            limit: None,
            setting: "",
            unit: Unit::Count,
        }));
        let Spent {
            memory_peak,
            output_bytes,
            log_bytes,
            reads,
            ..
        } = *spent;
        lines.extend([
            line("memory", memory_peak, limits.memory, "plugin-memory", bytes),
            line(
                "output",
                output_bytes,
                limits.output,
                "plugin-output",
                bytes,
            ),
            line("log", log_bytes, limits.log, "plugin-log", bytes),
            line("reads", reads, limits.reads, "plugin-reads", Unit::Count),
        ]);
        Self(lines)
    }

    /// Its lines.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.0
    }

    /// Time and memory in a line.
    #[must_use]
    pub fn in_words(&self) -> String {
        let lines = self.0.iter();
        let parts = lines.filter(|line| ["time", "memory"].contains(&line.name));
        let parts = parts.filter_map(|line| {
            let (spent, limit) = (line.show(line.spent), line.show(line.limit?));
            Some(format!("{spent} of {limit} (`{}`)", line.setting))
        });
        parts.collect::<Vec<_>>().join(", ")
    }

    /// For machines: by name, what was spent, the limit, the part of it in percent, and the setting.
    #[must_use]
    pub fn json(&self) -> Value {
        let line = |line: &Line| {
            let value = json!({
                "spent": line.spent,
                "limit": line.limit,
                "percent": line.percent(),
                "setting": (!line.setting.is_empty()).then_some(line.setting),
                "unit": match line.unit {
                    Unit::Nanoseconds => "nanoseconds",
                    Unit::Bytes => "bytes",
                    Unit::Count => "count",
                },
            });
            (line.name.to_owned(), value)
        };
        Value::Object(self.0.iter().map(line).collect())
    }
}

impl Line {
    /// The part of the limit that is spent, in percent.
    #[must_use]
    pub fn percent(&self) -> Option<f64> {
        let limit = self.limit.filter(|limit| *limit > 0)?;
        Some(self.spent as f64 * 100.0 / limit as f64)
    }

    fn show(&self, amount: u64) -> String {
        match self.unit {
            Unit::Nanoseconds => shown_time(amount as f64 / 1e9),
            Unit::Bytes => ByteSize::b(amount).display().iec().to_string(),
            Unit::Count => grouped(amount),
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.0 {
            let spent = line.show(line.spent);
            write!(f, "  {:<7}{spent:>14}", line.name)?;
            match (line.limit, line.percent()) {
                (Some(limit), Some(percent)) => {
                    writeln!(
                        f,
                        "  of {:<10} {percent:>6.1} %  {}",
                        line.show(limit),
                        line.setting
                    )?;
                }
                _ => writeln!(f, "  the same on every machine, without a limit")?,
            }
        }
        Ok(())
    }
}

/// A time in the unit that suits it; `seconds` as they are.
pub(super) fn shown_time(seconds: f64) -> String {
    if seconds >= 1.0 {
        let rounded = (seconds * 100.0).round() / 100.0;
        format!("{rounded} s")
    } else if seconds >= 0.001 {
        format!("{:.2} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}

/// A number with a comma between thousands.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{grouped, shown_time};

    #[test]
    fn numbers_and_times_are_shown_for_people() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(shown_time(10.0), "10 s");
        assert_eq!(shown_time(0.0105), "10.50 ms");
        assert_eq!(shown_time(0.000_25), "250.0 µs");
    }
}
