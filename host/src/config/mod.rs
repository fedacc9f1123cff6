//! Every setting of the host, its default, its unit and where its value came from, in one place: the table, how values are
//! gathered, and what they mean together. Decides nothing else.

mod auth;
mod raw;
mod settings;
mod sources;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::realm::UrlPrefixes;
use crate::realm::query::QueryLimits;
use crate::telemetry::{LogFormat, Logging};

pub use self::auth::{AuthConfig, AuthMode, Secret};
pub use self::raw::{ConfigError, RawConfig, RawValue, Source};
pub use self::settings::{SETTINGS, Setting, reference};
pub use self::sources::{PluginKey, RegistryLogin, SIGNATURE_BYTES, SignatureRule, SourcesConfig};

/// Bounds of one guest call. Each is a setting of its own.
#[derive(Clone, Debug)]
pub struct CallLimits {
    /// Bytes of linear memory.
    pub memory: usize,
    /// How long it may run.
    pub deadline: Duration,
    /// How long a call of a prerenderer may run; what it waits for its modules does not count.
    pub render_deadline: Duration,
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
    /// Longest wait for an instance slot.
    pub slot_wait: Duration,
    /// When a plugin that fails again and again is left alone.
    pub breaker: BreakerLimits,
    /// Segments and lines of one source map.
    pub map_segments: usize,
    /// Restarts of one request.
    pub restarts: usize,
    /// Bytes that a pooled slot keeps between calls.
    pub resident: usize,
}

impl CallLimits {
    /// Instances that there may be at one time, those of calls on behalf of others not counted.
    #[must_use]
    pub fn slots(&self) -> usize {
        (self.concurrency * 4).max(8)
    }
}

/// When a plugin that fails again and again is left alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerLimits {
    /// So many failures in a row, in one realm; 0: never.
    pub failures: usize,
    /// The first pause; each further one is twice as long …
    pub pause: Duration,
    /// … up to this.
    pub longest_pause: Duration,
}

/// Bounds of the process that compiles a component of others.
#[derive(Clone, Copy, Debug)]
pub struct CompileLimits {
    /// Bytes of address space.
    pub memory: usize,
    /// How long it may take.
    pub time: Duration,
}

/// Bounds of what clients may do to a socket.
#[derive(Clone, Debug)]
pub struct HttpLimits {
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Open connections.
    pub connections: usize,
    /// Requests at work.
    pub requests: usize,
    /// Open event streams.
    pub event_streams: usize,
    /// Longest wait for a request's head.
    pub header_timeout: Duration,
    /// Longest wait for a request's body.
    pub body_timeout: Duration,
    /// Longest time in which a client takes nothing of its answer.
    pub write_timeout: Duration,
    /// How long a stopping socket lets requests finish.
    pub drain: Duration,
}

/// Bounds of a search.
#[derive(Clone, Copy, Debug)]
pub struct SearchLimits {
    /// What a query may have.
    pub query: QueryLimits,
    /// Bytes of a query.
    pub body_bytes: usize,
    /// Bytes of a page.
    pub answer_bytes: usize,
}

/// A content coding (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// The coding's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// Which pages of other origins may use this host from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsOrigins {
    /// All may read.
    pub any: bool,
    /// These may read and write.
    pub named: Vec<String>,
}

impl CorsOrigins {
    /// Whether any page of another origin may do anything.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.any || !self.named.is_empty()
    }
}

/// What a replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It answers requests.
    pub serve: bool,
    /// It does what no request waits for.
    pub work: bool,
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let concurrency: usize = raw.number("plugin-concurrency")?;
        let index_concurrency: usize = raw.number("index-concurrency")?;
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
            plugin_compile: CompileLimits {
                memory: raw.bytes("plugin-compile-memory")?,
                time: raw.duration("plugin-compile-time")?,
            },
            sources: SourcesConfig::new(raw)?,
            lease: raw.duration("lease")?,
            stale_limit: raw.duration("stale-limit")?,
            cache_bytes: raw.bytes("cache-bytes")?,
            max_file_bytes: raw.bytes("max-file-bytes")?,
            max_body_bytes: raw.bytes("max-body-bytes")?,
            http: HttpLimits {
                header_bytes: raw.bytes("max-header-bytes")?.max(8 << 10),
                connections: raw.positive("max-connections")?,
                requests: raw.positive("max-requests")?,
                event_streams: raw.number("max-event-streams")?,
                header_timeout: raw.duration("header-timeout")?,
                body_timeout: raw.duration("body-timeout")?,
                write_timeout: raw.duration("write-timeout")?,
                drain: raw.duration("drain")?,
            },
            compression: codings(raw)?,
            access_log: raw.0["access-log"].text == "on",
            lock_timeout: raw.duration("lock-timeout")?,
            write_queue: raw.number("write-queue")?,
            generation_wait: raw.duration("generation-wait")?,
            definition_error_ttl: raw.duration("definition-error-ttl")?,
            search: SearchLimits {
                query: QueryLimits {
                    page: raw.positive("search-page")?,
                    conditions: at_most(raw, "search-conditions", MOST_CONDITIONS)?,
                    depth: at_most(raw, "search-depth", DEEPEST_SEARCH)?,
                },
                body_bytes: raw.bytes("search-body-bytes")?,
                answer_bytes: raw.bytes("search-answer-bytes")?,
            },
            changes_retention: raw.duration("changes-retention")?,
            roles: roles(raw)?,
            collect_every: raw.duration("collect-every")?,
            collect_after: raw.duration("collect-after")?,
            index_concurrency: if index_concurrency == 0 {
                cores
            } else {
                index_concurrency
            },
            job_lease: raw.duration("job-lease")?,
            job_pause: raw.duration("job-pause")?,
            limits: CallLimits {
                memory: raw.bytes("plugin-memory")?,
                deadline: raw.duration("plugin-deadline")?,
                render_deadline: raw.duration("plugin-render-deadline")?,
                output: raw.bytes("plugin-output")?,
                log: raw.bytes("plugin-log")?,
                reads: raw.number("plugin-reads")?,
                stack: raw.bytes("plugin-stack")?,
                handles: raw.number("plugin-handles")?,
                table_elements: raw.number("plugin-table-elements")?,
                concurrency: if concurrency == 0 { cores } else { concurrency },
                queue: raw.number("plugin-queue")?,
                slot_wait: raw.duration("plugin-slot-wait")?,
                breaker: BreakerLimits {
                    failures: raw.number("plugin-failures")?,
                    pause: raw.duration("plugin-pause")?,
                    longest_pause: raw.duration("plugin-longest-pause")?,
                },
                map_segments: raw.number("plugin-map-segments")?,
                restarts: raw.number("plugin-restarts")?,
                resident: raw.bytes("plugin-resident")?,
            },
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

/// SQLite takes no expression that is deeper than 1000: conditions in a row are as deep as they are many, and each is a few
/// deep itself.
const MOST_CONDITIONS: usize = 500;
const DEEPEST_SEARCH: usize = 64;

fn at_most(raw: &RawConfig, key: &'static str, most: usize) -> Result<usize, ConfigError> {
    let number = raw.positive(key)?;
    if number > most {
        return Err(raw.fail(key, format!("is more than {most}")));
    }
    Ok(number)
}

fn roles(raw: &RawConfig) -> Result<Roles, ConfigError> {
    let mut roles = Roles {
        serve: false,
        work: false,
    };
    for role in raw.0["role"].text.split(',') {
        match role {
            "serve" => roles.serve = true,
            "work" => roles.work = true,
            unknown => {
                return Err(raw.fail(
                    "role",
                    format!("has `{unknown}`; a role is `serve` or `work`"),
                ));
            }
        }
    }
    Ok(roles)
}

fn codings(raw: &RawConfig) -> Result<Vec<Coding>, ConfigError> {
    if raw.text("compression") == Some("off") {
        return Ok(Vec::new());
    }
    let known = |name: &str| match name.trim() {
        "br" => Ok(Coding::Brotli),
        "gzip" => Ok(Coding::Gzip),
        _ => Err(raw.fail(
            "compression",
            "is neither `off` nor a list of `br` and `gzip`",
        )),
    };
    raw.0["compression"].text.split(',').map(known).collect()
}

fn prefixes(raw: &RawConfig, key: &'static str) -> Result<Option<UrlPrefixes>, ConfigError> {
    raw.text(key)
        .map(|text| UrlPrefixes::parse(text).map_err(|problem| raw.fail(key, problem)))
        .transpose()
}

fn cors_origins(raw: &RawConfig) -> Result<CorsOrigins, ConfigError> {
    let mut origins = CorsOrigins::default();
    let listed = raw.text("cors-origins").into_iter();
    for text in listed.flat_map(|text| text.split(',').map(str::trim)) {
        if text == "*" {
            origins.any = true;
            continue;
        }
        let origin = parse_origin(text).map_err(|problem| raw.fail("cors-origins", problem))?;
        origins.named.push(origin);
    }
    Ok(origins)
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

    use super::{Config, RawConfig, Roles, Source};

    impl super::CallLimits {
        /// Those of a host that is told nothing.
        pub(crate) fn of_defaults() -> Self {
            with(&[]).unwrap().limits
        }
    }

    /// The settings that these flags make.
    pub(super) fn with(flags: &[(&str, &str)]) -> Result<Config, String> {
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
    fn bytes_are_kept_for_as_long_as_a_replica_may_come_for_them() {
        let settings = [("stale-limit", "30s"), ("plugin-render-deadline", "15s")];
        let after = |after| with(&[settings[0], settings[1], ("collect-after", after)]);
        assert!(after("50s").unwrap_err().contains("`collect-after` (50s)"));
        assert!(after("51s").is_ok());
    }

    #[test]
    fn a_role_is_one_that_there_is() {
        let roles = |text| with(&[("role", text)]).map(|config| config.roles);
        let both = Roles {
            serve: true,
            work: true,
        };
        assert_eq!(roles("work,serve"), Ok(both));
        assert_eq!(
            roles("serve"),
            Ok(Roles {
                work: false,
                ..both
            })
        );
        assert!(roles("serve,idle").unwrap_err().contains("`idle`"));
    }

    #[test]
    fn a_search_is_no_larger_than_a_database_takes() {
        for (key, most) in [("search-depth", 64), ("search-conditions", 500)] {
            let set = |number: usize| with(&[(key, &number.to_string())]);
            assert!(set(most).is_ok());
            let error = set(most + 1).unwrap_err();
            assert!(error.contains(&format!("more than {most}")), "{error}");
            assert!(set(0).is_err());
        }
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
