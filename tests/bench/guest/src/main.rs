//! Calls a plugin as a host does, each call in a fresh instance, and prints how long that took: `COMPONENT FILE…`. Line by
//! line: the passes asked for on standard input, a JSON object for each on standard output, as the native program does.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use realm_host::config::{Config, RawConfig};
use realm_host::plugins::{
    Call, CallToken, Compiler, Contents, EngineOptions, NoFiles, Outcome, Plugin, PluginEngine,
    Work,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let component = PathBuf::from(arguments.next().context("which component?")?);
    let files: Vec<_> = arguments
        .map(|path| input(Path::new(&path)))
        .collect::<Result<_>>()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(&component, &files))
}

async fn serve(component: &Path, files: &[Contents]) -> Result<()> {
    let own = component.parent().context("a folder")?;
    let config = Config::new(&RawConfig::gather(&BTreeMap::new(), own)?)?;
    let engine = PluginEngine::new(&EngineOptions {
        limits: config.limits,
        compiled: own.join("compiled"),
        meter: false,
        compiler: Compiler::Here,
    })?;
    let bytes = std::fs::read(component).with_context(|| component.display().to_string())?;
    let plugin = Plugin::install(&engine, "the component", bytes).await?;
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        line?;
        let pass = pass(&engine, &plugin, files).await?;
        writeln!(output, "{pass}")?;
        output.flush()?;
    }
    Ok(())
}

fn input(path: &Path) -> Result<Contents> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let name = path.file_name().context("a file")?.to_string_lossy();
    Ok(Contents {
        url: format!("https://realm.invalid/{name}"),
        path: name.into_owned(),
        media_type: "text/plain".to_owned(),
        bytes: Bytes::from(bytes),
    })
}

/// Every file once: nanoseconds of each, and of the whole in time and in processor time.
async fn pass(
    engine: &Arc<PluginEngine>,
    plugin: &Arc<Plugin>,
    inputs: &[Contents],
) -> Result<serde_json::Value> {
    let (begun, cpu) = (Instant::now(), processor());
    let mut files = Vec::with_capacity(inputs.len());
    let mut bytes = 0;
    for input in inputs {
        let call = Call {
            id: 0,
            plugin: Arc::clone(plugin),
            realm: String::new(),
            input: input.clone(),
            work: Work::Transpile,
            options: "{}".to_owned(),
            files: Arc::new(NoFiles),
            token: CallToken::default(),
        };
        let begun = Instant::now();
        let outcome = engine.call(call).await?;
        files.push(begun.elapsed().as_nanos() as u64);
        match outcome {
            Outcome::Output(output) => bytes += output.contents.len(),
            other => bail!("{}: {other:?}", input.path),
        }
    }
    Ok(json!({
        "wall": begun.elapsed().as_nanos() as u64, "cpu": (processor() - cpu).as_nanos() as u64,
        "files": files, "output": bytes,
    }))
}

/// Processor time of this process, its threads for guests included.
fn processor() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
