use std::path::PathBuf;
use std::time::Instant;

use bytesize::ByteSize;
use serde_json::json;

use super::again::Again;
use super::{Context, size};
use crate::catalog::component_digest;
use crate::workbench::Project;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Build again whenever a source changes
    #[arg(long)]
    watch: bool,
    /// What the language's own tool is told besides, as in `-- --offline`
    #[arg(last = true, value_name = "ARGUMENTS")]
    more: Vec<String>,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let project = Project::find(&args.folder)?;
    if !args.watch {
        return once(context, &args, &project).await;
    }
    let again = Again::of_sources(&project)?;
    again
        .again(context, || once(context, &args, &project))
        .await
}

async fn once(context: &Context, args: &Args, project: &Project) -> anyhow::Result<()> {
    let begun = Instant::now();
    let component = project.build(&args.more).await?;
    let bytes = size(&component)?;
    let digest = component_digest(&std::fs::read(&component)?);
    let shown = component.display().to_string();
    if context.json {
        println!(
            "{}",
            json!({ "component": shown, "bytes": bytes, "digest": digest })
        );
    } else {
        let size = ByteSize::b(bytes).display().iec();
        let took = begun.elapsed().as_secs_f64();
        eprintln!("built in {took:.1} s: {size}, {digest}");
        println!("{shown}");
    }
    Ok(())
}
