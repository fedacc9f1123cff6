use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use super::{TRACE, traces};

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object, for machines.
    Json,
}

/// What is said, and to whom.
#[derive(Clone, Debug, Default)]
pub struct Logging {
    /// Directives, as in `debug` or `warn,realm_host::changes=trace`.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Where traces go; none: nowhere.
    pub collector: Option<String>,
    /// The part of the requests that are traced.
    pub ratio: f64,
}

/// Ends tracing: what is still to be sent is sent when this goes.
#[derive(Debug)]
pub struct Running(Option<traces::Provider>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(provider) = &self.0
            && let Err(error) = provider.shutdown()
        {
            eprintln!("the last traces could not be sent: {error}");
        }
    }
}

/// Sends logs to standard error, and traces to the collector, from here on.
///
/// # Errors
/// When the filter is none, or the collector's address is none.
pub fn start(logging: &Logging) -> anyhow::Result<Running> {
    let filter = EnvFilter::try_new(&logging.filter)?;
    let quiet = format!("{TRACE}=off").parse()?;
    let filter = filter.add_directive(quiet);
    let ansi = std::env::var_os("NO_COLOR").is_none()
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match logging.format {
        LogFormat::Text => lines.with_ansi(ansi).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    let provider = logging
        .collector
        .as_deref()
        .map(|collector| traces::provider(collector, logging.ratio))
        .transpose()?;
    // Each layer has a filter, so that spans which nobody wants cost nothing: one without would want them all.
    let mut layers = vec![lines.with_filter(filter).boxed()];
    layers.extend(provider.as_ref().map(|provider| {
        let only = Targets::new().with_target(TRACE, LevelFilter::INFO);
        traces::layer(provider).with_filter(only).boxed()
    }));
    // A second host in one process (a test) keeps the first one's.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    Ok(Running(provider))
}
