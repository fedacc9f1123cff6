use std::path::{Path, PathBuf};

use anyhow::bail;
use bytesize::ByteSize;
use serde_json::json;

use super::{Context, Which, config, size};
use crate::workbench::Workbench;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The component, or the plugin's folder
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    what: PathBuf,
}

/// A component that takes this part of what it may, in percent, is near its limit.
const NEAR: u64 = 80;

pub(super) async fn run(context: &Context, args: &Args) -> anyhow::Result<()> {
    let file = if args.what.is_dir() {
        let which = Which {
            plugin: None,
            build: false,
        };
        which.file(&args.what).await?
    } else {
        args.what.clone()
    };
    let bench = Workbench::open(&config(context)?, false)?;
    let (bytes, most) = (size(&file)?, bench.component_bytes() as u64);
    let vetted = bench.vet(&file).await;
    let sizes = format!(
        "{} of {} (`plugin-component-bytes`)",
        ByteSize::b(bytes).display().iec(),
        ByteSize::b(most).display().iec()
    );
    let near = bytes * 100 >= most * NEAR;
    match &vetted {
        Ok(plugin) => {
            let rules = plugin.rules.iter();
            let rules = rules.map(|rule| format!("{} to {}", rule.takes, rule.gives));
            let documents = plugin
                .renders
                .iter()
                .map(|takes| format!("documents {takes}"));
            let takes: Vec<_> = rules.chain(documents).collect();
            let table = [
                ("component", true, plugin.digest.clone()),
                ("size", !near, sizes),
                (
                    "world",
                    true,
                    "imports and exports are those of a plugin".to_owned(),
                ),
                (
                    "describe",
                    true,
                    format!("{}: {}", plugin.label(), plugin.summary),
                ),
                ("takes", true, takes.join(", ")),
                (
                    "repeatable",
                    true,
                    "two runs give the same bytes".to_owned(),
                ),
            ];
            for (what, good, found) in table {
                say(context, what, if good { "good" } else { "warning" }, &found);
            }
            Ok(())
        }
        Err(error) => {
            say(context, "install", "failed", &format!("{error:#}"));
            bail!("{}: a host would not install it", shown(&file))
        }
    }
}

fn say(context: &Context, what: &str, grade: &str, found: &str) {
    if context.json {
        println!(
            "{}",
            json!({ "what": what, "grade": grade, "found": found })
        );
    } else {
        let grade = match grade {
            "failed" => "FAILED",
            other => other,
        };
        println!("{grade:<8} {what:<12} {found}");
    }
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
