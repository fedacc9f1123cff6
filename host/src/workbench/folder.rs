use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use bytes::Bytes;

use crate::lifecycle::walk;
use crate::realm::{LocalPath, RealmSettings, SETTINGS_FILE};

/// A folder as the realm of a call: the files that `realm serve` would serve of it.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    files: BTreeMap<LocalPath, PathBuf>,
    /// What its `realm.json` says.
    pub settings: Arc<RealmSettings>,
    /// The most bytes of a file.
    pub(super) most: usize,
}

impl Folder {
    pub(super) fn open(root: &Path, most: usize) -> anyhow::Result<Self> {
        if !root.is_dir() {
            bail!("{}: not a folder", root.display());
        }
        let files = walk(root).collect::<Result<BTreeMap<_, _>, _>>()?;
        let own = LocalPath::new(SETTINGS_FILE)?;
        let settings = match files.get(&own) {
            Some(file) => {
                let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
                RealmSettings::parse(&bytes).with_context(|| format!("in {}", root.display()))?
            }
            None => RealmSettings::default(),
        };
        Ok(Self {
            root: root.to_owned(),
            files,
            settings: Arc::new(settings),
            most,
        })
    }

    /// Without these files: they are no part of the realm.
    pub(super) fn without(mut self, is_none: impl Fn(&LocalPath) -> bool) -> Self {
        self.files.retain(|path, _| !is_none(path));
        self
    }

    /// Its files.
    pub fn paths(&self) -> impl Iterator<Item = &LocalPath> {
        self.files.keys()
    }

    /// What a file of the machine is called in it.
    ///
    /// # Errors
    /// When it is no file of this folder.
    pub fn path_of(&self, file: &Path) -> anyhow::Result<LocalPath> {
        let shown = || file.display().to_string();
        let real = file.canonicalize().with_context(shown)?;
        let root = self.root.canonicalize().with_context(shown)?;
        let outside = || {
            format!(
                "{}: not in the folder {}; `--realm DIR` says which folder is the realm",
                shown(),
                self.root.display()
            )
        };
        let local = real.strip_prefix(root).ok().with_context(outside)?;
        let local = local
            .to_str()
            .with_context(|| format!("{}: its name is not UTF-8", shown()))?;
        let local = LocalPath::new(local).with_context(shown)?;
        if !self.files.contains_key(&local) {
            bail!(
                "{}: no file that a realm would have: it is hidden, a link, or `.gitignore` leaves it out",
                shown()
            );
        }
        Ok(local)
    }

    /// The file that a path means: the exact one, else with each extension in order.
    pub(super) fn find(&self, path: &LocalPath) -> Option<LocalPath> {
        let names = self.settings.names_of(path).into_iter();
        let mut names = names.filter_map(|name| LocalPath::new(&name).ok());
        names.find(|name| self.files.contains_key(name))
    }

    /// A file's bytes, as they are now.
    ///
    /// # Errors
    /// When it is not there, or cannot be read.
    pub fn read(&self, path: &LocalPath) -> anyhow::Result<Bytes> {
        let file = self.place(path)?;
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        Ok(bytes.into())
    }

    /// Where a file lies on the machine.
    ///
    /// # Errors
    /// When it is not there.
    pub fn place(&self, path: &LocalPath) -> anyhow::Result<&Path> {
        let file = self.files.get(path);
        Ok(file.with_context(|| format!("{path}: not in {}", self.root.display()))?)
    }
}
