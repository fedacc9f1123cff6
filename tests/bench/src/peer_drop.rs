use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use realm_tests::{Host, Postgres};
use sqlx::postgres::PgListener;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::client::{Connection, get, request};
use crate::hosts::Bench;
use crate::numbers::{at, median, micros};
use crate::process::{alone, apart};
use crate::report::{Goal, Row};

/// From a write on one host until another has dropped the old bytes; against a bare program that makes a row durable,
/// notifies and listens, on the same server, in turns.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::durable();
    let options = bench.options(&postgres).await;
    let (writer, _) = options.clone().with_realm().await;
    let reader = options.start().await;
    let bare = postgres.database().await;
    writer.put("/r/n.txt", "0").await;
    let rounds = bench.pick(500, 50);
    let samples = measure(&writer, &reader, bare, rounds).await?;
    let part = |part: fn(&Sample) -> f64| samples.iter().map(part).collect::<Vec<_>>();
    let received = part(|sample| sample.received);
    let mut rows = Vec::new();
    let mut compare = |name: &str, ours: &[f64], peer: &[f64], goals: Option<(f64, f64)>| {
        for (label, place) in [("p50", 0.5), ("p99", 0.99)] {
            let (a, b) = (at(ours, place), at(peer, place));
            let row = Row::new(format!("{name}, {label}"), format!("{a:.0} µs"))
                .peer(format!("{b:.0} µs"));
            let goal = goals.map(|(median, tail)| if place < 0.6 { median } else { tail });
            rows.push(match goal {
                Some(goal) => row.judged(a / b, Goal::Most(goal)),
                None => row.ratio(a / b),
            });
        }
    };
    compare(
        "PUT sent → the peer has dropped the old bytes, against durable UPDATE + NOTIFY sent → received",
        &part(|sample| sample.dropped),
        &received,
        Some((1.5, 2.0)),
    );
    compare(
        "PUT sent → the peer has answered with the new bytes, against the same",
        &part(|sample| sample.served),
        &received,
        None,
    );
    compare(
        "PUT sent → acknowledged, against durable UPDATE + NOTIFY sent → acknowledged",
        &part(|sample| sample.acknowledged),
        &part(|sample| sample.bare_acknowledged),
        None,
    );
    let late = part(|sample| sample.dropped - sample.acknowledged);
    let bare_late = part(|sample| sample.received - sample.bare_acknowledged);
    rows.push(
        Row::new(
            "acknowledged → the peer has dropped the old bytes, p50 (p99)",
            format!("{:.0} ({:.0}) µs", median(&late), at(&late, 0.99)),
        )
        .peer(format!(
            "{:.0} ({:.0}) µs",
            median(&bare_late),
            at(&bare_late, 0.99)
        )),
    );
    Ok(rows)
}

/// One round, in microseconds after its request was sent.
struct Sample {
    /// The other host was asked for the last time that … the first that was answered with the new bytes.
    dropped: f64,
    served: f64,
    acknowledged: f64,
    received: f64,
    bare_acknowledged: f64,
}

async fn measure(writer: &Host, reader: &Host, bare: String, rounds: usize) -> Result<Vec<Sample>> {
    let (writer, reader) = (writer.public.clone(), reader.public.clone());
    apart(None, move || async move {
        let (wanted, seen) = poller(reader);
        let mut ours = Connection::open(&writer).await?;
        let mut peer = PgConnection::connect(&bare).await?;
        peer.execute("CREATE TABLE bench (id int PRIMARY KEY, n bigint NOT NULL); INSERT INTO bench VALUES (1, 0)").await?;
        let notified = listeners(&bare, 2)?;
        let mut samples = Vec::new();
        for round in 1..=rounds {
            let body = round.to_string();
            wanted.send(body.clone())?;
            // It polls, and still gets the old bytes. The bare program has the same beside it.
            next(&seen)?;
            let sent = Instant::now();
            let sql = "BEGIN; UPDATE bench SET n = n + 1 WHERE id = 1; SELECT pg_notify('bench', 'x'); COMMIT";
            sqlx::raw_sql(sql).execute(&mut peer).await?;
            let bare_acknowledged = micros(sent.elapsed());
            let received = micros(next(&notified)?.saturating_duration_since(sent));

            let request = request("PUT", "/r/n.txt", &[], body.as_bytes());
            let sent = Instant::now();
            ours.send(&request).await?.good()?;
            let acknowledged = micros(sent.elapsed());
            let (asked, answered) = next(&seen)?;
            let after = |moment: Instant| micros(moment.saturating_duration_since(sent));
            let (dropped, served) = (after(asked), after(answered));
            samples.push(Sample { dropped, served, acknowledged, received, bare_acknowledged });
        }
        Ok(samples)
    })
    .await
}

fn next<T>(receiver: &Receiver<T>) -> Result<T> {
    let got = receiver.recv_timeout(Duration::from_secs(10));
    got.map_err(|error: RecvTimeoutError| anyhow::anyhow!("nothing came: {error}"))
}

/// Asks for the file without a pause, from when it is told what to wait for until it has it: first says that it has
/// begun, then when the request that gave it was sent and answered.
fn poller(url: String) -> (Sender<String>, Receiver<(Instant, Instant)>) {
    let (wanted, orders) = channel::<String>();
    let (seen, moments) = channel();
    std::thread::spawn(move || {
        alone(None, || async move {
            let mut connection = Connection::open(&url).await?;
            let request = get("/r/n.txt");
            while let Ok(body) = orders.recv() {
                let mut begun = false;
                loop {
                    let asked = Instant::now();
                    let reply = connection.send(&request).await?.good()?;
                    let moment = (asked, Instant::now());
                    let is_new = reply.body == body.as_bytes();
                    if is_new || !begun {
                        seen.send(moment)?;
                    }
                    begun = true;
                    if is_new {
                        break;
                    }
                }
            }
            Result::<()>::Ok(())
        })
    });
    (wanted, moments)
}

/// So many connections that listen, as many as there are hosts; the first says when it was notified.
fn listeners(url: &str, count: usize) -> Result<Receiver<Instant>> {
    let (notified, moments) = channel();
    let (ready, listening) = channel();
    for number in 0..count {
        let (url, notified, ready) = (url.to_owned(), notified.clone(), ready.clone());
        std::thread::spawn(move || {
            alone(None, || async move {
                let mut listener = PgListener::connect(&url).await?;
                listener.listen("bench").await?;
                ready.send(())?;
                loop {
                    listener.recv().await?;
                    if number == 0 {
                        notified.send(Instant::now())?;
                    }
                }
                #[allow(unreachable_code, reason = "names the block's type")]
                Result::<()>::Ok(())
            })
        });
    }
    for _ in 0..count {
        listening
            .recv_timeout(Duration::from_secs(10))
            .context("no listener")?;
    }
    Ok(moments)
}
