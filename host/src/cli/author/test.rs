use std::path::PathBuf;

use anyhow::bail;
use serde_json::json;

use super::{Context, Which, config};
use crate::workbench::{Verdict, Workbench, cases};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The plugin's folder
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    #[command(flatten)]
    which: Which,
    /// The folder of the cases, in place of `cases` of the plugin's folder
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    /// Run only the cases with this in their names
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write down what comes as what is expected
    #[arg(long)]
    bless: bool,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let bench = Workbench::open(&config(context)?, true)?;
    let folder = args
        .cases
        .clone()
        .unwrap_or_else(|| args.folder.join("cases"));
    let plugin = args.which.load(&bench, &args.folder).await?;
    let mut all = cases(&folder)?;
    let there = all.len();
    if let Some(only) = &args.only {
        all.retain(|case| case.name.contains(only.as_str()));
        if all.is_empty() {
            bail!("none of the {there} cases has `{only}` in its name");
        }
    }
    let (mut failed, mut changed) = (0, 0);
    for case in &all {
        let verdict = match case.run(&bench, &plugin, args.bless).await {
            Ok(verdict) => verdict,
            Err(error) => {
                failed += 1;
                say(context, &case.name, "failed", &format!("{error:#}"));
                continue;
            }
        };
        match verdict {
            Verdict::Passed => say(context, &case.name, "passed", ""),
            Verdict::Blessed(files) => {
                changed += files;
                let what = match files {
                    0 => "nothing is new".to_owned(),
                    1 => "1 file is new".to_owned(),
                    more => format!("{more} files are new"),
                };
                say(context, &case.name, "blessed", &what);
            }
            Verdict::Differs(diff) => {
                failed += 1;
                say(context, &case.name, "failed", &diff);
            }
            Verdict::Broke(error) => {
                failed += 1;
                let mut told = error.to_string();
                for frame in &error.frames {
                    told.push_str(&format!("\n    in {}", frame.function));
                }
                let hint = error.hint.iter();
                hint.for_each(|hint| told.push_str(&format!("\n    hint: {hint}")));
                say(context, &case.name, "failed", &told);
            }
        }
    }
    let (count, label) = (all.len(), plugin.label());
    let passed = count - failed;
    if failed > 0 {
        bail!(
            "{label}: {failed} of {count} cases failed, {passed} passed; `--bless` writes down what comes as what is expected"
        );
    }
    if !context.json {
        match args.bless {
            true => eprintln!("{label}: {count} cases, {changed} files written"),
            false => eprintln!("{label}: {count} cases passed"),
        }
    }
    Ok(())
}

fn say(context: &Context, name: &str, verdict: &str, more: &str) {
    if context.json {
        let more = (!more.is_empty()).then_some(more);
        println!(
            "{}",
            json!({ "case": name, "verdict": verdict, "detail": more })
        );
        return;
    }
    let mark = match verdict {
        "failed" => "FAILED",
        other => other,
    };
    if more.lines().nth(1).is_some() {
        println!("{mark:<8} {name}\n{}", more.trim_end());
    } else if more.is_empty() {
        println!("{mark:<8} {name}");
    } else {
        println!("{mark:<8} {name}: {more}");
    }
}
