use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::client::{Connection, HOST, get, request};
use crate::files::{module, write};
use crate::hosts::Bench;
use crate::numbers::{at, median, millis};
use crate::process::Owned;
use crate::report::Row;

/// From the start of the process to the first answer that a plugin made: plugins compiled before, and not.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let (warm, cold) = bench.pick((20, 3), (3, 1));
    let (_, mut first) = start(&bench.realm, folder.path())?;
    let realm = format!("{{\"data\":{{\"attributes\":{{\"url\":\"http://{HOST}/r/\"}}}}}}");
    let mut connection = Connection::open(&first.1).await?;
    connection
        .send(&request("POST", "/_create-realm", &[], realm.as_bytes()))
        .await?
        .good()?;
    let files = (0..warm + cold).map(|number| (format!("m{number}.ts"), module(number, 8192)));
    write(&first.1, "/r/", files).await?;
    end(&mut first.0)?;
    let (mut ready, mut answered, mut anew) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..warm + cold {
        let is_warm = number < warm;
        if !is_warm {
            std::fs::remove_dir_all(folder.path().join("compiled"))?;
        }
        let begun = Instant::now();
        let (up, (mut process, url)) = start(&bench.realm, folder.path())?;
        let reply = Connection::open(&url)
            .await?
            .send(&get(&format!("/r/m{number}.ts")))
            .await?
            .good()?;
        let took = millis(begun.elapsed());
        anyhow::ensure!(
            reply
                .header("cache-status")
                .is_some_and(|status| status.contains("fwd=miss"))
        );
        if is_warm {
            ready.push(up);
            answered.push(took);
        } else {
            anew.push(took);
        }
        end(&mut process)?;
    }
    let spread = |samples: &[f64]| {
        format!(
            "{:.0} ms (at most {:.0} ms)",
            median(samples),
            at(samples, 1.0)
        )
    };
    Ok(vec![
        Row::new(
            "start → listening, plugins compiled before (SQLite)",
            spread(&ready),
        ),
        Row::new(
            "start → first transpiled answer, plugins compiled before, against compiling them",
            spread(&answered),
        )
        .peer(spread(&anew))
        .ratio(median(&answered) / median(&anew))
        .goal("≤ 25 ms", median(&answered) <= 25.0),
    ])
}

/// Starts a host: how many milliseconds until it listened, the process, and its URL.
fn start(realm: &Path, data: &Path) -> Result<(f64, (Owned, String))> {
    let begun = Instant::now();
    let mut command = Command::new(realm);
    command.arg("--data-dir").arg(data).current_dir(data);
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"]);
    command
        .args(["--origin", &format!("http://{HOST}")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut process = Owned(command.spawn().context("the host")?);
    let stdout = process.0.stdout.take().context("piped")?;
    for line in BufReader::new(stdout).lines() {
        if let Some(url) = line?.strip_prefix("listening on ") {
            return Ok((millis(begun.elapsed()), (process, url.to_owned())));
        }
    }
    anyhow::bail!("the host did not start")
}

fn end(process: &mut Owned) -> Result<()> {
    Command::new("kill")
        .arg(process.0.id().to_string())
        .status()?;
    process.0.wait()?;
    Ok(())
}
