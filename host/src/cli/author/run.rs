use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::{Context, Which, coloured, config, parent};
use crate::plugins::{Diagnostic, Outcome, Plugin, Severity, Work};
use crate::realm::SETTINGS_FILE;
use crate::workbench::{Budget, Folder, Job, Made, Step, Workbench, frames, object, work_of};

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// What to run it on
    file: PathBuf,
    #[command(flatten)]
    which: Which,
    /// The folder that is the realm; none: the nearest one with a realm.json, else that of the file
    #[arg(long, value_name = "DIR")]
    realm: Option<PathBuf>,
    /// The options: a JSON object; none: what the realm.json says
    #[arg(long, value_name = "JSON", value_parser = |text: &str| object(text).map_err(|error| format!("{error:#}")))]
    options: Option<String>,
    /// Which rendering of a document to print
    #[arg(long, default_value = "isolated")]
    format: String,
    /// Go on with the host's own plugins, until it is what a browser gets
    #[arg(long)]
    served: bool,
    /// Build and run it again whenever a source or a file of the realm changes
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(context: &Context, mut args: Args) -> anyhow::Result<()> {
    let config = config(context)?;
    let bench = Workbench::open(&config)?;
    if !args.watch {
        return once(context, &args, &bench).await;
    }
    let again = args.which.again(Path::new("."))?;
    let again = again.and(&root(&args), config.data_dir)?;
    args.which.build = false;
    again.again(context, || once(context, &args, &bench)).await
}

/// The folder that is the realm.
fn root(args: &Args) -> PathBuf {
    if let Some(realm) = &args.realm {
        return realm.clone();
    }
    let folder = parent(&args.file);
    let absolute = folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let mut above = absolute.ancestors();
    let settings = above.find(|folder| folder.join(SETTINGS_FILE).is_file());
    settings.map_or(folder, Path::to_owned)
}

async fn once(context: &Context, args: &Args, bench: &Workbench) -> anyhow::Result<()> {
    let file = args.which.file(Path::new(".")).await?;
    let (plugin, counted) = tokio::join!(bench.load(&file), bench.load_counted(&file));
    let (plugin, counted) = (plugin?, counted?);
    let folder = Arc::new(bench.folder(&root(args))?);
    let path = folder.path_of(&args.file)?;
    let Some(work) = work_of(&plugin, &path) else {
        bail!(
            "{} does not take `{path}`; it takes {}",
            plugin.label(),
            takes(&plugin)
        );
    };
    let job = Job {
        work,
        bytes: folder.read(&path)?,
        folder: Arc::clone(&folder),
        path,
        options: args.options.clone(),
        first: Some(Arc::clone(&plugin)),
    };
    let (mut steps, served) = if args.served && work == Work::Transpile {
        let plugins = bench.plugins(Some(&plugin)).await?;
        let (made, steps) = bench.make(&job, &plugins).await;
        (steps, Some(made))
    } else {
        (vec![bench.ask(&job, &plugin).await], None)
    };
    let own = steps.iter_mut().find(|step| step.plugin == plugin.label());
    if let Some(step) = own {
        step.spent.fuel = bench.count(&job, &counted, step).await?;
    }
    if context.json {
        println!("{}", as_json(bench, &job, &steps, served.as_ref()));
    } else {
        show(args, bench, &job, &steps, served.as_ref())?;
    }
    let failed = steps.iter().any(|step| match &step.outcome {
        Ok(outcome) => matches!(outcome, Outcome::Invalid(_) | Outcome::Unreadable { .. }),
        Err(_) => true,
    });
    if failed || matches!(served, Some(Made::Failed(_))) {
        bail!("{}: no output", args.file.display());
    }
    Ok(())
}

fn show(
    args: &Args,
    bench: &Workbench,
    job: &Job,
    steps: &[Step],
    served: Option<&Made>,
) -> anyhow::Result<()> {
    if let Some(served) = served {
        // What a later stage says of its input is led back to the file.
        eprint!("{}", said(served.complaints(), &job.folder));
    }
    for step in steps {
        if served.is_none() {
            eprint!("{}", said(&step.complaints(), &job.folder));
        }
        if let Err(error) = &step.outcome {
            for frame in &error.frames {
                eprintln!("    in {}", frame.function);
            }
            for line in &error.stderr {
                eprintln!("    it said: {line}");
            }
        }
        if matches!(step.outcome, Ok(Outcome::Declined)) {
            eprintln!(
                "{} declines it: a host asks the next plugin, else serves the file as it is",
                step.plugin
            );
        }
    }
    let bytes = match served {
        Some(Made::Output { output, .. }) => Some(output.contents.clone()),
        Some(Made::AsIs(bytes)) => Some(bytes.clone()),
        Some(Made::Failed(_)) => None,
        None => match steps.first().map(|step| &step.outcome) {
            Some(Ok(Outcome::Output(output))) => Some(output.contents.clone()),
            Some(Ok(Outcome::Rendition(rendition))) => {
                let all = &rendition.renderings;
                let found = all.iter().find(|one| one.format == args.format);
                let formats: Vec<_> = all.iter().map(|one| one.format.as_str()).collect();
                let found = found.with_context(|| {
                    format!(
                        "it gives no `{}`; it gives {}",
                        args.format,
                        formats.join(", ")
                    )
                })?;
                Some(found.contents.clone())
            }
            _ => None,
        },
    };
    if let Some(bytes) = bytes {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes)?;
        if !bytes.ends_with(b"\n") {
            out.write_all(b"\n")?;
        }
        out.flush()?;
    }
    for step in steps {
        let budget = Budget::of(&step.spent, bench.limits(), job.work);
        eprintln!("{} has spent of what a call may:", step.plugin);
        eprint!("{budget}");
    }
    Ok(())
}

/// What a call has to say of its files, with their lines.
fn said(complaints: &[Diagnostic], folder: &Folder) -> String {
    frames(complaints, folder, coloured(), |path| {
        let place = folder.place(path).ok();
        place.map_or_else(|| path.to_string(), |place| place.display().to_string())
    })
}

fn takes(plugin: &Plugin) -> String {
    let rules = plugin.rules.iter().map(|rule| rule.takes.as_str());
    let all: Vec<_> = rules
        .chain(plugin.renders.iter().map(String::as_str))
        .collect();
    all.join(", ")
}

fn as_json(bench: &Workbench, job: &Job, steps: &[Step], served: Option<&Made>) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let step = |step: &Step| {
        let outcome = match &step.outcome {
            Ok(Outcome::Output(output)) => json!({
                "output": text(&output.contents),
                "sourceMap": output.source_map.as_deref().map(text),
                "imports": output.imports,
                "assets": output.assets.iter().map(|asset| json!({
                    "suffix": asset.suffix, "mediaType": asset.media_type, "contents": text(&asset.contents),
                })).collect::<Value>(),
            }),
            Ok(Outcome::Rendition(rendition)) => json!({
                "renderings": rendition.renderings.iter().map(|one| json!({
                    "format": one.format, "asType": one.as_type, "contents": text(&one.contents),
                })).collect::<Value>(),
                "title": rendition.title,
                "types": rendition.types,
                "searchDocument": serde_json::from_str::<Value>(&rendition.search_document).unwrap_or_default(),
            }),
            Ok(Outcome::Declined) => json!({ "declined": true }),
            Ok(_) => json!({}),
            Err(error) => json!({
                "failure": error.kind.as_str(),
                "message": error.message,
                "hint": error.hint,
                "frames": error.frames.iter().map(|frame| &frame.function).collect::<Vec<_>>(),
                "stderr": error.stderr,
            }),
        };
        let mut all = outcome;
        all["plugin"] = json!(step.plugin);
        all["diagnostics"] = json!(step.complaints());
        all["budget"] = Budget::of(&step.spent, bench.limits(), job.work).json();
        all
    };
    let mut all = json!({
        "path": job.path.as_str(),
        "work": job.work.as_str(),
        "calls": steps.iter().map(step).collect::<Value>(),
    });
    if let Some(served) = served {
        all["served"] = match served {
            Made::Output {
                output, media_type, ..
            } => json!({
                "mediaType": media_type,
                "contents": text(&output.contents),
                "sourceMap": output.source_map.as_deref().map(text),
            }),
            Made::AsIs(bytes) => json!({ "contents": text(bytes) }),
            Made::Failed(_) => json!({}),
        };
        all["served"]["diagnostics"] = json!(served.complaints());
    }
    let errors = steps.iter().flat_map(Step::complaints);
    let errors = errors.filter(|one| one.severity == Severity::Error).count();
    all["errors"] = json!(errors);
    all
}
