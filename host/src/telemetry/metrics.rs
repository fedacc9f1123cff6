use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Seconds that a histogram of durations tells apart: those of OpenTelemetry's conventions, and faster ones, for answers
/// from a cache take microseconds.
const SECONDS: [f64; 18] = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    2.5, 5.0, 10.0, 30.0,
];
/// Bytes that a histogram of sizes tells apart.
const BYTES: [f64; 8] = [1e6, 4e6, 1.6e7, 3.2e7, 6.4e7, 1.28e8, 2.56e8, 5.12e8];

/// Renders the metrics as Prometheus text.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

/// Collects metrics from here on; what is returned renders them.
///
/// # Errors
/// When another part of the process collects them already.
pub fn collect_metrics() -> anyhow::Result<Metrics> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?
        .install_recorder()?;
    describe();
    tokio::spawn(drain(handle.clone()));
    let process = metrics_process::Collector::default();
    process.describe();
    Ok(Arc::new(move || {
        process.collect();
        handle.render()
    }))
}

/// Sums up what has been recorded. Without it every sample is kept until somebody asks, and perhaps nobody ever does.
async fn drain(handle: PrometheusHandle) {
    let mut ticks = tokio::time::interval(Duration::from_secs(5));
    loop {
        ticks.tick().await;
        handle.run_upkeep();
    }
}

fn describe() {
    use metrics::{
        describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram,
    };
    histogram!(
        "http_server_request_duration_seconds",
        "How long requests took until their answer began."
    );
    histogram!(
        "db_client_operation_duration_seconds",
        "How long the database took, by operation and outcome."
    );
    counter!(
        "realm_requests_shed_total",
        "Requests told to come again because too many were at work."
    );
    counter!(
        "realm_collected_trees_total",
        "Trees taken away that no realm had any more."
    );
    counter!(
        "realm_collected_blobs_total",
        "Blobs taken away that nothing referred to any more."
    );
    counter!(
        "realm_collected_bytes_total",
        "Bytes of the blobs taken away."
    );
    counter!("realm_guest_calls_total", "Guest calls begun, by plugin.");
    counter!(
        "realm_guest_call_failures_total",
        "Guest calls that came to no outcome, by plugin and kind."
    );
    counter!(
        "realm_calls_cancelled_total",
        "Guest calls ended because something that they had read has changed."
    );
    counter!(
        "realm_guest_call_outcomes_total",
        "Guest calls that have ended, by plugin and by what they came to: a kind of outcome or of failure."
    );
    counter!(
        "realm_guest_calls_refused_total",
        "Guest calls that were not made because the plugin has failed again and again in the realm, by plugin."
    );
    histogram!(
        "realm_guest_call_seconds",
        "How long guest calls took, from their turn to their end."
    );
    histogram!(
        "realm_guest_run_seconds",
        "How long guests ran, waits left out."
    );
    histogram!(
        "realm_guest_queue_seconds",
        "How long guest calls waited, for their turn among the plugin's calls and for a slot among all."
    );
    counter!(
        "realm_guest_bytes_total",
        "Bytes that guests were handed (in) and gave back (out), by plugin."
    );
    histogram!(
        "realm_guest_memory_bytes",
        "The most linear memory that a guest call had."
    );
    counter!(
        "realm_answers_total",
        "Answers about content, by where they came from: hit, derivation, miss, or stale."
    );
    counter!(
        "realm_errors_total",
        "Answers of 500 and above, by the code of their error."
    );
    counter!(
        "realm_definitions_total",
        "Look-ups of what a module defines, by where the answer came from: stored, found (by an outcome of before), made (by a guest), or none; those that were not stored and began anew are overtaken, or discarded by a clear."
    );
    counter!(
        "realm_definitions_dropped_total",
        "Stored definitions taken away because something that they were made from has changed."
    );
    gauge!(
        "realm_definitions_in_flight",
        "Look-ups of what a module defines that are under way."
    );
    gauge!(
        "realm_derivations_waiting",
        "Outcomes of guest calls that are not in the database yet: nobody waits for that who asks for a module."
    );
    gauge!("realm_plugin_running", "Calls that run, by plugin.");
    gauge!(
        "realm_plugin_waiting",
        "Calls that wait for their turn, by plugin."
    );
    gauge!(
        "realm_plugin_breakers_open",
        "Realms in which a plugin is not called for a while, by plugin."
    );
    gauge!("realm_cache_bytes", "Bytes held, by cache.");
    gauge!("realm_cache_entries", "Entries held, by cache.");
    gauge!(
        "realm_check_good",
        "1 where a check of /_ready is good, else 0, by check."
    );
    gauge!(
        "realm_check_age_seconds",
        "For how long a check of /_ready has been as it is; of the lease: since it was last renewed."
    );
    gauge!(
        "realm_listener_state",
        "1 for the state that the listener is in: live, lost or resync."
    );
    gauge!(
        "realm_announcements_waiting",
        "Announcements that have not been sent yet."
    );
    gauge!(
        "realm_realms_mounted",
        "Realms that this replica has mounted."
    );
    gauge!("realm_event_streams", "Open streams of _events.");
    counter!(
        "realm_index_visits_total",
        "Files looked at for the index, by what that came to: rendered, found, unchanged, removed or failed."
    );
    histogram!(
        "realm_index_visit_seconds",
        "How long it took to render a document for the index and to store it."
    );
    gauge!(
        "realm_index_visits_waiting",
        "Files of all realms that wait to be looked at for the index, as a worker has last counted them."
    );
    gauge!(
        "realm_index_lag_seconds",
        "How long the oldest change has waited to be taken up by the index, as a worker has last looked; 0: none waits."
    );
    gauge!(
        "realm_jobs",
        "Jobs of all replicas, by lane and state: running, waiting or failed, as a worker has last counted them."
    );
}
