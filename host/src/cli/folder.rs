use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use ignore::WalkBuilder;

use crate::realm::LocalPath;

/// The files of a folder that belong into a realm: hidden ones and what `.gitignore` names do not.
pub(super) fn files(folder: &Path) -> anyhow::Result<BTreeMap<LocalPath, PathBuf>> {
    let mut files = BTreeMap::new();
    for entry in WalkBuilder::new(folder)
        .require_git(false)
        .follow_links(false)
        .build()
    {
        let entry = entry.with_context(|| format!("reading {}", folder.display()))?;
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            continue;
        }
        let path = entry.into_path();
        let local = path.strip_prefix(folder).unwrap_or(&path);
        let local = local
            .to_str()
            .with_context(|| format!("{}: its name is not UTF-8", path.display()))?;
        let local = LocalPath::new(local).with_context(|| format!("{}", path.display()))?;
        files.insert(local, path);
    }
    Ok(files)
}
