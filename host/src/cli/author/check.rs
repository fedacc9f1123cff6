use std::path::PathBuf;

use anyhow::bail;
use bytesize::ByteSize;
use serde_json::json;

use super::again::Again;
use super::{Context, Which, config, size};
use crate::catalog::Vetted;
use crate::workbench::{Budget, Project, Workbench};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The component, or the plugin's folder
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    what: PathBuf,
    /// Look again whenever it changes: a folder's plugin is built first
    #[arg(long)]
    watch: bool,
}

/// What takes this part of what there may be, in percent, is near its limit.
const NEAR: f64 = 80.0;

pub(super) async fn run(context: &Context, args: &Args) -> anyhow::Result<()> {
    let bench = Workbench::open(&config(context)?)?;
    if !args.watch {
        return once(context, args, &bench).await;
    }
    let again = match args.what.is_dir() {
        true => Again::building(Project::find(&args.what)?)?,
        false => Again::component(&args.what)?,
    };
    again.again(context, || once(context, args, &bench)).await
}

async fn once(context: &Context, args: &Args, bench: &Workbench) -> anyhow::Result<()> {
    let file = if args.what.is_dir() {
        Which::built().file(&args.what).await?
    } else {
        args.what.clone()
    };
    let (bytes, most) = (size(&file)?, bench.component_bytes() as u64);
    let sizes = format!(
        "{} of {} (`plugin-component-bytes`)",
        ByteSize::b(bytes).display().iec(),
        ByteSize::b(most).display().iec()
    );
    if bytes <= most {
        let near = bytes as f64 * 100.0 >= most as f64 * NEAR;
        say(context, "size", grade(!near), &sizes);
    }
    match bench.vet(&file).await {
        Ok(vetted) => {
            passed(context, bench, &vetted);
            Ok(())
        }
        Err(error) => {
            say(context, "install", "failed", &format!("{error:#}"));
            bail!("{}: a host would not install it", file.display())
        }
    }
}

/// What was found of a component that would be installed.
fn passed(context: &Context, bench: &Workbench, vetted: &Vetted) {
    let plugin = &vetted.plugin;
    say(context, "component", "good", &plugin.digest);
    let world = format!(
        "imports and exports are those of `realm:plugin` {}",
        plugin.contract
    );
    say(context, "world", "good", &world);
    let described = format!("{}: {}", plugin.label(), plugin.summary);
    say(context, "describe", "good", &described);
    let rules = plugin.rules.iter();
    let rules = rules.map(|rule| format!("{} to {}", rule.takes, rule.gives));
    let documents = plugin.renders.iter();
    let documents = documents.map(|takes| format!("documents {takes}"));
    let takes: Vec<_> = rules.chain(documents).collect();
    say(context, "takes", "good", &takes.join(", "));
    // Each of them is a call that came to nothing, so that there is nothing to compare, or to be as quick again.
    let remarks = plugin.remarks.get().map(Vec::as_slice).unwrap_or_default();
    for remark in remarks {
        say(context, "tried", "warning", remark);
    }
    let same = match remarks {
        [] => "two runs give the same bytes",
        _ => "two runs give the same bytes, of what did not break",
    };
    say(context, "repeatable", grade(remarks.is_empty()), same);
    for (work, spent) in &vetted.spent {
        let budget = Budget::of(spent, bench.limits(), *work);
        let near = budget.lines().iter().filter_map(|line| line.percent());
        let near = near.fold(0.0, f64::max) >= NEAR && !mutant!("near-limit-not-told");
        let found = format!("{} of small files: {}", work.as_str(), budget.in_words());
        say(context, "limits", grade(!near), &found);
    }
}

fn grade(good: bool) -> &'static str {
    if good { "good" } else { "warning" }
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
