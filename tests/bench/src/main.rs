//! Measures the host beside its peers: both sides in turns in one run, ratios first. Needs the programs that
//! `scripts/install-bench-tools` and `scripts/install-test-tools` install, and at least two cores: one for whoever serves,
//! one for whoever asks.

mod cached_get;
mod client;
mod files;
mod hosts;
mod load;
mod machine;
mod memory;
mod nginx;
mod node;
mod numbers;
mod overhead;
mod overload;
mod peer_drop;
mod process;
mod raw_tcp;
mod report;
mod start;
mod steady;
mod vite;
mod whole_realm;
mod writers;
mod wrk;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};

use crate::hosts::Bench;
use crate::report::{Row, table};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Inner>,
    /// The release build of the host
    #[arg(long)]
    realm_binary: Option<PathBuf>,
    /// Only this benchmark (may be given more than once); the table is printed, and no file written
    #[arg(long)]
    only: Vec<String>,
    /// Short rounds, to see that everything runs; the table is printed, and no file written
    #[arg(long)]
    quick: bool,
    /// Prints the benchmarks' names
    #[arg(long)]
    list: bool,
}

#[derive(Debug, Subcommand)]
enum Inner {
    /// Answers every request with the bytes of a file
    #[command(hide = true)]
    RawTcp {
        answer: PathBuf,
        /// On the runtime that the host has
        #[arg(long)]
        tokio: bool,
    },
}

type Rows = Pin<Box<dyn Future<Output = Result<Vec<Row>>> + Send>>;
type Run = fn(Bench) -> Rows;

/// All benchmarks, in the order in which they run.
const ALL: &[(&str, Run)] = &[
    ("cached-get", |bench| Box::pin(cached_get::run(bench))),
    ("vite", |bench| Box::pin(vite::run(bench))),
    ("overhead", |bench| Box::pin(overhead::run(bench))),
    ("peer-drop", |bench| Box::pin(peer_drop::run(bench))),
    ("writers", |bench| Box::pin(writers::run(bench))),
    ("whole-realm", |bench| Box::pin(whole_realm::run(bench))),
    ("start", |bench| Box::pin(start::run(bench))),
    ("memory", |bench| Box::pin(memory::run(bench))),
    ("overload", |bench| Box::pin(overload::run(bench))),
    ("steady", |bench| Box::pin(steady::run(bench))),
];

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every benchmark came to an end. A goal that is missed is no failure: the table says it.
fn run(arguments: Arguments) -> Result<bool> {
    if let Some(Inner::RawTcp { answer, tokio }) = arguments.command {
        let run = if tokio {
            raw_tcp::run_on_tokio
        } else {
            raw_tcp::run
        };
        run(&answer)?;
        return Ok(true);
    }
    if arguments.list {
        ALL.iter().for_each(|(name, _)| println!("{name}"));
        return Ok(true);
    }
    for name in &arguments.only {
        ensure!(
            ALL.iter().any(|(known, _)| known == name),
            "no benchmark `{name}`; --list prints their names"
        );
    }
    ensure!(
        process::cores() > 1,
        "one core serves and another asks, and this machine has only one"
    );
    let realm = arguments
        .realm_binary
        .context("--realm-binary is missing")?;
    let realm = realm
        .canonicalize()
        .with_context(|| format!("{}: `make build` makes it", realm.display()))?;
    let bench = Bench {
        realm,
        quick: arguments.quick,
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let before = machine::pressure();
    let (mut rows, mut complete) = (Vec::new(), true);
    for (name, run) in ALL {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|wanted| wanted == name) {
            continue;
        }
        eprintln!("{name}");
        // One that fails, or panics because its host did not start, leaves the others their turn.
        let done = runtime.block_on(async { tokio::spawn(run(bench.clone())).await });
        match done.map_err(anyhow::Error::from).flatten() {
            Ok(more) => {
                eprint!("{}", table(&more));
                rows.extend(more);
            }
            Err(error) => {
                eprintln!("error: {name}: {error:#}");
                rows.push(Row::new(*name, "failed").goal("to come to an end", false));
                complete = false;
            }
        }
    }
    let text = document(&bench.realm, &before, &rows)?;
    print!("{text}");
    if arguments.only.is_empty() && !arguments.quick {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        std::fs::write(&results, text)?;
    }
    Ok(complete)
}

fn document(realm: &Path, before: &str, rows: &[Row]) -> Result<String> {
    let date = Command::new("date").args(["-u", "+%Y-%m-%d"]).output()?;
    let date = String::from_utf8(date.stdout)?;
    let (machine, after) = (machine::describe(realm), machine::pressure());
    Ok(format!(
        "# What was measured\n\nWritten by `make bench`, {}. Both sides of a ratio were measured in turns in one run. A ratio is the median of the \
         rounds' ratios where there were rounds; the ratios are to be believed, the absolute figures are this machine's.\n\n{machine}\
         - time in which something waited for a core: {before} before the run, {after} at its end\n\n{}",
        date.trim(),
        table(rows),
    ))
}
