//! Every setting of the host, its default, its unit and where its value came from, in one place.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// One setting: a flag `--<key>`, a variable `REALM_<KEY>`, a key of `realm.toml`.
#[derive(Debug)]
pub struct Setting {
    /// Its name, in kebab case.
    pub key: &'static str,
    /// What holds when nobody sets it; empty: nothing.
    pub default: &'static str,
    /// What it means, and its unit.
    pub help: &'static str,
}

const fn setting(key: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { key, default, help }
}

/// All settings, in the order in which `realm config` prints them.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data-dir",
        ".realm",
        "folder of the embedded database, the compiled plugins and the running host's address",
    ),
    setting(
        "database-url",
        "",
        "a Postgres (postgres://…); none: the embedded SQLite under the data folder",
    ),
    setting(
        "database-connections",
        "16",
        "most connections to the database, the listener's and the announcer's not counted",
    ),
    setting(
        "database-timeout",
        "5s",
        "longest wait for the database before a request is told so",
    ),
    setting(
        "listen",
        "127.0.0.1:4200",
        "public socket; port 0 takes any free one",
    ),
    setting(
        "admin-listen",
        "127.0.0.1:4201",
        "admin socket; `off` for none",
    ),
    setting(
        "origin",
        "",
        "scheme, host and port that realms without a host of their own live under; none: http://<bound socket>",
    ),
    setting(
        "role",
        "serve,work",
        "what this replica does: `serve` answers requests, `work` indexes (there is nothing to index yet)",
    ),
    setting(
        "auth",
        "",
        "`none` lets everyone do everything; the default when both sockets are on loopback, must be chosen otherwise",
    ),
    setting(
        "plugin-dir",
        "",
        "folder of plugin components (*.wasm) to install beside the built-in ones",
    ),
    setting(
        "lease",
        "5s",
        "longest time for which a lost notification can leave old bytes in a cache",
    ),
    setting(
        "stale-limit",
        "60s",
        "how long after the lease cached bytes are still served, and said to be stale, while the database is away",
    ),
    setting(
        "cache-bytes",
        "512MiB",
        "most bytes that all caches hold together",
    ),
    setting(
        "max-file-bytes",
        "5MiB",
        "largest file that a write may leave",
    ),
    setting(
        "max-body-bytes",
        "64MiB",
        "largest request body (a multi-file write)",
    ),
    setting(
        "lock-timeout",
        "10s",
        "longest wait for a realm's write lock",
    ),
    setting(
        "write-queue",
        "256",
        "most writes of one realm that wait for their turn on this replica",
    ),
    setting(
        "generation-wait",
        "5s",
        "longest wait for the generation that a request names in Realm-Generation",
    ),
    setting(
        "drain",
        "10s",
        "how long a stopping host lets requests finish before it cancels their calls",
    ),
    setting(
        "changes-retention",
        "7d",
        "how long rows of the change log are kept",
    ),
    setting("plugin-memory", "256MiB", "linear memory of one call"),
    setting("plugin-deadline", "10s", "time that one call may run"),
    setting(
        "plugin-output",
        "16MiB",
        "bytes that one call may give back",
    ),
    setting(
        "plugin-log",
        "64KiB",
        "bytes that one call may log, standard output and error included",
    ),
    setting(
        "plugin-reads",
        "10000",
        "files that one call may read, absent ones included",
    ),
    setting("plugin-stack", "8MiB", "WebAssembly stack of one call"),
    setting(
        "plugin-handles",
        "10000",
        "component handles that one call may hold",
    ),
    setting(
        "plugin-table-elements",
        "100000",
        "table elements that one call may have",
    ),
    setting(
        "plugin-concurrency",
        "0",
        "calls of one plugin at a time; 0: as many as there are cores",
    ),
    setting(
        "plugin-queue",
        "256",
        "calls of one plugin that wait for their turn before new ones are turned away",
    ),
    setting(
        "plugin-restarts",
        "3",
        "how often a request starts anew because what it read has changed, before it is told to come again",
    ),
    setting(
        "plugin-resident",
        "64MiB",
        "memory that each pooled instance slot keeps between calls",
    ),
];

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
        /// The value.
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
pub struct RawConfig(BTreeMap<&'static str, RawValue>);

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

    fn fail(&self, key: &'static str, problem: impl fmt::Display) -> ConfigError {
        let value = &self.0[key];
        ConfigError::Value {
            key,
            origin: value.source,
            text: value.text.clone(),
            problem: problem.to_string(),
        }
    }

    fn text(&self, key: &'static str) -> Option<&str> {
        Some(self.0[key].text.as_str()).filter(|text| !text.is_empty())
    }

    fn duration(&self, key: &'static str) -> Result<Duration, ConfigError> {
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

    fn bytes(&self, key: &'static str) -> Result<usize, ConfigError> {
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

    fn number<N: FromStr>(&self, key: &'static str) -> Result<N, ConfigError> {
        self.0[key]
            .text
            .parse()
            .map_err(|_| self.fail(key, "is not a whole number in range"))
    }

    fn socket(&self, key: &'static str) -> Result<SocketAddr, ConfigError> {
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

/// Bounds of one guest call. Each is a setting of its own.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// How long it may run.
    pub deadline: Duration,
    /// Bytes that it may give back.
    pub output: usize,
    /// Bytes that it may log.
    pub log: usize,
    /// Files that it may read.
    pub reads: usize,
    /// Bytes of WebAssembly stack.
    pub stack: usize,
    /// Component handles that it may hold.
    pub handles: usize,
    /// Table elements that it may have.
    pub table_elements: usize,
    /// Calls of one plugin at a time.
    pub concurrency: usize,
    /// Calls of one plugin that wait.
    pub queue: usize,
    /// Restarts of one request.
    pub restarts: usize,
    /// Bytes that a pooled slot keeps between calls.
    pub resident: usize,
}

/// Every setting, understood.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of the embedded database and the compiled plugins.
    pub data_dir: PathBuf,
    /// A Postgres; none: the embedded SQLite.
    pub database_url: Option<String>,
    /// Most connections of the pool.
    pub database_connections: u32,
    /// Longest wait for the database.
    pub database_timeout: Duration,
    /// Public socket.
    pub listen: SocketAddr,
    /// Admin socket.
    pub admin_listen: Option<SocketAddr>,
    /// Scheme, host and port that realms live under.
    pub origin: Option<String>,
    /// Folder of further plugins.
    pub plugin_dir: Option<PathBuf>,
    /// The freshness lease.
    pub lease: Duration,
    /// How long after the lease stale bytes are served.
    pub stale_limit: Duration,
    /// Bytes that the caches hold.
    pub cache_bytes: usize,
    /// Largest file.
    pub max_file_bytes: usize,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// Longest wait for a realm's write lock.
    pub lock_timeout: Duration,
    /// Most waiting writes of one realm.
    pub write_queue: usize,
    /// Longest wait for a named generation.
    pub generation_wait: Duration,
    /// How long a stopping host drains.
    pub drain: Duration,
    /// Age at which change rows go.
    pub changes_retention: Duration,
    /// Bounds of a guest call.
    pub limits: CallLimits,
}

impl Config {
    /// Understands the gathered values.
    ///
    /// # Errors
    /// When a value does not fit, or two do not go together.
    pub fn new(raw: &RawConfig) -> Result<Self, ConfigError> {
        let listen = raw.socket("listen")?;
        let admin_listen = if raw.text("admin-listen") == Some("off") {
            None
        } else {
            Some(raw.socket("admin-listen")?)
        };
        let loopback = listen.ip().is_loopback()
            && admin_listen.is_none_or(|socket| socket.ip().is_loopback());
        match raw.text("auth") {
            Some("none") => {}
            None if loopback => {}
            None => {
                return Err(ConfigError::Conflict(
                    "a socket that others can reach needs `--auth` to be chosen: `none` lets everyone who reaches it read and write".to_owned(),
                ));
            }
            Some(_) => {
                return Err(raw.fail(
                    "auth",
                    "is not a way to authenticate; `none` is the one that there is",
                ));
            }
        }
        let origin = raw
            .text("origin")
            .map(|text| parse_origin(text).map_err(|problem| raw.fail("origin", problem)))
            .transpose()?;
        if let Some(unknown) = raw.0["role"]
            .text
            .split(',')
            .find(|role| !matches!(*role, "serve" | "work"))
        {
            return Err(raw.fail(
                "role",
                format!("has `{unknown}`; a role is `serve` or `work`"),
            ));
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let concurrency: usize = raw.number("plugin-concurrency")?;
        Ok(Self {
            data_dir: PathBuf::from(&raw.0["data-dir"].text),
            database_url: raw.text("database-url").map(str::to_owned),
            database_connections: raw.number("database-connections")?,
            database_timeout: raw.duration("database-timeout")?,
            listen,
            admin_listen,
            origin,
            plugin_dir: raw.text("plugin-dir").map(PathBuf::from),
            lease: raw.duration("lease")?,
            stale_limit: raw.duration("stale-limit")?,
            cache_bytes: raw.bytes("cache-bytes")?,
            max_file_bytes: raw.bytes("max-file-bytes")?,
            max_body_bytes: raw.bytes("max-body-bytes")?,
            lock_timeout: raw.duration("lock-timeout")?,
            write_queue: raw.number("write-queue")?,
            generation_wait: raw.duration("generation-wait")?,
            drain: raw.duration("drain")?,
            changes_retention: raw.duration("changes-retention")?,
            limits: CallLimits {
                memory: raw.bytes("plugin-memory")?,
                deadline: raw.duration("plugin-deadline")?,
                output: raw.bytes("plugin-output")?,
                log: raw.bytes("plugin-log")?,
                reads: raw.number("plugin-reads")?,
                stack: raw.bytes("plugin-stack")?,
                handles: raw.number("plugin-handles")?,
                table_elements: raw.number("plugin-table-elements")?,
                concurrency: if concurrency == 0 { cores } else { concurrency },
                queue: raw.number("plugin-queue")?,
                restarts: raw.number("plugin-restarts")?,
                resident: raw.bytes("plugin-resident")?,
            },
        })
    }
}

/// Scheme, host and port, without a path.
fn parse_origin(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https")
        || url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(
            "is not an origin; write scheme, host and port, as in `https://example.org`".to_owned(),
        );
    }
    Ok(url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{Config, RawConfig, Source};

    fn with(flags: &[(&str, &str)]) -> Result<Config, String> {
        let flags: BTreeMap<_, _> = flags
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect();
        let folder = tempfile::tempdir().unwrap();
        let raw = RawConfig::gather(&flags, folder.path()).map_err(|error| error.to_string())?;
        Config::new(&raw).map_err(|error| error.to_string())
    }

    #[test]
    fn every_default_is_understood() {
        let config = with(&[]).unwrap();
        assert_eq!(config.lease, Duration::from_secs(5));
        assert_eq!(config.cache_bytes, 512 << 20);
        assert!(config.limits.concurrency > 0);
    }

    #[test]
    fn a_wrong_value_names_its_setting_and_its_source() {
        let error = with(&[("lease", "soon")]).unwrap_err();
        assert!(
            error.contains("`lease`") && error.contains("flag") && error.contains("`soon`"),
            "{error}"
        );
        assert!(with(&[("cache-bytes", "0")]).is_err());
        assert!(with(&[("origin", "http://x/path/")]).is_err());
    }

    #[test]
    fn a_socket_that_others_reach_needs_a_choice() {
        assert!(
            with(&[("listen", "0.0.0.0:80")])
                .unwrap_err()
                .contains("--auth")
        );
        assert!(with(&[("listen", "0.0.0.0:80"), ("auth", "none")]).is_ok());
        assert!(with(&[("auth", "jwt")]).is_err());
    }

    #[test]
    fn the_file_is_read_and_flags_win_over_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("realm.toml"),
            "lease = \"2s\"\nwrite-queue = 7\n",
        )
        .unwrap();
        let flags = BTreeMap::from([("lease".to_owned(), "1s".to_owned())]);
        let raw = RawConfig::gather(&flags, folder.path()).unwrap();
        let sources: BTreeMap<_, _> = raw
            .iter()
            .map(|(setting, value)| (setting.key, value.source))
            .collect();
        assert_eq!(
            (sources["lease"], sources["write-queue"], sources["drain"]),
            (Source::Flag, Source::File, Source::Default)
        );
        let config = Config::new(&raw).unwrap();
        assert_eq!(
            (config.lease, config.write_queue),
            (Duration::from_secs(1), 7)
        );
        std::fs::write(folder.path().join("realm.toml"), "laese = \"2s\"\n").unwrap();
        assert!(
            RawConfig::gather(&flags, folder.path())
                .unwrap_err()
                .to_string()
                .contains("no setting `laese`")
        );
    }
}
