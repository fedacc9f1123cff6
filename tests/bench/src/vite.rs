use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use realm_tests::Postgres;

use crate::client::{Connection, get};
use crate::files::module;
use crate::hosts::{Bench, fetch};
use crate::node::install;
use crate::numbers::{at, median, millis, ratio};
use crate::process::{LOAD, Owned, SERVER, apart, on_core};
use crate::report::{Goal, Row};
use crate::wrk;

/// Modules of 31 KB as a dev server serves them: warm, not modified, and for the first time; one core each, in turns.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let host = bench.host(&postgres).await;
    let root = tempfile::tempdir()?;
    let count = bench.pick(41, 5);
    for number in 0..count {
        // Comments, types: about 31 KB are left of this.
        let source = module(number, 55_400);
        fs::write(root.path().join(format!("m{number}.ts")), &source)?;
        host.put(&format!("/r/m{number}.ts"), source).await;
    }
    let (vite, url) = start(root.path())?;
    let sides = [(host.public.clone(), "/r"), (url.clone(), "")];
    let cold = cold(sides.clone(), count).await?;
    let mut rows = Vec::new();
    for conditional in [false, true] {
        let (mut rates, mut sizes) = ([vec![], vec![]], [0, 0]);
        for _ in 0..bench.pick(5, 2) {
            for (side, (base, folder)) in sides.iter().enumerate() {
                let path = format!("{folder}/m0.ts");
                let reply = fetch(base, &get(&path)).await?;
                sizes[side] = reply.body.len();
                let header = format!(
                    "If-None-Match: {}",
                    reply.header("etag").context("no ETag")?
                );
                let header = conditional.then_some(header.as_str());
                let process = [host.process_id(), vite.0.id()][side];
                let length = Duration::from_secs(bench.pick(3, 1));
                let round = wrk::round(&format!("{base}{path}"), header, process, length)?;
                eprintln!("  {base}{path}: {:.0}/s, {:.1} µs", round.rate, round.cpu);
                rates[side].push(round.rate);
            }
        }
        let (name, goal) = if conditional {
            ("304 of a module, against Vite".to_owned(), 5.0)
        } else {
            (
                format!(
                    "warm module ({} bytes; Vite's has its map in it: {}), against Vite",
                    sizes[0], sizes[1]
                ),
                10.0,
            )
        };
        let rate = |side: usize| format!("{:.1} k/s", median(&rates[side]) / 1e3);
        rows.push(
            Row::new(name, rate(0))
                .peer(rate(1))
                .judged(ratio(&rates[0], &rates[1]), Goal::Least(goal)),
        );
    }
    let spread =
        |samples: &[f64]| format!("{:.2} ms (p90 {:.2})", median(samples), at(samples, 0.9));
    let [ours, theirs] = &cold;
    rows.push(
        Row::new("first GET of a module, p50, against Vite", spread(ours))
            .peer(spread(theirs))
            .judged(median(ours) / median(theirs), Goal::Most(0.25)),
    );
    Ok(rows)
}

/// Milliseconds of each module's first GET, of both sides in turns. The very first warms both up.
async fn cold(sides: [(String, &'static str); 2], count: usize) -> Result<[Vec<f64>; 2]> {
    apart(Some(LOAD), move || async move {
        let mut connections = Vec::new();
        for (base, _) in &sides {
            connections.push(Connection::open(base).await?);
        }
        let mut samples = [Vec::new(), Vec::new()];
        for number in 0..count {
            for (side, connection) in connections.iter_mut().enumerate() {
                let asked = Instant::now();
                let reply = connection
                    .send(&get(&format!("{}/m{number}.ts", sides[side].1)))
                    .await?
                    .good()?;
                if number > 0 {
                    samples[side].push(millis(asked.elapsed()));
                }
                ensure!(
                    !String::from_utf8_lossy(&reply.body).contains("interface"),
                    "nobody took the types out"
                );
            }
        }
        Ok(samples)
    })
    .await
}

/// Starts Vite on one core, with its modules below `root`.
pub(crate) fn start(root: &Path) -> Result<(Owned, String)> {
    let installed = install("vite", &["serve.mjs"])?;
    let mut node = on_core(SERVER, "node");
    node.arg(installed.join("serve.mjs"))
        .arg(root)
        .stdout(Stdio::piped());
    let mut process = Owned(node.spawn().context("node")?);
    let mut url = String::new();
    BufReader::new(process.0.stdout.take().context("piped")?).read_line(&mut url)?;
    ensure!(url.starts_with("http://"), "Vite did not start");
    Ok((process, url.trim().to_owned()))
}
