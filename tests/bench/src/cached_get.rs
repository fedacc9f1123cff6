use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};
use realm_tests::Postgres;

use crate::client::get;
use crate::files::{module, text};
use crate::hosts::{Bench, fetch};
use crate::nginx::Nginx;
use crate::numbers::{median, ratio};
use crate::raw_tcp::RawTcp;
use crate::report::{Goal, Row};
use crate::wrk::{self, Round};

/// A cached answer, one core each: against nginx that serves a file of the same bytes, and against canned bytes over TCP.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let host = bench.host(&postgres).await;
    let root = tempfile::Builder::new()
        .prefix("realm-bench-")
        .tempdir_in("/dev/shm")?;
    host.put("/r/eight.txt", text(8, 8192)).await;
    host.put("/r/module.ts", module(31, 55_400)).await;
    let made = fetch(&host.public, &get("/r/module.ts")).await?;
    fs::write(root.path().join("eight.txt"), text(8, 8192))?;
    fs::write(root.path().join("module.js"), &made.body)?;
    let nginx = [
        Nginx::start(root.path(), false)?,
        Nginx::start(root.path(), true)?,
    ];
    let size = made.body.len();
    let cases = [
        (
            "cached GET, 8 KiB as stored".to_owned(),
            "/r/eight.txt",
            "/eight.txt",
            false,
        ),
        (
            format!("cached GET, {size} bytes transpiled"),
            "/r/module.ts",
            "/module.js",
            false,
        ),
        ("304".to_owned(), "/r/eight.txt", "/eight.txt", true),
    ];
    let mut rows = Vec::new();
    for (name, ours, theirs, conditional) in cases {
        let mut sides = vec![Side::new(&host.public, ours, host.process_id(), conditional).await?];
        for nginx in &nginx {
            sides.push(Side::new(&nginx.url, theirs, nginx.worker, conditional).await?);
        }
        // Byte for byte what the host answers, headers included.
        let answer = root.path().join("answer");
        let reply = sides[0].reply(conditional).await?;
        fs::write(&answer, [reply.head.as_bytes(), &reply.body].concat())?;
        let raw = [
            RawTcp::start(&answer, false)?,
            RawTcp::start(&answer, true)?,
        ];
        sides.extend(raw.iter().map(|raw| Side {
            url: format!("{}/", raw.url),
            header: None,
            process: raw.process.0.id(),
            rounds: Vec::new(),
        }));
        measure(&bench, &name, &mut sides)?;
        judge(&name, &sides, &mut rows);
    }
    Ok(rows)
}

struct Side {
    url: String,
    header: Option<String>,
    process: u32,
    rounds: Vec<Round>,
}

impl Side {
    async fn new(url: &str, path: &str, process: u32, conditional: bool) -> Result<Self> {
        let reply = fetch(url, &get(path)).await?;
        let tag = reply.header("etag").context("no ETag")?;
        let header = conditional.then(|| format!("If-None-Match: {tag}"));
        Ok(Self {
            url: format!("{url}{path}"),
            header,
            process,
            rounds: Vec::new(),
        })
    }

    async fn reply(&self, conditional: bool) -> Result<crate::client::Reply> {
        let at = self.url.match_indices('/').nth(2).context("a URL")?.0;
        let (base, path) = self.url.split_at(at);
        let header = self
            .header
            .as_deref()
            .and_then(|header| header.split_once(": "));
        let headers: Vec<_> = header.into_iter().filter(|_| conditional).collect();
        fetch(base, &crate::client::request("GET", path, &headers, b"")).await
    }

    fn of(&self, what: impl Fn(&Round) -> f64) -> Vec<f64> {
        self.rounds.iter().map(what).collect()
    }
}

fn measure(bench: &Bench, name: &str, sides: &mut [Side]) -> Result<()> {
    let length = Duration::from_secs(bench.pick(3, 1));
    for number in 0..bench.pick(5, 2) {
        for side in &mut *sides {
            let round = wrk::round(&side.url, side.header.as_deref(), side.process, length)?;
            eprintln!(
                "  {name}, round {number}, {}: {:.0}/s, p99 {:.2} ms, {:.1} µs",
                side.url, round.rate, round.p99, round.cpu
            );
            side.rounds.push(round);
        }
    }
    Ok(())
}

fn judge(name: &str, sides: &[Side], rows: &mut Vec<Row>) {
    let (rate, p99, cpu) = (
        |round: &Round| round.rate,
        |round: &Round| round.p99,
        |round: &Round| round.cpu,
    );
    let thousand = |side: &Side| format!("{:.1} k/s", median(&side.of(rate)) / 1e3);
    let micros = |side: &Side| format!("{:.1} µs", median(&side.of(cpu)));
    let ours = &sides[0];
    let peers = [
        "nginx, sendfile off",
        "nginx, sendfile on",
        "raw TCP on epoll",
        "raw TCP on tokio",
    ];
    for (peer, side) in peers.iter().zip(&sides[1..]) {
        let (rates, cpus) = (
            ratio(&ours.of(rate), &side.of(rate)),
            ratio(&ours.of(cpu), &side.of(cpu)),
        );
        let row =
            Row::new(format!("{name}: rate, against {peer}"), thousand(ours)).peer(thousand(side));
        rows.push(if peer.starts_with("raw") {
            row.ratio(rates)
        } else {
            row.judged(rates, Goal::Least(goal(name)))
        });
        let row = Row::new(
            format!("{name}: CPU per request, against {peer}"),
            micros(ours),
        )
        .peer(micros(side));
        rows.push(if peer.starts_with("raw") {
            row.judged(cpus, Goal::Most(1.2))
        } else {
            row.ratio(cpus)
        });
    }
    let nginx = &sides[1];
    let text = |side: &Side| format!("{:.2} ms", median(&side.of(p99)));
    let tails = ratio(&ours.of(p99), &nginx.of(p99));
    rows.push(
        Row::new(
            format!("{name}: p99, against nginx, sendfile off"),
            text(ours),
        )
        .peer(text(nginx))
        .judged(tails, Goal::Most(0.8)),
    );
}

/// What is asked of the rate against nginx.
fn goal(name: &str) -> f64 {
    if name == "304" {
        1.2
    } else if name.contains("transpiled") {
        0.98
    } else {
        1.1
    }
}
