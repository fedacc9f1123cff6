use std::time::Duration;

/// The value at a part of the sorted samples: 0.5 is the median.
pub(crate) fn at(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length => sorted[((length - 1) as f64 * part).round() as usize],
    }
}

/// The median.
pub(crate) fn median(samples: &[f64]) -> f64 {
    at(samples, 0.5)
}

/// The median of the ratios of what was measured in the same round: what slowed the machine slowed both sides.
pub(crate) fn ratio(ours: &[f64], peer: &[f64]) -> f64 {
    let ratios: Vec<_> = ours.iter().zip(peer).map(|(a, b)| a / b).collect();
    median(&ratios)
}

/// Microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Mebibytes.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / (1 << 20) as f64
}

#[cfg(test)]
mod tests {
    use super::{at, median, ratio};

    #[test]
    fn a_ratio_is_of_the_same_round() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(at(&[3.0, 1.0, 2.0], 1.0), 3.0);
        // The second round was slow for both.
        assert_eq!(ratio(&[2.0, 20.0, 2.0], &[1.0, 10.0, 1.0]), 2.0);
    }
}
