use std::time::{Duration, Instant};

use anyhow::Result;
use realm_tests::Postgres;

use crate::client::{Connection, get, request};
use crate::files::{text, write};
use crate::hosts::{Bench, metric};
use crate::load::{Load, Work, run as load};
use crate::numbers::{at, median, micros};
use crate::process::{LOAD, apart};
use crate::report::{Goal, Row};

/// `*` on a realm with 100,000 cached entries, against `*` on a realm with one; and hits before and after.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let options = bench.options(&postgres).await.with("cache-bytes", "8GiB");
    let (host, _) = options.on_core(crate::process::SERVER).with_realm().await;
    for realm in ["/small/", "/other/"] {
        host.create(realm).await;
        host.put(&format!("{realm}a.txt"), text(1, 8192)).await;
    }
    let count = bench.pick(100_000, 5_000);
    let name = |number: usize| format!("f{number}.txt");
    write(
        &host.public,
        "/r/",
        (0..count).map(|number| (name(number), text(0, 64))),
    )
    .await?;
    let fill = Work::each((0..count).map(|number| get(&format!("/r/{}", name(number)))));
    let all = Load {
        connections: 16,
        length: Duration::from_secs(600),
        patience: Duration::ZERO,
    };
    let filled = load(&host.public, all, fill).await;
    anyhow::ensure!(
        filled.latencies.len() == count,
        "filling: {}",
        filled.by_status()
    );
    let entries = metric(&host, "realm_cache_entries", "paths").await?;
    anyhow::ensure!(entries >= count as f64, "only {entries} entries are cached");

    let url = host.public.clone();
    let (rounds, hits) = bench.pick((200, 20_000), (20, 1_000));
    let measured = apart(Some(LOAD), move || async move {
        let mut connection = Connection::open(&url).await?;
        let first = time(
            &mut connection,
            &request("POST", "/r/_invalidate", &[], b""),
            1,
        )
        .await?[0];
        // The realm's entries are there still, and dead; from here on both sides are asked in turns.
        let (mut large, mut small) = (vec![first], Vec::new());
        for _ in 0..rounds {
            small.extend(
                time(
                    &mut connection,
                    &request("POST", "/small/_invalidate", &[], b""),
                    1,
                )
                .await?,
            );
            large.extend(
                time(
                    &mut connection,
                    &request("POST", "/r/_invalidate", &[], b""),
                    1,
                )
                .await?,
            );
        }
        // A hit before and after `*`, in turns: in another realm, and in the realm itself once the path is loaded again.
        let (mut before, mut after, mut own) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..10 {
            time(&mut connection, &get("/other/a.txt"), 100).await?;
            before.push(median(
                &time(&mut connection, &get("/other/a.txt"), hits / 10).await?,
            ));
            connection
                .send(&request("POST", "/r/_invalidate", &[], b""))
                .await?
                .good()?;
            after.push(median(
                &time(&mut connection, &get("/other/a.txt"), hits / 10).await?,
            ));
            time(&mut connection, &get("/r/f0.txt"), 100).await?;
            own.push(median(
                &time(&mut connection, &get("/r/f0.txt"), hits / 10).await?,
            ));
        }
        anyhow::Ok((first, large, small, before, after, own))
    })
    .await?;
    let (first, large, small, before, after, own) = measured;
    let (a, b) = (median(&large), median(&small));
    let slower = crate::numbers::ratio(&after, &before);
    Ok(vec![
        Row::new(format!("`*` on a realm with {count} cached files, request to answer, p50 (p99), against one with one file"), format!("{a:.0} ({:.0}) µs", at(&large, 0.99)))
            .peer(format!("{b:.0} ({:.0}) µs", at(&small, 0.99)))
            .ratio(a / b),
        Row::new("… what it takes beyond the request itself", format!("{:.0} µs (the first time: {:.0} µs)", a - b, first - b)).goal("≤ 10 µs", a - b <= 10.0),
        Row::new("… a hit in another realm after it, against before it, p50", format!("{:.1} µs", median(&after)))
            .peer(format!("{:.1} µs", median(&before)))
            .judged(slower, Goal::Most(1.01)),
        Row::new("… a hit in the realm itself, loaded again, p50 (64 bytes)", format!("{:.1} µs", median(&own))),
    ])
}

/// Sends a request so many times; microseconds of each.
async fn time(connection: &mut Connection, request: &[u8], count: usize) -> Result<Vec<f64>> {
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let sent = Instant::now();
        connection.send(request).await?.good()?;
        samples.push(micros(sent.elapsed()));
    }
    Ok(samples)
}
