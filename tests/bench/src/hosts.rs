use std::path::PathBuf;

use anyhow::{Context, Result};
use realm_tests::{Host, HostOptions, Postgres, Storage};

use crate::client::{Connection, Reply};
use crate::process::SERVER;

/// What every benchmark is told.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    /// The host that is measured.
    pub(crate) realm: PathBuf,
    /// Short rounds: to see that everything runs.
    pub(crate) quick: bool,
}

impl Bench {
    /// One of two numbers: for a whole run, or for a quick one.
    pub(crate) fn pick<T>(&self, whole: T, quick: T) -> T {
        if self.quick { quick } else { whole }
    }

    /// The measured host, on a database of the server.
    pub(crate) async fn options(&self, postgres: &Postgres) -> HostOptions {
        HostOptions::new(Storage::Postgres(postgres.database().await)).binary(&self.realm)
    }

    /// The measured host on one core, with a realm at `/r/`.
    pub(crate) async fn host(&self, postgres: &Postgres) -> Host {
        let options = self.options(postgres).await.on_core(SERVER);
        options.with_realm().await.0
    }
}

/// One GET, which must be good.
pub(crate) async fn fetch(url: &str, request: &[u8]) -> Result<Reply> {
    Connection::open(url).await?.send(request).await?.good()
}

/// The sum of a metric's values over its labels that contain `label`.
pub(crate) async fn metric(host: &Host, name: &str, label: &str) -> Result<f64> {
    let metrics = host.admin("/_metrics").await.text();
    let mut values = metrics
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .peekable();
    values
        .peek()
        .with_context(|| format!("no metric {name} {label}"))?;
    Ok(values.sum())
}
