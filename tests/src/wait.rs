use std::future::Future;
use std::time::{Duration, Instant};

/// How long a condition may take to come about: generous, since it bounds only a failure. `REALM_TEST_PATIENCE` (seconds)
/// is for whoever expects failures.
fn patience() -> Duration {
    let seconds = std::env::var("REALM_TEST_PATIENCE").ok();
    Duration::from_secs(seconds.and_then(|text| text.parse().ok()).unwrap_or(30))
}

/// Polls until `check` gives something.
///
/// # Panics
/// When it does not within half a minute; `what` says what was waited for.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut check: impl FnMut() -> F,
) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = check().await {
            return value;
        }
        assert!(begun.elapsed() < patience(), "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Minimum, median, 99th percentile and maximum, as a line for people.
#[must_use]
pub fn distribution(name: &str, samples: &mut [Duration]) -> String {
    samples.sort_unstable();
    let at = |part: f64| samples[((samples.len() - 1) as f64 * part) as usize];
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    format!(
        "{name}: n={} min={:.2} ms p50={:.2} ms p99={:.2} ms max={:.2} ms",
        samples.len(),
        ms(at(0.0)),
        ms(at(0.5)),
        ms(at(0.99)),
        ms(at(1.0))
    )
}
