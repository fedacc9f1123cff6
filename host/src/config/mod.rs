//! Every setting of the host, its default, its unit and where its value came from, in one place: the table, how values are
//! gathered, and what they mean together. Decides nothing else.

mod auth;
mod limits;
mod raw;
mod setting;
mod settings;
mod sources;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::realm::UrlPrefixes;
use crate::telemetry::{LogFormat, Logging};

use self::values::{codings, cors_origins, parse_origin, prefixes, roles};

pub use self::auth::{AuthConfig, AuthMode, Secret};
pub use self::limits::{BreakerLimits, CallLimits, CompileLimits, HttpLimits, SearchLimits};
pub use self::raw::{ConfigError, RawConfig, RawValue, Source};
pub use self::setting::Setting;
pub use self::settings::{SETTINGS, reference};
pub use self::sources::{PluginKey, RegistryLogin, SIGNATURE_BYTES, SignatureRule, SourcesConfig};
pub use self::values::{Coding, CorsOrigins, Roles};

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
    /// Whom a host lets in, and what tokens are verified and signed with.
    pub auth: AuthConfig,
    /// Where users may create realms; none: under this host's origin.
    pub create_under: Option<UrlPrefixes>,
    /// Where users may publish; none: under this host's origin.
    pub publish_under: Option<UrlPrefixes>,
    /// Origins whose pages may read, and write with rights of their own.
    pub cors_origins: CorsOrigins,
    /// Folder of further plugins.
    pub plugin_dir: Option<PathBuf>,
    /// Bytes of a component.
    pub plugin_component_bytes: usize,
    /// Bounds of compiling a component.
    pub plugin_compile: CompileLimits,
    /// Where plugins may come from, and whether they are trusted.
    pub sources: SourcesConfig,
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
    /// Bounds of the public socket.
    pub http: HttpLimits,
    /// Content codings, the preferred one first.
    pub compression: Vec<Coding>,
    /// Whether each request is logged.
    pub access_log: bool,
    /// Longest wait for a realm's write lock.
    pub lock_timeout: Duration,
    /// Most waiting writes of one realm.
    pub write_queue: usize,
    /// Longest wait for a named generation.
    pub generation_wait: Duration,
    /// How long a module's error is remembered.
    pub definition_error_ttl: Duration,
    /// Bounds of a search.
    pub search: SearchLimits,
    /// Age at which change rows go.
    pub changes_retention: Duration,
    /// What this replica does.
    pub roles: Roles,
    /// How often what nothing refers to is collected.
    pub collect_every: Duration,
    /// How long a blob is kept after nothing refers to it any more.
    pub collect_after: Duration,
    /// Documents rendered for the index at one time.
    pub index_concurrency: usize,
    /// How long a worker that says nothing more keeps its jobs.
    pub job_lease: Duration,
    /// Longest pause before what has failed is tried again.
    pub job_pause: Duration,
    /// Bounds of a guest call.
    pub limits: CallLimits,
}

impl RawConfig {
    /// What is logged and traced: needed before all else is understood.
    ///
    /// # Errors
    /// When a value does not fit.
    pub fn logging(&self) -> Result<Logging, ConfigError> {
        let format = match self.0["log-format"].text.as_str() {
            "text" => LogFormat::Text,
            "json" => LogFormat::Json,
            _ => return Err(self.fail("log-format", "is neither `text` nor `json`")),
        };
        let ratio: f64 = self.number("trace-ratio")?;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(self.fail("trace-ratio", "is not between 0 and 1"));
        }
        let filter = self.text("log").unwrap_or_default().to_owned();
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
            return Err(self.fail("log", error));
        }
        let collector = self
            .text("otlp-endpoint")
            .map(|text| {
                url::Url::parse(text)
                    .map(|_| text.to_owned())
                    .map_err(|error| self.fail("otlp-endpoint", format!("is not a URL: {error}")))
            })
            .transpose()?;
        Ok(Logging {
            filter,
            format,
            collector,
            ratio,
        })
    }
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
        raw.logging()?;
        let origin = raw
            .text("origin")
            .map(|text| parse_origin(text).map_err(|problem| raw.fail("origin", problem)))
            .transpose()?;
        if !matches!(raw.0["access-log"].text.as_str(), "on" | "off") {
            return Err(raw.fail("access-log", "is neither `on` nor `off`"));
        }
        let config = Self {
            data_dir: PathBuf::from(&raw.0["data-dir"].text),
            database_url: raw.text("database-url").map(str::to_owned),
            database_connections: raw.number("database-connections")?,
            database_timeout: raw.duration("database-timeout")?,
            listen,
            admin_listen,
            origin,
            auth: AuthConfig::new(raw, listen, admin_listen)?,
            create_under: prefixes(raw, "create-under")?,
            publish_under: prefixes(raw, "publish-under")?,
            cors_origins: cors_origins(raw)?,
            plugin_dir: raw.text("plugin-dir").map(PathBuf::from),
            plugin_component_bytes: raw.bytes("plugin-component-bytes")?,
            plugin_compile: CompileLimits::new(raw)?,
            sources: SourcesConfig::new(raw)?,
            lease: raw.duration("lease")?,
            stale_limit: raw.duration("stale-limit")?,
            cache_bytes: raw.bytes("cache-bytes")?,
            max_file_bytes: raw.bytes("max-file-bytes")?,
            max_body_bytes: raw.bytes("max-body-bytes")?,
            http: HttpLimits::new(raw)?,
            compression: codings(raw)?,
            access_log: raw.0["access-log"].text == "on",
            lock_timeout: raw.duration("lock-timeout")?,
            write_queue: raw.number("write-queue")?,
            generation_wait: raw.duration("generation-wait")?,
            definition_error_ttl: raw.duration("definition-error-ttl")?,
            search: SearchLimits::new(raw)?,
            changes_retention: raw.duration("changes-retention")?,
            roles: roles(raw)?,
            collect_every: raw.duration("collect-every")?,
            collect_after: raw.duration("collect-after")?,
            index_concurrency: raw.per_core("index-concurrency")?,
            job_lease: raw.duration("job-lease")?,
            job_pause: raw.duration("job-pause")?,
            limits: CallLimits::new(raw)?,
        };
        config.collects_late_enough()?;
        Ok(config)
    }

    /// How long a call may take: the bytes that it may come for are kept for so long.
    #[must_use]
    pub fn longest_deadline(&self) -> Duration {
        let kept = self
            .collect_after
            .saturating_sub(self.lease + self.stale_limit);
        kept.saturating_sub(Duration::from_nanos(1))
    }

    /// Another replica believes what it knows of a path for so long, and a call that has begun on it may take its time.
    fn collects_late_enough(&self) -> Result<(), ConfigError> {
        let longest = self.limits.deadline.max(self.limits.render_deadline);
        let needed = self.lease + self.stale_limit + longest;
        if longest <= self.longest_deadline() {
            return Ok(());
        }
        Err(ConfigError::Conflict(format!(
            "`collect-after` ({}) is not longer than `lease`, `stale-limit` and the longer of the plugins' deadlines together ({}): for so long a \
             replica may still come for the bytes of a file that is gone",
            humantime::format_duration(self.collect_after),
            humantime::format_duration(needed),
        )))
    }
}

#[cfg(test)]
mod tests;
