use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use notify::Watcher as _;
use serde_json::json;
use tokio::sync::mpsc;

use super::Context;
use super::target::{Edit, Target, tag};
use crate::lifecycle::walk;
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder
    dir: PathBuf,
    /// The realm
    url: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct SyncArgs {
    #[command(flatten)]
    import: Args,
    /// Go on with every change of the folder
    #[arg(long)]
    watch: bool,
}

/// Files and bytes of one commit, at most.
const FILES: usize = 500;
const BYTES: usize = 16 << 20;

/// What an import did.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    files: usize,
    bytes: usize,
    removed: usize,
}

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let target = Target::find(context).await?;
    let url = RealmUrl::parse(&args.url)?;
    let done = bring(&target, &args.dir, &url, false).await;
    // What was committed before a failure is announced too.
    target.finish().await;
    report(context, &url, done?);
    Ok(())
}

pub(super) async fn sync(context: &Context, args: SyncArgs) -> anyhow::Result<()> {
    let target = Target::find(context).await?;
    let (dir, url) = (args.import.dir, RealmUrl::parse(&args.import.url)?);
    // Watched before it is read, so that nothing falls in between.
    let (sender, mut events) = mpsc::channel::<()>(1);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if !event.is_ok_and(|event| event.kind.is_access()) {
            let _ = sender.try_send(());
        }
    })?;
    if args.watch {
        watcher
            .watch(&dir, notify::RecursiveMode::Recursive)
            .with_context(|| format!("watching {}", dir.display()))?;
    }
    report(context, &url, bring(&target, &dir, &url, true).await?);
    if args.watch {
        follow(context, &target, &dir, &url, &mut events).await;
    }
    target.finish().await;
    Ok(())
}

/// Goes on with every change of the folder until the user has enough.
async fn follow(
    context: &Context,
    target: &Target,
    dir: &Path,
    url: &RealmUrl,
    events: &mut mpsc::Receiver<()>,
) {
    loop {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return,
            event = events.recv() => if event.is_none() { return },
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        match bring(target, dir, url, true).await {
            Ok(done) if done.files + done.removed > 0 => report(context, url, done),
            Ok(_) => {}
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
}

/// Brings the folder's files to the realm; with `exactly`, takes away what the folder has not.
async fn bring(target: &Target, dir: &Path, url: &RealmUrl, exactly: bool) -> anyhow::Result<Done> {
    let dir = dir
        .canonicalize()
        .with_context(|| format!("{}", dir.display()))?;
    let local = walk(&dir).collect::<Result<BTreeMap<_, _>, _>>()?;
    let known = target.files(url).await?;
    let mut done = Done::default();
    let (mut batch, mut size): (Vec<Edit>, usize) = (Vec::new(), 0);
    if exactly {
        let gone = known.keys().filter(|path| !local.contains_key(*path));
        batch.extend(gone.map(|path| (path.clone(), None)));
        done.removed = batch.len();
    }
    for (path, file) in &local {
        let bytes = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        if known.get(path).is_some_and(|known| *known == tag(&bytes)) {
            continue;
        }
        if batch.len() >= FILES || size + bytes.len() > BYTES {
            target
                .commit(url, std::mem::take(&mut batch), &known)
                .await?;
            size = 0;
        }
        size += bytes.len();
        done.files += 1;
        done.bytes += bytes.len();
        batch.push((path.clone(), Some(Bytes::from(bytes))));
    }
    if !batch.is_empty() {
        target.commit(url, batch, &known).await?;
    }
    Ok(done)
}

fn report(context: &Context, url: &RealmUrl, done: Done) {
    if context.json {
        println!(
            "{}",
            json!({ "realm": url.as_str(), "files": done.files, "bytes": done.bytes, "removed": done.removed })
        );
    } else {
        eprintln!(
            "{url}: {} files written ({} bytes), {} removed",
            done.files, done.bytes, done.removed
        );
    }
}
