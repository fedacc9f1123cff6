use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use super::{SETTINGS, Setting};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag on the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// `realm.toml`.
    File,
    /// Nobody set it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::File => "realm.toml",
            Self::Default => "default",
        })
    }
}

/// A setting's text before it is understood.
#[derive(Clone, Debug)]
pub struct RawValue {
    /// The text.
    pub text: String,
    /// Where it came from.
    pub source: Source,
}

/// What is wrong with a setting.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that does not fit.
    #[error("setting `{key}` (from {origin}): `{text}` {problem}")]
    Value {
        /// Which setting.
        key: &'static str,
        /// Where its value came from.
        origin: Source,
        /// The value, as far as it may be shown.
        text: String,
        /// What does not fit.
        problem: String,
    },
    /// `realm.toml` cannot be read.
    #[error("{path}: {problem}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Two settings that do not go together.
    #[error("{0}")]
    Conflict(String),
}

/// All values, with where each came from.
#[derive(Clone, Debug)]
pub struct RawConfig(pub(super) BTreeMap<&'static str, RawValue>);

impl RawConfig {
    /// Flags win over the environment, that over `realm.toml` in `folder`, that over the defaults.
    ///
    /// # Errors
    /// When `realm.toml` is there but cannot be read, or names a setting that does not exist.
    pub fn gather(flags: &BTreeMap<String, String>, folder: &Path) -> Result<Self, ConfigError> {
        let path = folder.join("realm.toml");
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => parse_file(&text).map_err(|problem| ConfigError::File {
                path: path.clone(),
                problem,
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(ConfigError::File {
                    path,
                    problem: error.to_string(),
                });
            }
        };
        let values = SETTINGS.iter().map(|setting| {
            let variable = format!("REALM_{}", setting.key.to_uppercase().replace('-', "_"));
            let (text, source) = if let Some(text) = flags.get(setting.key) {
                (text.clone(), Source::Flag)
            } else if let Ok(text) = std::env::var(variable) {
                (text, Source::Environment)
            } else if let Some(text) = file.get(setting.key) {
                (text.clone(), Source::File)
            } else {
                (setting.default.to_owned(), Source::Default)
            };
            (setting.key, RawValue { text, source })
        });
        Ok(Self(values.collect()))
    }

    /// The settings in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'static Setting, &RawValue)> {
        SETTINGS
            .iter()
            .map(|setting| (setting, &self.0[setting.key]))
    }

    pub(super) fn fail(&self, key: &'static str, problem: impl fmt::Display) -> ConfigError {
        let value = &self.0[key];
        let shown = SETTINGS
            .iter()
            .find(|setting| setting.key == key)
            .map(|setting| setting.shown(&value.text));
        ConfigError::Value {
            key,
            origin: value.source,
            text: shown.unwrap_or_default(),
            problem: problem.to_string(),
        }
    }

    pub(super) fn text(&self, key: &'static str) -> Option<&str> {
        Some(self.0[key].text.as_str()).filter(|text| !text.is_empty())
    }

    pub(super) fn duration(&self, key: &'static str) -> Result<Duration, ConfigError> {
        humantime::parse_duration(&self.0[key].text)
            .ok()
            .filter(|duration| !duration.is_zero())
            .ok_or_else(|| {
                self.fail(
                    key,
                    "is not a duration; write a number and a unit, as in `5s` or `250ms`",
                )
            })
    }

    pub(super) fn bytes(&self, key: &'static str) -> Result<usize, ConfigError> {
        let size = self.0[key].text.parse::<bytesize::ByteSize>();
        size.ok()
            .and_then(|size| usize::try_from(size.as_u64()).ok())
            .filter(|size| *size > 0)
            .ok_or_else(|| {
                self.fail(
                    key,
                    "is not a size; write a number and a unit, as in `512MiB`",
                )
            })
    }

    pub(super) fn number<N: FromStr>(&self, key: &'static str) -> Result<N, ConfigError> {
        self.0[key]
            .text
            .parse()
            .map_err(|_| self.fail(key, "is not a number in range"))
    }

    pub(super) fn positive(&self, key: &'static str) -> Result<usize, ConfigError> {
        let number = self.number(key)?;
        if number == 0 {
            return Err(self.fail(key, "is not a number above zero"));
        }
        Ok(number)
    }

    /// A number; 0: as many as there are cores.
    pub(super) fn per_core(&self, key: &'static str) -> Result<usize, ConfigError> {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        let number = self.number(key)?;
        Ok(if number == 0 { cores() } else { number })
    }

    pub(super) fn socket(&self, key: &'static str) -> Result<SocketAddr, ConfigError> {
        self.0[key]
            .text
            .parse()
            .map_err(|_| self.fail(key, "is not an address and a port, as in `127.0.0.1:4200`"))
    }
}

fn parse_file(text: &str) -> Result<BTreeMap<String, String>, String> {
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| error.to_string())?;
    let mut values = BTreeMap::new();
    for (key, value) in table {
        if !SETTINGS.iter().any(|setting| setting.key == key) {
            return Err(format!(
                "there is no setting `{key}`; `realm config` lists them"
            ));
        }
        let text = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            other => {
                return Err(format!(
                    "setting `{key}` is a {}; write a text or a number",
                    other.type_str()
                ));
            }
        };
        values.insert(key, text);
    }
    Ok(values)
}
