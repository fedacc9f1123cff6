use std::time::Duration;

use anyhow::Result;
use realm_tests::Postgres;

use crate::client::get;
use crate::files::{module, text, write};
use crate::hosts::{Bench, fetch, metric};
use crate::load::{Load, Work, run as load};
use crate::numbers::mib;
use crate::process::resident;
use crate::report::{Goal, Row};

/// Resident memory: idle, after the first call, and per cached byte.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let options = bench.options(&postgres).await.with("cache-bytes", "2GiB");
    let (host, _) = options.clone().with_realm().await;
    let process = host.process_id();
    fetch(&host.public, &get("/_health")).await?;
    let idle = resident(process);
    host.put("/r/m.ts", module(0, 8192)).await;
    fetch(&host.public, &get("/r/m.ts")).await?;
    let called = resident(process);
    let mut rows = vec![
        Row::new(
            "resident memory, idle, plugins compiled before",
            format!("{:.0} MiB", mib(idle)),
        ),
        Row::new("… after the first call", format!("{:.0} MiB", mib(called))),
    ];
    for size in [8192, 512] {
        let count = bench.pick(192 << 20, 8 << 20) / (size + 8192);
        let name = |number: usize| format!("s{size}-{number}.txt");
        let files = (0..count).map(|number| (name(number), text(number, size)));
        write(&host.public, "/r/", files).await?;
        // Read by a host that has written nothing: what a write leaves behind in the allocator is no cache.
        let reader = options.clone().start().await;
        let process = reader.process_id();
        let cached = async || {
            let mut all = 0.0;
            for cache in ["paths", "blobs", "settings", "derivations", "modules"] {
                all += metric(&reader, "realm_cache_bytes", &format!("\"{cache}\"")).await?;
            }
            anyhow::Ok(all)
        };
        fetch(&reader.public, &get("/r/m.ts")).await?;
        let (before, held) = (resident(process), cached().await?);
        let fill = Work::each((0..count).map(|number| get(&format!("/r/{}", name(number)))));
        let all = Load {
            connections: 8,
            length: Duration::from_secs(120),
            patience: Duration::ZERO,
        };
        let filled = load(&reader.public, all, fill).await;
        anyhow::ensure!(
            filled.latencies.len() == count,
            "filling: {}",
            filled.by_status()
        );
        let grown = resident(process).saturating_sub(before) as f64;
        let counted = cached().await? - held;
        rows.push(
            Row::new(
                format!("resident memory per cached byte, {count} files of {size} bytes"),
                format!("{:.0} MiB more", grown / f64::from(1 << 20)),
            )
            .peer(format!("{:.0} MiB counted", counted / f64::from(1 << 20)))
            .judged(grown / counted, Goal::Most(1.25)),
        );
    }
    Ok(rows)
}
