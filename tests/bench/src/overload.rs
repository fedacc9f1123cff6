use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use realm_tests::{Host, Postgres};

use crate::client::get;
use crate::files::{module, text, write};
use crate::hosts::Bench;
use crate::load::{Load, Outcome, Work, run as load};
use crate::numbers::mib;
use crate::process::resident;
use crate::report::{Goal, Row};

/// Ten times what a host can do: of modules that must be made, and of cached files.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let host = bench.host(&postgres).await;
    let length = Duration::from_secs(bench.pick(15, 4));
    let mut rows = Vec::new();

    let count = bench.pick(24_000, 4_000);
    let modules = (0..count).map(|number| (format!("m{number}.ts"), module(number, 4096)));
    write(&host.public, "/r/", modules).await?;
    let work = Work::each((0..count).map(|number| get(&format!("/r/m{number}.ts"))));
    // What one host can do is measured with as many callers as keep it busy, and is offered tenfold by as many as it
    // takes: those who are turned away come again after a while.
    let within = Load {
        connections: 16,
        length: length / 2,
        patience: Duration::from_millis(10),
    };
    load(
        &host.public,
        Load {
            length: Duration::from_secs(2),
            ..within.clone()
        },
        Arc::clone(&work),
    )
    .await;
    let capacity = load(&host.public, within, Arc::clone(&work)).await;
    let callers = 800;
    let pace = f64::from(callers) / (10.0 * capacity.goodput());
    let beyond = Load {
        connections: callers as usize,
        length,
        patience: Duration::from_secs_f64(pace),
    };
    rows.extend(press(&host, "modules to be made", capacity, beyond, work).await);

    host.put("/r/a.txt", text(1, 8192)).await;
    let work = Arc::new(Work::Same(get("/r/a.txt")));
    let within = Load {
        connections: 64,
        length: length / 2,
        patience: Duration::ZERO,
    };
    let capacity = load(&host.public, within, Arc::clone(&work)).await;
    let beyond = Load {
        connections: 640,
        length,
        patience: Duration::from_millis(10),
    };
    rows.extend(press(&host, "cached files of 8 KiB", capacity, beyond, work).await);
    Ok(rows)
}

async fn press(
    host: &Host,
    what: &str,
    capacity: Outcome,
    beyond: Load,
    work: Arc<Work>,
) -> Vec<Row> {
    let process = host.process_id();
    let before = resident(process);
    let (done, most) = tokio::join!(
        load(&host.public, beyond.clone(), work),
        peak(process, beyond.length)
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    let after = resident(process);
    let callers = beyond.connections;
    eprintln!(
        "  {what}: capacity {:.0}/s, offered {:.0}/s, good {:.0}/s, {}",
        capacity.goodput(),
        done.offered(),
        done.goodput(),
        done.by_status()
    );
    vec![
        Row::new(
            format!(
                "overload, {what}: good answers with {callers} callers, against within capacity"
            ),
            format!(
                "{:.0}/s of {:.0}/s offered, p99 {:.0} ms",
                done.goodput(),
                done.offered(),
                done.p99()
            ),
        )
        .peer(format!(
            "{:.0}/s, p99 {:.0} ms",
            capacity.goodput(),
            capacity.p99()
        ))
        .judged(done.goodput() / capacity.goodput(), Goal::Least(0.9)),
        Row::new(
            format!("… {what}: statuses (0: no answer)"),
            done.by_status(),
        )
        .goal("200, and 503 with Retry-After", done.is_orderly()),
        Row::new(
            format!("… {what}: resident memory, most during and after it, against before"),
            format!("{:.0}, {:.0} MiB", mib(most), mib(after)),
        )
        .peer(format!("{:.0} MiB", mib(before)))
        .ratio(after as f64 / before as f64),
    ]
}

/// The most memory that a process has within a time.
async fn peak(process: u32, length: Duration) -> u64 {
    let mut most = 0;
    let mut left = length;
    while !left.is_zero() {
        most = most.max(resident(process));
        let step = left.min(Duration::from_millis(200));
        tokio::time::sleep(step).await;
        left -= step;
    }
    most
}
