use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::config::Config;

/// Where the running host of a data folder is, for commands that look for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Address {
    /// Of the public socket.
    pub url: String,
    /// Of the admin socket.
    pub admin: Option<String>,
    /// The process.
    pub pid: u32,
}

/// Holds a data folder: one server at a time has an embedded database.
#[derive(Debug)]
pub struct DataFolder {
    folder: PathBuf,
    lock: Option<std::fs::File>,
}

impl DataFolder {
    /// Takes the folder. Where the database is a Postgres, a second host may share it, and is just not found by it.
    ///
    /// # Errors
    /// When the folder cannot be used, or another process has the embedded database in it.
    pub fn take(config: &Config) -> anyhow::Result<Self> {
        let folder = config.data_dir.clone();
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join("host.lock");
        let file = std::fs::File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        let locked =
            rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).is_ok();
        if !locked && config.database_url.is_none() {
            bail!(
                "{}: another host has this data folder; stop it, or give this one a `--data-dir` of its own",
                folder.display()
            );
        }
        Ok(Self {
            folder,
            lock: locked.then_some(file),
        })
    }

    /// The host that runs on a folder.
    #[must_use]
    pub fn running(folder: &Path) -> Option<Address> {
        serde_json::from_slice(&std::fs::read(folder.join("host.json")).ok()?).ok()
    }

    pub(super) fn publish(&self, address: &Address) -> anyhow::Result<()> {
        if self.lock.is_some() {
            std::fs::write(self.folder.join("host.json"), serde_json::to_vec(address)?)?;
        }
        Ok(())
    }
}

impl Drop for DataFolder {
    fn drop(&mut self) {
        if self.lock.is_some() {
            let _ = std::fs::remove_file(self.folder.join("host.json"));
        }
    }
}
