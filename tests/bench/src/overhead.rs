use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use realm_tests::{Edition, Postgres};
use serde_json::Value;

use crate::client::{Connection, get};
use crate::hosts::Bench;
use crate::node;
use crate::numbers::{at, median, millis, ratio};
use crate::process::{LOAD, Owned, apart};
use crate::report::{Goal, Row};
use crate::vite;

/// What a guest call costs: one of next to nothing, and the plugin `typescript` beside the same code native, beside what
/// npm has, and behind the host beside Vite's dev server, all on the same files.
pub(crate) async fn run(bench: Bench) -> Result<Vec<Row>> {
    let installed = node::install("transpilers", &["transpile.mjs"])?;
    let target = installed.parent().context("cargo's layout")?.to_owned();
    let files = corpus(&installed)?;
    let mut rows = vec![empty(&bench, &target)?];
    rows.extend(transpilers(&bench, &target, &installed, &files)?);
    rows.extend(served(&bench, &installed, &files).await?);
    Ok(rows)
}

/// Packages whose authors ship their TypeScript, and how many files of each are taken, spread over all that there are.
const PACKAGES: [(&str, usize); 4] = [
    ("zod", 12),
    ("rxjs", 10),
    ("@trpc/server", 8),
    ("effect", 10),
];

/// Real files, the same in every run.
fn corpus(installed: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for (package, count) in PACKAGES {
        let root = installed.join("node_modules").join(package).join("src");
        let mut all = Vec::new();
        list(&root, &mut all)?;
        all.sort();
        ensure!(all.len() >= count, "{}: too few files", root.display());
        files.extend((0..count).map(|number| all[number * all.len() / count].clone()));
    }
    Ok(files)
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let name = path.to_string_lossy();
        if path.is_dir() {
            if !name.ends_with("tests") {
                list(&path, files)?;
            }
        } else if name.ends_with(".ts")
            && ![".d.ts", ".test.ts", ".spec.ts"]
                .iter()
                .any(|not| name.ends_with(not))
            // What is all types is no work.
            && fs::metadata(&path)?.len() > 1_000
        {
            files.push(path);
        }
    }
    Ok(())
}

/// A program that works through its files once for each line that it is given.
struct Engine {
    process: Owned,
    output: BufReader<ChildStdout>,
}

/// One pass over all files, in nanoseconds.
struct Pass {
    wall: f64,
    cpu: f64,
    files: Vec<f64>,
    output: f64,
}

impl Engine {
    fn start(command: &mut Command, files: &[PathBuf]) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child: Child = command
            .args(files)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{name}: `make bench` builds it"))?;
        let output = BufReader::new(child.stdout.take().context("piped")?);
        Ok(Self {
            process: Owned(child),
            output,
        })
    }

    fn pass(&mut self) -> Result<Pass> {
        let input = self.process.0.stdin.as_mut().context("piped")?;
        input.write_all(b"\n")?;
        input.flush()?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let pass: Value = serde_json::from_str(&line).context("an engine has failed")?;
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        Ok(Pass {
            wall: number(&pass["wall"]),
            cpu: number(&pass["cpu"]),
            files: pass["files"]
                .as_array()
                .into_iter()
                .flatten()
                .map(number)
                .collect(),
            output: number(&pass["output"]),
        })
    }
}

/// Calls of a guest that does next to nothing, fresh instance included.
fn empty(bench: &Bench, target: &Path) -> Result<Row> {
    let folder = tempfile::tempdir()?;
    let component = folder.path().join("empty.wasm");
    fs::write(&component, Edition::new("").component())?;
    let input = folder.path().join("a.edition");
    fs::write(&input, "")?;
    let inputs = vec![input; bench.pick(5_000, 500)];
    let mut engine = Engine::start(
        Command::new(target.join("release/realm-bench-guest")).arg(&component),
        &inputs,
    )?;
    engine.pass()?;
    let calls = engine.pass()?.files;
    let micros = |part| at(&calls, part) / 1e3;
    let told = format!("{:.0} µs (p99 {:.0})", micros(0.5), micros(0.99));
    Ok(Row::new(
        "a call of a guest that does next to nothing, fresh instance included, p50",
        told,
    ))
}

fn transpilers(
    bench: &Bench,
    target: &Path,
    installed: &Path,
    files: &[PathBuf],
) -> Result<Vec<Row>> {
    let script = installed.join("transpile.mjs");
    let npm = |engine: &str| {
        let mut node = Command::new("node");
        node.arg(&script).arg(engine);
        node
    };
    let mut ours = Command::new(target.join("release/realm-bench-guest"));
    ours.arg(target.join("plugins/typescript.wasm"));
    let mut engines = Vec::new();
    for mut command in [
        ours,
        Command::new(target.join("plugin/realm-bench-native")),
        npm("swc"),
        npm("esbuild"),
        npm("oxc"),
    ] {
        let mut engine = Engine::start(&mut command, files)?;
        for _ in 0..bench.pick(10, 2) {
            engine.pass()?;
        }
        engines.push(engine);
    }
    let mut walls = vec![Vec::new(); engines.len()];
    let mut cpus = vec![Vec::new(); engines.len()];
    let mut calls = Vec::new();
    let mut outputs = vec![0.0; engines.len()];
    for _ in 0..bench.pick(40, 3) {
        for (number, engine) in engines.iter_mut().enumerate() {
            // The others had the processor's caches meanwhile.
            engine.pass()?;
            let pass = engine.pass()?;
            walls[number].push(pass.wall);
            cpus[number].push(pass.cpu);
            outputs[number] = pass.output;
            if number == 0 {
                calls.extend(pass.files.iter().map(|nanos| nanos / 1e6));
            }
        }
    }
    ensure!(
        outputs[0] == outputs[1],
        "the same code, and another output"
    );
    let bytes: u64 = files
        .iter()
        .map(|file| fs::metadata(file).map_or(0, |of| of.len()))
        .sum();
    let rate = |nanos: &[f64]| format!("{:.1} MB/s", bytes as f64 / median(nanos) * 1e3);
    let row = |name: &str, peer: usize| {
        let name = format!(
            "`typescript`, {} files, {} KB, with maps: against {name}",
            files.len(),
            bytes / 1000
        );
        (
            Row::new(name, rate(&walls[0])).peer(rate(&walls[peer])),
            ratio(&walls[peer], &walls[0]),
        )
    };
    let (native, of_native) = row("the same code native", 1);
    let (swc, of_swc) = row("@swc/core", 2);
    let (esbuild, of_esbuild) = row("esbuild", 3);
    let (oxc, of_oxc) = row("oxc-transform", 4);
    let spread = format!(
        "{:.2} ms (p90 {:.2}, p99 {:.2})",
        median(&calls),
        at(&calls, 0.9),
        at(&calls, 0.99)
    );
    Ok(vec![
        native.judged(of_native, Goal::Least(0.42)),
        Row::new(
            "… processor time, against the same code native",
            rate(&cpus[0]),
        )
        .peer(rate(&cpus[1]))
        .ratio(ratio(&cpus[1], &cpus[0])),
        swc.judged(of_swc, Goal::Least(1.0)),
        esbuild.ratio(of_esbuild),
        oxc.ratio(of_oxc),
        Row::new("… a call, p50", spread),
    ])
}

/// The same files for the first time, through the whole host and through Vite's dev server, in turns.
async fn served(bench: &Bench, installed: &Path, files: &[PathBuf]) -> Result<Vec<Row>> {
    let postgres = Postgres::start();
    let host = bench.host(&postgres).await;
    let modules = installed.join("node_modules");
    let paths: Vec<String> = files
        .iter()
        .filter_map(|file| Some(file.strip_prefix(&modules).ok()?.to_str()?.to_owned()))
        .collect();
    for (path, file) in paths.iter().zip(files) {
        host.put(&format!("/r/{path}"), fs::read(file)?).await;
    }
    let warm = "export const warm: number = 1;";
    host.put("/r/warm.ts", warm).await;
    fs::write(installed.join("warm.ts"), warm)?;
    let (_vite, url) = vite::start(installed)?;
    let sides = [(host.public.clone(), "/r"), (url, "/node_modules")];
    let samples = apart(Some(LOAD), move || async move {
        let mut connections = Vec::new();
        for (number, (base, _)) in sides.iter().enumerate() {
            let mut connection = Connection::open(base).await?;
            let warm = ["/r/warm.ts", "/warm.ts"][number];
            connection.send(&get(warm)).await?.good()?;
            connections.push(connection);
        }
        let mut samples = [Vec::new(), Vec::new()];
        for path in &paths {
            let mut times = [0.0; 2];
            let mut good = true;
            for (side, connection) in connections.iter_mut().enumerate() {
                let asked = Instant::now();
                let reply = connection
                    .send(&get(&format!("{}/{path}", sides[side].1)))
                    .await?;
                times[side] = millis(asked.elapsed());
                // Vite answers for what it cannot find an import of; that is not what is compared.
                good &= reply.status == 200;
            }
            if good {
                samples[0].push(times[0]);
                samples[1].push(times[1]);
            }
        }
        anyhow::Ok(samples)
    });
    let [ours, theirs] = samples.await?;
    let spread =
        |samples: &[f64]| format!("{:.2} ms (p90 {:.2})", median(samples), at(samples, 0.9));
    let name = format!(
        "first GET of {} of the files, p50, against Vite's warm dev server",
        ours.len()
    );
    Ok(vec![
        Row::new(name, spread(&ours))
            .peer(spread(&theirs))
            .ratio(ratio(&ours, &theirs)),
    ])
}
