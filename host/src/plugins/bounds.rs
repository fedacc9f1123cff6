use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::config::CallLimits;

/// The bounds of one plugin that differ from the host's, as they were written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds(BTreeMap<&'static str, String>);

/// What no plugin gets more of than the engine was set up with, or than is safe.
#[derive(Clone, Copy, Debug)]
pub struct Ceilings {
    /// Bytes of linear memory.
    pub memory: usize,
    /// Elements of a table.
    pub table_elements: usize,
    /// Calls of one plugin at a time.
    pub concurrency: usize,
    /// How long a call may run: bytes that it may come for are kept for so long.
    pub deadline: Duration,
}

/// A bound that a plugin cannot be given.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BoundError {
    /// There is no such bound.
    #[error("there is no limit `{key}`; there are {}", KEYS.map(|bound| bound.0).join(", "))]
    Unknown {
        /// What was named.
        key: String,
    },
    /// It holds for all plugins together.
    #[error("`{key}` is the same for all plugins: it is the setting `{setting}` of the host")]
    Shared {
        /// What was named.
        key: String,
        /// What there is instead.
        setting: &'static str,
    },
    /// It is not written as it should be.
    #[error("`{key}={value}`: {problem}")]
    Value {
        /// The bound.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It is more than there is.
    #[error("`{key}={value}` is more than there is: {}; raise the setting `{setting}` of the host first", ceiling(key, *.most))]
    Ceiling {
        /// The bound.
        key: &'static str,
        /// What was given.
        value: String,
        /// What there is.
        most: u128,
        /// What would have to be raised.
        setting: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Bytes,
    Time,
    Number,
    /// As a number, and not zero.
    Some,
}

/// Each bound: its name, its unit, and whether an outcome may depend on it.
const KEYS: [(&str, Unit, bool); 10] = [
    ("memory", Unit::Bytes, true),
    ("deadline", Unit::Time, true),
    ("render-deadline", Unit::Time, true),
    ("output", Unit::Bytes, true),
    ("log", Unit::Bytes, true),
    ("reads", Unit::Number, true),
    ("handles", Unit::Some, true),
    ("table-elements", Unit::Some, true),
    ("concurrency", Unit::Some, false),
    ("queue", Unit::Number, false),
];

/// Those that are not a plugin's own.
const SHARED: [(&str, &str); 5] = [
    ("stack", "plugin-stack"),
    ("resident", "plugin-resident"),
    ("restarts", "plugin-restarts"),
    ("failures", "plugin-failures"),
    ("slot-wait", "plugin-slot-wait"),
];

/// How often its breakers were closed by an operator, beside the bounds.
const CLOSED: &str = "closed";

impl Bounds {
    /// Those of a row: what this host does not know is left out, for another one of a later version may.
    #[must_use]
    pub fn of_row(row: &str) -> Self {
        let read: Map<String, Value> = serde_json::from_str(row).unwrap_or_default();
        let mut bounds = Self::default();
        for (key, value) in &read {
            if let Some(text) = value.as_str()
                && let Ok((key, unit, _)) = known(key)
                && parse(key, unit, text).is_ok()
            {
                bounds.0.insert(key, text.to_owned());
            }
        }
        bounds
    }

    /// A row with one bound more, another one, or one fewer.
    ///
    /// # Errors
    /// When there is no such bound, or there is not so much of it.
    pub fn change(
        row: &str,
        key: &str,
        value: Option<&str>,
        ceilings: Ceilings,
    ) -> Result<String, BoundError> {
        let (key, unit, _) = known(key)?;
        let mut read: Map<String, Value> = serde_json::from_str(row).unwrap_or_default();
        match value {
            Some(value) => {
                let amount = parse(key, unit, value)?;
                if let Some((most, setting)) = ceilings.of(key)
                    && amount > most
                    && !mutant!("limit-above-the-pool")
                {
                    return Err(BoundError::Ceiling {
                        key,
                        value: value.to_owned(),
                        most,
                        setting,
                    });
                }
                read.insert(key.to_owned(), json!(value));
            }
            None => drop(read.remove(key)),
        }
        Ok(Value::Object(read).to_string())
    }

    /// A row that says that its plugin's breakers start closed once more.
    #[must_use]
    pub fn closed(row: &str) -> String {
        let mut read: Map<String, Value> = serde_json::from_str(row).unwrap_or_default();
        let before = read.get(CLOSED).and_then(Value::as_u64).unwrap_or(0);
        read.insert(CLOSED.to_owned(), json!(before + 1));
        Value::Object(read).to_string()
    }

    /// What holds for the plugin: of what this host does not have so much, what it has.
    #[must_use]
    pub fn over(&self, host: &CallLimits, ceilings: Ceilings) -> CallLimits {
        let mut limits = host.clone();
        for (key, text) in &self.0 {
            let Ok((key, unit, _)) = known(key) else {
                continue;
            };
            let Ok(amount) = parse(key, unit, text) else {
                continue;
            };
            let amount = ceilings
                .of(key)
                .map_or(amount, |(most, _)| amount.min(most));
            let number = usize::try_from(amount).unwrap_or(usize::MAX);
            let time = Duration::from_nanos(u64::try_from(amount).unwrap_or(u64::MAX));
            match key {
                "memory" => limits.memory = number,
                "deadline" => limits.deadline = time,
                "render-deadline" => limits.render_deadline = time,
                "output" => limits.output = number,
                "log" => limits.log = number,
                "reads" => limits.reads = number,
                "handles" => limits.handles = number,
                "table-elements" => limits.table_elements = number,
                "concurrency" => limits.concurrency = number,
                "queue" => limits.queue = number,
                _ => {}
            }
        }
        limits
    }

    /// Names those that an outcome may depend on; empty: there is none.
    #[must_use]
    pub fn name(&self) -> String {
        let deciding = |key: &str| KEYS.iter().any(|(of, _, decides)| *of == key && *decides);
        let named = self.0.iter().filter(|(key, _)| deciding(key));
        named
            .map(|(key, value)| format!(" {key}={value}"))
            .collect()
    }

    /// Every bound with its value and where it comes from: `plugin` or `host`; what is `wanted` where this host has less.
    #[must_use]
    pub fn to_json(&self, limits: &CallLimits) -> Value {
        let shown = KEYS.map(|(key, unit, _)| {
            let amount = amount(key, limits);
            let entry = match self.0.get(key) {
                Some(own) if parse(key, unit, own).is_ok_and(|own| own == amount) => {
                    json!({ "value": own, "origin": "plugin" })
                }
                Some(own) => {
                    json!({ "value": written(unit, amount), "origin": "host", "wanted": own })
                }
                None => json!({ "value": written(unit, amount), "origin": "host" }),
            };
            (key.to_owned(), entry)
        });
        Value::Object(Map::from_iter(shown))
    }
}

/// Bytes, nanoseconds, or a number, as [`parse`] gives them.
fn amount(key: &str, limits: &CallLimits) -> u128 {
    match key {
        "memory" => limits.memory as u128,
        "deadline" => limits.deadline.as_nanos(),
        "render-deadline" => limits.render_deadline.as_nanos(),
        "output" => limits.output as u128,
        "log" => limits.log as u128,
        "reads" => limits.reads as u128,
        "handles" => limits.handles as u128,
        "table-elements" => limits.table_elements as u128,
        "concurrency" => limits.concurrency as u128,
        _ => limits.queue as u128,
    }
}

fn written(unit: Unit, amount: u128) -> String {
    let number = u64::try_from(amount).unwrap_or(u64::MAX);
    match unit {
        Unit::Bytes => {
            let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
            let whole = |(_, bits): &(&str, u32)| number > 0 && number % (1 << bits) == 0;
            match units.into_iter().find(whole) {
                Some((unit, bits)) => format!("{}{unit}", number >> bits),
                None => format!("{number}B"),
            }
        }
        Unit::Time => humantime::format_duration(Duration::from_nanos(number)).to_string(),
        Unit::Number | Unit::Some => number.to_string(),
    }
}

impl Ceilings {
    fn of(&self, key: &str) -> Option<(u128, &'static str)> {
        match key {
            "memory" => Some((self.memory as u128, "plugin-memory")),
            "table-elements" => Some((self.table_elements as u128, "plugin-table-elements")),
            "concurrency" => Some((self.concurrency as u128, "plugin-concurrency")),
            "deadline" | "render-deadline" => Some((self.deadline.as_nanos(), "collect-after")),
            _ => None,
        }
    }
}

fn ceiling(key: &str, most: u128) -> String {
    known(key).map_or_else(|_| most.to_string(), |(_, unit, _)| written(unit, most))
}

fn known(key: &str) -> Result<(&'static str, Unit, bool), BoundError> {
    if let Some(known) = KEYS.iter().find(|known| known.0 == key) {
        return Ok(*known);
    }
    let key = key.to_owned();
    match SHARED.iter().find(|shared| shared.0 == key) {
        Some((_, setting)) => Err(BoundError::Shared { key, setting }),
        None => Err(BoundError::Unknown { key }),
    }
}

/// Bytes, nanoseconds, or a number.
fn parse(key: &'static str, unit: Unit, text: &str) -> Result<u128, BoundError> {
    let (amount, problem) = match unit {
        Unit::Bytes => (
            text.parse::<bytesize::ByteSize>()
                .ok()
                .map(|size| u128::from(size.as_u64())),
            "not a size above zero; write a number and a unit, as in `64MiB`",
        ),
        Unit::Time => (
            humantime::parse_duration(text)
                .ok()
                .map(|time| time.as_nanos()),
            "not a duration above zero; write a number and a unit, as in `2s` or `250ms`",
        ),
        Unit::Number => (text.parse().ok(), "not a number"),
        Unit::Some => (text.parse().ok(), "not a number above zero"),
    };
    let fits = |amount: &u128| unit == Unit::Number || *amount > 0;
    amount.filter(fits).ok_or_else(|| BoundError::Value {
        key,
        value: text.to_owned(),
        problem,
    })
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (key, value) in &self.0 {
            write!(f, "{between}{key}={value}")?;
            between = " ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BoundError, Bounds, Ceilings};

    const CEILINGS: Ceilings = Ceilings {
        memory: 256 << 20,
        table_elements: 100_000,
        concurrency: 8,
        deadline: Duration::from_secs(3_000),
    };

    fn change(row: &str, key: &str, value: &str) -> Result<String, BoundError> {
        Bounds::change(row, key, Some(value), CEILINGS)
    }

    #[test]
    fn a_row_is_changed_bound_by_bound() {
        let row = change("{}", "memory", "64MiB").unwrap();
        let row = change(&row, "queue", "0").unwrap();
        let row = Bounds::closed(&row);
        let bounds = Bounds::of_row(&row);
        assert_eq!(bounds.to_string(), "memory=64MiB queue=0");
        assert_eq!(bounds.name(), " memory=64MiB", "the queue decides nothing");
        let row = Bounds::change(&row, "memory", None, CEILINGS).unwrap();
        assert_eq!(Bounds::of_row(&row).to_string(), "queue=0");
        assert_ne!(Bounds::closed(&row), row);
    }

    #[test]
    fn what_there_is_not_is_refused_with_the_setting_to_raise() {
        for (key, value, part) in [
            ("memory", "1GiB", "`plugin-memory`"),
            ("concurrency", "9", "`plugin-concurrency`"),
            ("deadline", "2h", "`collect-after`"),
            ("table-elements", "100001", "`plugin-table-elements`"),
            ("memory", "much", "`64MiB`"),
            ("memory", "0", "above zero"),
            ("deadline", "5", "`2s`"),
            ("reads", "-1", "not a number"),
            ("stack", "1MiB", "`plugin-stack`"),
            ("colour", "red", "render-deadline"),
        ] {
            let error = change("{}", key, value).unwrap_err().to_string();
            assert!(error.contains(part), "{key}={value}: {error}");
        }
        let error = change("{}", "memory", "1GiB").unwrap_err().to_string();
        assert!(error.contains("256MiB"), "{error}");
    }

    #[test]
    fn what_another_host_has_more_of_is_cut_here() {
        let bounds = Bounds::of_row(r#"{"memory":"1GiB","deadline":"1s","later":"7","reads":9}"#);
        let host = crate::config::CallLimits::of_defaults();
        let limits = bounds.over(&host, CEILINGS);
        assert_eq!(
            (limits.memory, limits.deadline),
            (256 << 20, Duration::from_secs(1))
        );
        assert_eq!(limits.reads, host.reads, "it is not as it should be");
        let shown = bounds.to_json(&limits);
        assert_eq!(shown["memory"]["wanted"], "1GiB");
        assert_eq!(shown["deadline"]["origin"], "plugin");
        assert_eq!(shown["log"]["origin"], "host");
    }
}
