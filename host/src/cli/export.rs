use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::Context;
use super::target::{Listing, Target};
use crate::realm::RealmUrl;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The realm
    url: String,
    /// A folder that is empty, or not there yet
    dir: PathBuf,
}

/// How often an export starts over because the realm has changed meanwhile.
const TRIES: usize = 10;

pub(super) async fn run(context: &Context, args: Args) -> anyhow::Result<()> {
    let url = RealmUrl::parse(&args.url)?;
    let dir = &args.dir;
    let said = || format!("{}", dir.display());
    if dir.exists() && dir.read_dir().with_context(said)?.next().is_some() {
        bail!("{}: the folder is not empty; name another one", said());
    }
    let target = Target::find(context).await?;
    // Beside it, so that there is all of it or nothing.
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(parent).with_context(|| format!("{}", parent.display()))?;
    let mut tries = 0;
    let (staged, files) = loop {
        let staged = tempfile::Builder::new()
            .prefix(".realm-export-")
            .tempdir_in(parent)
            .with_context(|| format!("{}", parent.display()))?;
        let files = target.files(&url).await?;
        if write(&target, &url, &files, staged.path()).await? {
            break (staged, files.len());
        }
        tries += 1;
        if tries == TRIES {
            bail!("{url} changes faster than it can be exported; nothing was written");
        }
    };
    target.finish().await;
    if dir.exists() {
        std::fs::remove_dir(dir).with_context(said)?;
    }
    let staged = staged.keep();
    std::fs::rename(&staged, dir).with_context(said)?;
    open_to_others(dir).with_context(said)?;
    if context.json {
        println!(
            "{}",
            json!({ "realm": url.as_str(), "folder": dir.to_string_lossy(), "files": files })
        );
    } else {
        eprintln!("{url}: {files} files written to {}", dir.display());
    }
    Ok(())
}

/// Writes the files of a listing; whether each still was what the listing says.
async fn write(
    target: &Target,
    url: &RealmUrl,
    files: &Listing,
    dir: &Path,
) -> anyhow::Result<bool> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}")?;
    let bar = ProgressBar::new(files.len() as u64).with_style(style);
    for (path, tag) in files {
        let Some(bytes) = target.bytes(url, path, tag).await? else {
            bar.finish_and_clear();
            return Ok(false);
        };
        let file = dir.join(path.as_str());
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
        }
        std::fs::write(&file, &bytes).with_context(|| format!("{}", file.display()))?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(true)
}

/// A folder that was made as a temporary one is its maker's alone.
fn open_to_others(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))
}
