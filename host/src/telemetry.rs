//! What the host says of itself: logs on standard error, metrics as Prometheus text.

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tracing_subscriber::EnvFilter;

/// Seconds that a histogram of durations tells apart.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];
/// Bytes that a histogram of sizes tells apart.
const BYTES: [f64; 8] = [1e6, 4e6, 1.6e7, 3.2e7, 6.4e7, 1.28e8, 2.56e8, 5.12e8];

/// Sends logs to standard error: what `REALM_LOG` asks for (as in `debug` or `realm_host::changes=trace`), else warnings
/// and what an operator wants to know.
pub fn log_to_stderr(default: &str) {
    let filter = EnvFilter::try_from_env("REALM_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let ansi = std::env::var_os("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second host in one process (a test) keeps the first one's.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .try_init();
}

/// Collects metrics from here on; what is returned renders them.
///
/// # Errors
/// When another part of the process collects them already.
pub fn collect_metrics() -> anyhow::Result<Arc<dyn Fn() -> String + Send + Sync>> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?
        .install_recorder()?;
    describe();
    Ok(Arc::new(move || handle.render()))
}

fn describe() {
    metrics::describe_counter!("realm_guest_calls_total", "Guest calls begun, by plugin.");
    metrics::describe_counter!(
        "realm_guest_call_failures_total",
        "Guest calls that came to no outcome, by plugin and kind."
    );
    metrics::describe_counter!(
        "realm_calls_cancelled_total",
        "Guest calls ended because something that they had read has changed."
    );
    metrics::describe_histogram!("realm_guest_call_seconds", "How long guest calls took.");
    metrics::describe_histogram!(
        "realm_guest_memory_bytes",
        "The most linear memory that a guest call had."
    );
    metrics::describe_gauge!("realm_cache_bytes", "Bytes held, by cache.");
    metrics::describe_gauge!("realm_cache_entries", "Entries held, by cache.");
}
