use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use realm_tests::{Host, HostOptions, Postgres};

use crate::client::{Connection, get, request};
use crate::files::{module, text, write};
use crate::hosts::{Bench, fetch, metric};
use crate::load::{Load, Work, run as load};
use crate::numbers::mib;
use crate::process::{LOAD, apart, resident};
use crate::report::{Goal, Row};

/// Modules of the mixed load.
const MODULES: usize = 200;
/// What the caches of these hosts may hold.
const BOUND: &str = "32MiB";

/// Two minutes of everything at once, and ten times as many distinct bytes as the caches may hold.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let options = bench.options(&postgres).await.with("cache-bytes", BOUND);
    let (host, _) = options.clone().with_realm().await;
    let mut rows = mixed(&bench, &host).await?;
    rows.extend(distinct(&bench, &host, options).await?);
    Ok(rows)
}

async fn mixed(bench: &Bench, host: &Host) -> Result<Vec<Row>> {
    write(
        &host.public,
        "/r/",
        (0..MODULES).map(|number| (format!("m{number}.ts"), module(number, 8192))),
    )
    .await?;
    let length = Duration::from_secs(bench.pick(120, 20));
    let (url, process) = (host.public.clone(), host.process_id());
    let asked = apart(Some(LOAD), move || async move {
        let (begun, asked) = (Instant::now(), Arc::new(AtomicUsize::new(0)));
        let mut clients = Vec::new();
        for number in 0..8 {
            clients.push(tokio::spawn(client(
                url.clone(),
                number,
                begun,
                length,
                Arc::clone(&asked),
            )));
        }
        let mut sizes = Vec::new();
        while begun.elapsed() < length {
            tokio::time::sleep(Duration::from_secs(bench_step(length))).await;
            sizes.push(resident(process));
            eprintln!(
                "  after {:.0} s: {:.1} MiB",
                begun.elapsed().as_secs_f64(),
                mib(resident(process))
            );
        }
        for client in clients {
            client.await??;
        }
        anyhow::Ok((asked.load(Ordering::Relaxed), sizes))
    });
    let (asked, sizes) = asked.await?;
    // The first quarter fills the caches and the allocator's free lists.
    let settled = sizes[sizes.len() / 4];
    let last = *sizes.last().unwrap_or(&settled);
    let listed: Vec<_> = sizes
        .iter()
        .map(|bytes| format!("{:.0}", mib(*bytes)))
        .collect();
    Ok(vec![
        Row::new(format!("{} s of mixed load, {asked} requests: resident memory at its end, against after a quarter", length.as_secs()), format!("{:.0} MiB", mib(last)))
            .peer(format!("{:.0} MiB", mib(settled)))
            .judged(last as f64 / settled as f64, Goal::Most(1.05)),
        Row::new("… every twelfth of it", format!("{} MiB", listed.join(", "))),
    ])
}

fn bench_step(length: Duration) -> u64 {
    (length.as_secs() / 12).max(1)
}

/// Reads files and modules, misses, sends new bytes, deletes, invalidates: the same mix from each client.
async fn client(
    url: String,
    own: usize,
    begun: Instant,
    length: Duration,
    asked: Arc<AtomicUsize>,
) -> Result<()> {
    let mut connection = Connection::open(&url).await?;
    let mut turn = own * 1000;
    while begun.elapsed() < length {
        turn += 1;
        let some = turn * 7919 % MODULES;
        let request = match turn % 50 {
            0 => request(
                "PUT",
                &format!("/r/m{some}.ts"),
                &[],
                module(turn, 8192).as_bytes(),
            ),
            1 | 2 => request(
                "PUT",
                &format!("/r/own{own}.txt"),
                &[],
                text(turn, 2048).as_bytes(),
            ),
            3 => request("DELETE", &format!("/r/own{own}.txt"), &[], b""),
            4 if turn.is_multiple_of(500) => request("POST", "/r/_invalidate", &[], b""),
            5 => get(&format!("/r/none{turn}.txt")),
            6 => request("GET", "/r/", &[("accept", "application/vnd.api+json")], b""),
            7 => request(
                "GET",
                &format!("/r/m{some}.ts"),
                &[("accept", "application/vnd.card+source")],
                b"",
            ),
            _ => get(&format!("/r/m{some}.ts")),
        };
        let reply = connection.send(&request).await?;
        anyhow::ensure!(
            matches!(reply.status, 200 | 201 | 204 | 404 | 503),
            "{} {}",
            reply.status,
            String::from_utf8_lossy(&reply.body)
        );
        asked.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn distinct(bench: &Bench, writer: &Host, options: HostOptions) -> Result<Vec<Row>> {
    let size = 16 << 10;
    let count = bench.pick(10, 2) * (32 << 20) / size;
    let name = |number: usize| format!("d{number}.txt");
    write(
        &writer.public,
        "/r/",
        (0..count).map(|number| (name(number), text(number, size))),
    )
    .await?;
    // Read by a host that has written nothing: what large writes leave behind in the allocator is no cache.
    let host = options.start().await;
    fetch(&host.public, &get("/r/m0.ts")).await?;
    let before = resident(host.process_id());
    let reads = Work::each((0..count).map(|number| get(&format!("/r/{}", name(number)))));
    let all = Load {
        connections: 8,
        length: Duration::from_secs(120),
        patience: Duration::ZERO,
    };
    let read = load(&host.public, all, reads).await;
    anyhow::ensure!(
        read.latencies.len() == count,
        "reading: {}",
        read.by_status()
    );
    let held = metric(&host, "realm_cache_bytes", "").await? as u64;
    let after = resident(host.process_id());
    let megabytes = (count * size) >> 20;
    Ok(vec![
        Row::new(
            format!("{megabytes} MiB of distinct files read through caches of {BOUND}: bytes held"),
            format!("{:.1} MiB", mib(held)),
        )
        .goal("≤ 32 MiB", held <= 32 << 20),
        Row::new(
            "… resident memory after it, against before it",
            format!("{:.0} MiB", mib(after)),
        )
        .peer(format!("{:.0} MiB", mib(before)))
        .goal("≤ 40 MiB more", after <= before + (40 << 20)),
    ])
}
