//! Clients on three hosts under faults, every read checked (`realm_tests::chaos`), and the proof that the checker would
//! notice.

use std::time::Duration;

use realm_tests::chaos::{Chaos, LEASE};

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a whole number, not `{text}`")),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_read_under_faults_is_what_was_promised() {
    let chaos = Chaos {
        seed: number("REALM_CHAOS_SEED").unwrap_or_else(|| rand::random_range(0..1_000_000)),
        duration: Duration::from_secs(number("REALM_CHAOS_SECONDS").unwrap_or(40)),
        mutant: None,
    };
    println!("REALM_CHAOS_SEED={}", chaos.seed);
    let report = chaos.run().await;
    println!("{report}");
    assert!(report.violations.is_empty(), "{report}");
    assert!(report.odd.is_empty(), "{report}");
    // Every host serves what was written last within the lease; the rest is for a busy machine.
    assert!(report.rest < LEASE + Duration::from_secs(5), "{report}");
    assert!(
        report.checked > 1000,
        "hosts that refuse everything keep every promise: {report}"
    );
}

/// Faults of the hosts that only show when something goes wrong around them.
const PLANTED: [&str; 3] = [
    "lease-never-runs-out",
    "realm-floor-not-raised",
    "alias-not-raised",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_planted_bug_is_found_within_a_minute() {
    // A comma between several; for whoever wants to know what else is found.
    let named = std::env::var("REALM_CHAOS_PLANT").ok();
    let planted: Vec<&'static str> = match &named {
        Some(names) => names.clone().leak().split(',').collect(),
        None => PLANTED.to_vec(),
    };
    for mutant in planted {
        let chaos = Chaos {
            // A plan in which a host is stopped and the log is pruned first of all, so that this takes seconds.
            seed: number("REALM_CHAOS_SEED").unwrap_or(3),
            duration: Duration::from_secs(60),
            mutant: Some(mutant),
        };
        let report = chaos.run().await;
        let found = report.violations.first();
        let (promise, text) = found.unwrap_or_else(|| panic!("{mutant} was not found: {report}"));
        println!(
            "{mutant}: {promise:?} was found broken after {:.1} s and {} reads\n{text}",
            report.took.as_secs_f64(),
            report.checked
        );
    }
}
