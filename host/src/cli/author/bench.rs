use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use super::{Context, Which, config, parent};
use crate::workbench::{CASES, Job, Workbench, measure, work_of};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// What to run it on; none: the inputs of the cases in the current folder
    files: Vec<PathBuf>,
    #[command(flatten)]
    which: Which,
    /// The folder that is the realm; none: that of each file
    #[arg(long, value_name = "DIR")]
    realm: Option<PathBuf>,
    /// How many calls of each file
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    calls: u32,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let here = Path::new(".");
    let files = if args.files.is_empty() {
        inputs(Path::new(CASES))?
    } else {
        args.files.clone()
    };
    let bench = Workbench::open(&config(context)?)?;
    let file = args.which.file(here).await?;
    let plugin = bench.load(&file).await?;
    let counted = bench.load_counted(&file).await?;
    let calls = args.calls as usize;
    for file in files {
        let root = args.realm.clone().unwrap_or_else(|| parent(&file));
        let folder = Arc::new(bench.folder(&root)?);
        let path = folder.path_of(&file)?;
        let Some(work) = work_of(&plugin, &path) else {
            bail!("{} does not take `{path}`", plugin.label());
        };
        let job = Job {
            work,
            bytes: folder.read(&path)?,
            folder,
            path,
            options: None,
            first: Some(Arc::clone(&plugin)),
        };
        let shown = || file.display().to_string();
        let mut measured = measure(&bench, &job, &plugin, calls)
            .await
            .with_context(shown)?;
        let step = bench.ask(&job, &plugin).await;
        measured.fuel = bench.count(&job, &counted, &step).await?;
        measured.path = shown();
        if context.json {
            println!("{}", measured.json());
        } else {
            println!("{measured}");
        }
    }
    Ok(())
}

/// The inputs of the cases.
fn inputs(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for case in crate::workbench::cases(folder).context("there is no file to run it on")? {
        for entry in std::fs::read_dir(folder.join(&case.name))? {
            let path = entry?.path();
            if path.file_stem().is_some_and(|stem| stem == "input") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
