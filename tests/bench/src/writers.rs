use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use realm_tests::{Host, HostOptions, Postgres, Storage};
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::client::{Connection, request};
use crate::hosts::Bench;
use crate::numbers::{median, ratio};
use crate::process::apart;
use crate::report::{Goal, Row};

const WRITERS: usize = 16;

/// Small writes by 16 writers, each to a realm of its own: with announcements, and the same transactions without.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let postgres = Postgres::durable();
    // Both are the test build: only there can announcements be taken away.
    let build = std::env::current_exe()?.with_file_name("realm-under-test");
    let tested =
        || async { HostOptions::new(Storage::Postgres(postgres.database().await)).binary(&build) };
    let announcing = tested().await.start().await;
    let silent = tested().await.mutant("commit-not-announced").start().await;
    let released = bench.options(&postgres).await.start().await;
    for host in [&announcing, &silent, &released] {
        for number in 0..WRITERS {
            host.create(&format!("/w{number}/")).await;
        }
    }
    let bare = postgres.database().await;
    let mut setup = PgConnection::connect(&bare).await?;
    setup.execute("CREATE TABLE bench (id bigint PRIMARY KEY, n bigint NOT NULL); INSERT INTO bench SELECT i, 0 FROM generate_series(0, 15) AS i").await?;
    let length = Duration::from_secs(bench.pick(10, 2));
    let (mut with, mut without, mut release, mut updates) = (vec![], vec![], vec![], vec![]);
    for round in 0..bench.pick(3, 1) {
        with.push(http(&announcing, length).await?);
        without.push(http(&silent, length).await?);
        release.push(http(&released, length).await?);
        updates.push(rows(&bare, length).await?);
        eprintln!(
            "  round {round}: {:.0} with, {:.0} without, {:.0} release, {:.0} bare",
            with[round], without[round], release[round], updates[round]
        );
    }
    let rate = |samples: &[f64]| format!("{:.0}/s", median(samples));
    Ok(vec![
        Row::new(
            "PUTs by 16 writers on 16 realms (test build), against the same without announcements",
            rate(&with),
        )
        .peer(rate(&without))
        .judged(ratio(&with, &without), Goal::Least(0.8)),
        Row::new(
            "PUTs by 16 writers on 16 realms, against bare durable UPDATEs of a row each",
            rate(&release),
        )
        .peer(rate(&updates))
        .ratio(ratio(&release, &updates)),
    ])
}

async fn http(host: &Host, length: Duration) -> Result<f64> {
    static BODY: AtomicU64 = AtomicU64::new(0);
    let url = host.public.clone();
    race(length, move |number| {
        let url = url.clone();
        async move {
            let mut connection = Connection::open(&url).await?;
            Ok(async move || {
                let body = BODY.fetch_add(1, Ordering::Relaxed).to_string();
                let path = format!("/w{number}/file.txt");
                connection
                    .send(&request("PUT", &path, &[], body.as_bytes()))
                    .await?
                    .good()?;
                Ok(())
            })
        }
    })
    .await
}

async fn rows(url: &str, length: Duration) -> Result<f64> {
    let url = url.to_owned();
    race(length, move |number| {
        let url = url.clone();
        async move {
            let mut connection = PgConnection::connect(&url).await?;
            Ok(async move || {
                let update = sqlx::query("UPDATE bench SET n = n + 1 WHERE id = $1");
                update
                    .bind(i64::try_from(number)?)
                    .execute(&mut connection)
                    .await?;
                Ok(())
            })
        }
    })
    .await
}

/// How often per second all writers together do what each does again and again.
async fn race<W, F>(length: Duration, writer: impl Fn(usize) -> F + Send + 'static) -> Result<f64>
where
    F: Future<Output = Result<W>>,
    W: AsyncFnMut() -> Result<()> + 'static,
{
    apart(None, move || async move {
        let local = tokio::task::LocalSet::new();
        let done = Arc::new(AtomicU64::new(0));
        let mut writers = Vec::new();
        for number in 0..WRITERS {
            writers.push(writer(number).await?);
        }
        let begun = Instant::now();
        for mut write in writers {
            let done = Arc::clone(&done);
            local.spawn_local(async move {
                while begun.elapsed() < length {
                    if let Err(error) = write().await {
                        eprintln!("  a writer stopped: {error}");
                        return;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        local.await;
        Ok(done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
    })
    .await
}
