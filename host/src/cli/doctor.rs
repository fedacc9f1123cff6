use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::bail;
use rustix::process::{Resource, getrlimit};
use serde_json::json;

use super::Context;
use crate::auth::{Authenticator, Signer};
use crate::changes;
use crate::config::{AuthMode, Config};
use crate::database::{Database, Facts};
use crate::host::{self, DataFolder};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    /// It runs, but not as well as it might.
    Warning,
    /// It does not run.
    Failed,
}

/// What was looked at, what was found, and what to do about it.
struct Finding {
    what: &'static str,
    grade: Grade,
    found: String,
}

/// Collects findings, and prints each as it comes.
struct Report {
    json: bool,
    findings: Vec<Finding>,
}

impl Report {
    fn add(&mut self, what: &'static str, grade: Grade, found: impl Into<String>) {
        let finding = Finding {
            what,
            grade,
            found: found.into(),
        };
        let mark = match grade {
            Grade::Good => "good",
            Grade::Warning => "warning",
            Grade::Failed => "FAILED",
        };
        if self.json {
            println!(
                "{}",
                json!({ "what": finding.what, "grade": mark.to_lowercase(), "found": finding.found })
            );
        } else {
            println!("{mark:<8} {:<12} {}", finding.what, finding.found);
        }
        self.findings.push(finding);
    }

    fn failed(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.grade == Grade::Failed)
            .count()
    }
}

/// Looks at everything that a host needs.
pub(super) async fn run(context: &Context) -> anyhow::Result<()> {
    let mut report = Report {
        json: context.json,
        findings: Vec::new(),
    };
    let config = match context.settings.config() {
        Ok(config) => config,
        Err(error) => {
            report.add("settings", Grade::Failed, error.to_string());
            bail!("1 of 1 checks failed");
        }
    };
    report.add(
        "settings",
        Grade::Good,
        "every value fits (`realm config` prints them)",
    );
    tokens(&mut report, &config);
    folder(&mut report, &config.data_dir);
    limits(&mut report, &config);
    database(&mut report, &config).await;
    plugins(&mut report, &config).await;
    match report.failed() {
        0 => Ok(()),
        failed => bail!("{failed} of {} checks failed", report.findings.len()),
    }
}

fn tokens(report: &mut Report, config: &Config) {
    let read = Authenticator::new(config).and_then(|_| Signer::new(&config.auth));
    match read {
        Ok(_) if config.auth.mode == AuthMode::Jwt => report.add(
            "tokens",
            Grade::Good,
            "requests are asked for tokens, and every key can be read",
        ),
        Ok(_) => report.add(
            "tokens",
            Grade::Good,
            "everyone who reaches the public socket may do everything (`auth` is `none`)",
        ),
        Err(error) => report.add("tokens", Grade::Failed, error.to_string()),
    }
}

fn folder(report: &mut Report, folder: &Path) {
    let tried = std::fs::create_dir_all(folder).and_then(|()| {
        let probe = folder.join("doctor.tmp");
        std::fs::write(&probe, "x")?;
        std::fs::remove_file(probe)
    });
    match tried {
        Ok(()) => report.add(
            "data folder",
            Grade::Good,
            format!("{} can be written", folder.display()),
        ),
        Err(error) => report.add(
            "data folder",
            Grade::Failed,
            format!(
                "{}: {error}; give another with `--data-dir`, or make it writable",
                folder.display()
            ),
        ),
    }
    if let Some(running) = DataFolder::running(folder) {
        let found = format!("process {} serves at {}", running.pid, running.url);
        report.add("host", Grade::Good, found);
    }
}

fn limits(report: &mut Report, config: &Config) {
    // Besides connections: files of the database, the plugins and the program.
    let wanted = config.http.connections as u64 + u64::from(config.database_connections) + 64;
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    if most < wanted {
        let found = format!(
            "this process may open {most} files, and `max-connections` asks for {wanted}: raise the limit (`ulimit -n`, `LimitNOFILE=`), or lower the setting"
        );
        report.add("open files", Grade::Warning, found);
    } else {
        report.add(
            "open files",
            Grade::Good,
            format!("up to {most}, {wanted} are wanted"),
        );
    }
    let space = getrlimit(Resource::As).maximum;
    if let Some(space) = space {
        let found = format!(
            "the address space is bounded to {} GiB (`ulimit -v`), and guests reserve more: take the bound away",
            space >> 30
        );
        report.add("memory", Grade::Warning, found);
    }
    let guests = config.limits.memory * config.limits.concurrency;
    let wanted = config.cache_bytes + guests;
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    if let Some(total) = total.map(|kib| kib << 10) {
        let found = format!(
            "caches and guests may take {} MiB of {} MiB (`cache-bytes`, `plugin-memory` × `plugin-concurrency`)",
            wanted >> 20,
            total >> 20
        );
        let grade = if wanted * 10 > total * 8 {
            Grade::Warning
        } else {
            Grade::Good
        };
        report.add("memory", grade, found);
    }
}

async fn database(report: &mut Report, config: &Config) {
    let begun = Instant::now();
    let database = match host::connect(config).await {
        Ok(database) => database,
        Err(error) => {
            let found = format!(
                "{error:#}; check `database-url`, and that the server runs and lets this user in"
            );
            return report.add("database", Grade::Failed, found);
        }
    };
    let took = begun.elapsed();
    match database.facts().await {
        Ok(facts) => judge(report, &database, config, &facts, took),
        Err(error) => report.add("database", Grade::Failed, error.to_string()),
    }
    if let Some(url) = &config.database_url {
        match changes::require_delivery(url).await {
            Ok(took) => report.add(
                "LISTEN",
                Grade::Good,
                format!("a notification came back in {took:.1?}"),
            ),
            Err(error) => report.add("LISTEN", Grade::Failed, error.to_string()),
        }
    }
    database.close().await;
}

fn judge(report: &mut Report, database: &Database, config: &Config, facts: &Facts, took: Duration) {
    report.add(
        "database",
        Grade::Good,
        format!("{}, connected in {took:.1?}", facts.version),
    );
    if facts.read_only {
        let found = "it takes no writes: a standby, or `default_transaction_read_only` is on";
        report.add("writes", Grade::Failed, found);
    }
    match facts.migrations {
        (done, known) if done < known => {
            let found = format!(
                "{} of {known} migrations are to be done: `realm migrate`, or start a host",
                known - done
            );
            report.add("tables", Grade::Warning, found);
        }
        (done, known) if done > known => {
            let found = "they are newer than this program: upgrade it";
            report.add("tables", Grade::Failed, found);
        }
        _ => report.add("tables", Grade::Good, "they are this version's"),
    }
    let skew = facts.skew.as_secs_f64();
    let (grade, more) = if facts.skew > Duration::from_secs(1) {
        (
            Grade::Warning,
            ": dates of files will look odd; run a time service on both",
        )
    } else {
        (Grade::Good, "")
    };
    report.add(
        "clock",
        grade,
        format!("{skew:.3} s beside the database's{more}"),
    );
    if !matches!(database, Database::Postgres(_)) {
        return;
    }
    let wanted = i64::from(config.database_connections) + 2;
    if facts.connections_left < wanted {
        let found = format!(
            "{} are free, and this host may open {wanted}: lower `database-connections`, or raise the server's `max_connections`",
            facts.connections_left
        );
        report.add("connections", Grade::Warning, found);
    } else {
        report.add(
            "connections",
            Grade::Good,
            format!("{} are free, {wanted} are wanted", facts.connections_left),
        );
    }
    if !facts.durable {
        let found = "`fsync` or `synchronous_commit` is off: an acknowledged write may be lost when the server fails";
        report.add("durability", Grade::Warning, found);
    }
    let used = facts.queue_used * 100.0;
    let (grade, more) = if facts.queue_used > 0.5 {
        (
            Grade::Failed,
            ": a session that listens sits in an open transaction; end it (`pg_stat_activity`)",
        )
    } else {
        (Grade::Good, "")
    };
    report.add("NOTIFY queue", grade, format!("{used:.1} % full{more}"));
}

async fn plugins(report: &mut Report, config: &Config) {
    let installed = match host::engine(config) {
        Ok(engine) => host::install(&engine, config).await,
        Err(error) => Err(error),
    };
    match installed {
        Ok((plugins, refused)) => {
            for plugin in plugins {
                report.add("plugin", Grade::Good, plugin.plugin.label());
            }
            for refused in refused {
                report.add("plugin", Grade::Failed, refused);
            }
        }
        Err(error) => report.add("plugins", Grade::Failed, format!("{error:#}")),
    }
}
