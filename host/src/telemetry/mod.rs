//! What the host says of itself: logs on standard error, traces to a collector, metrics as Prometheus text. Knows nothing of
//! realms; whoever has something to say says it through `tracing` and `metrics`.

mod logs;
mod metrics;
mod traces;

pub use self::logs::{LogFormat, Logging, Running, start};
pub use self::metrics::{Metrics, collect_metrics};
pub(crate) use self::traces::{answered, hex, request_span};

/// The target of the access log's lines.
pub const ACCESS: &str = "realm_access";
/// The target of the spans that are traced, and that no log shows.
pub const TRACE: &str = "realm_trace";
