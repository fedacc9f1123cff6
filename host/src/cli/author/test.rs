use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::json;

use super::{Context, Which, config};
use crate::workbench::{CASES, Verdict, Workbench, cases};

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
    /// Build and run them again whenever a source or a case changes
    #[arg(long, conflicts_with = "bless")]
    watch: bool,
}

pub(super) async fn run(context: &Context, mut args: Args) -> anyhow::Result<()> {
    let config = config(context)?;
    let bench = Workbench::open(&config)?;
    let own = || args.folder.join(CASES);
    let folder = args.cases.clone().unwrap_or_else(own);
    if !args.watch {
        return once(context, &args, &bench, &folder).await;
    }
    let again = args.which.again(&args.folder)?;
    let again = again.and(&folder, config.data_dir)?;
    args.which.build = false;
    again
        .again(context, || once(context, &args, &bench, &folder))
        .await
}

async fn once(
    context: &Context,
    args: &Args,
    bench: &Workbench,
    folder: &Path,
) -> anyhow::Result<()> {
    let plugin = args.which.load(bench, &args.folder).await?;
    let mut all = cases(folder)?;
    let there = all.len();
    if let Some(only) = &args.only {
        all.retain(|case| case.name.contains(only.as_str()));
        if all.is_empty() {
            bail!("none of the {there} cases has `{only}` in its name");
        }
    }
    let (mut failed, mut changed) = (0, 0);
    for case in &all {
        let verdict = match case.run(bench, &plugin, args.bless).await {
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
                let what = format!("{} written", counted(files, "file"));
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
            "{label}: {failed} of {} failed, {passed} passed; `--bless` writes down what comes as what is expected",
            counted(count, "case")
        );
    }
    if !context.json {
        let cases = counted(count, "case");
        match args.bless {
            true => eprintln!("{label}: {cases}, {} written", counted(changed, "file")),
            false => eprintln!("{label}: {cases} passed"),
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

/// As many as there are, in words.
fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
