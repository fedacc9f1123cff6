//! Looks at what hosts say of themselves, all the time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use realm_tests::{Host, client};
use tokio::task::AbortHandle;

/// A host's report at a moment at which it changed.
#[derive(Debug)]
struct Report {
    host: usize,
    at: Instant,
    /// The checks that were bad.
    bad: Vec<String>,
}

/// The reports of some hosts.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    reports: Arc<Mutex<Vec<Report>>>,
    looking: Vec<AbortHandle>,
}

impl Watch {
    /// Begins to look.
    pub(crate) fn start(hosts: &[Arc<Host>]) -> Self {
        let mut watch = Self::default();
        for (number, host) in hosts.iter().enumerate() {
            let (reports, host) = (Arc::clone(&watch.reports), Arc::clone(host));
            let looking = tokio::spawn(async move {
                let mut before = Vec::new();
                loop {
                    if let Some(bad) = look(&host).await
                        && bad != before
                    {
                        before.clone_from(&bad);
                        let report = Report {
                            host: number,
                            at: Instant::now(),
                            bad,
                        };
                        reports.lock().expect("never poisoned").push(report);
                    }
                    tokio::time::sleep(Duration::from_millis(3)).await;
                }
            });
            watch.looking.push(looking.abort_handle());
        }
        watch
    }

    /// The first report of trouble after some moment: how long after, and the names of the checks.
    pub(crate) fn trouble(&self, after: Instant) -> Option<(Duration, String)> {
        self.first(after, |report| !report.bad.is_empty())
    }

    /// The first report after some moment in which a host has trouble with its `check`.
    pub(crate) fn trouble_of(&self, host: usize, check: &str, after: Instant) -> Option<Duration> {
        let fits =
            |report: &Report| report.host == host && report.bad.iter().any(|name| name == check);
        self.first(after, fits).map(|(after, _)| after)
    }

    fn first(&self, after: Instant, fits: impl Fn(&Report) -> bool) -> Option<(Duration, String)> {
        let reports = self.reports.lock().expect("never poisoned");
        let mut reports = reports.iter().filter(|report| report.at >= after);
        let found = reports.find(|report| fits(report))?;
        Some((found.at - after, found.bad.join(", ")))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for looking in &self.looking {
            looking.abort();
        }
    }
}

/// The names of a host's checks that are bad; none when it does not answer.
pub(crate) async fn look(host: &Host) -> Option<Vec<String>> {
    let ready = format!("{}/_ready", host.admin);
    let answer = client().build().ok()?.get(ready).send().await.ok()?;
    let (status, text) = (answer.status(), answer.text().await.ok()?);
    let report: serde_json::Value = serde_json::from_str(&text).ok()?;
    assert_eq!(report["ready"] == true, status == 200, "{text}");
    let bad = report["checks"].as_array()?.iter();
    let bad = bad.filter(|check| check["good"] == false);
    Some(
        bad.filter_map(|check| Some(check["name"].as_str()?.to_owned()))
            .collect(),
    )
}
