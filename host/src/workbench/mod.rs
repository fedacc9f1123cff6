//! Plugins without a server, for those who write them: a folder as the realm, calls under the limits of production, what
//! each has spent, cases of input and expected output, measurements, and the project in which a plugin is written. What a
//! specifier means, which plugin takes a file and what a module is are the host's own rules; nothing is cached or stored.

mod budget;
mod cases;
mod files;
mod folder;
mod frame;
mod making;
mod measuring;
mod project;
mod template;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::OnceCell;

use crate::catalog::{Package, Vetted, vet};
use crate::config::{CallLimits, Config};
use crate::host;
use crate::plugins::{Plugin, PluginEngine, Plugins};

pub use self::budget::{Budget, Line};
pub(crate) use self::cases::object;
pub use self::cases::{Case, Verdict, cases};
pub use self::folder::Folder;
pub use self::frame::frames;
pub use self::making::{Job, Made, Step, work_of};
pub use self::measuring::{Measured, measure};
pub use self::project::{CASES, COMPONENT, Language, Project};
pub use self::template::{Kind, check_name, create};
pub use self::watch::{Look, Place, Watch};

/// Runs plugins without a server. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Workbench(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    config: Config,
    engine: Arc<PluginEngine>,
    /// Counts what guests do; set up when the first is counted.
    counting: OnceCell<Arc<PluginEngine>>,
    /// Those of the host, and of `plugin-dir`: compiled when the first is needed.
    others: OnceCell<Vec<Arc<Plugin>>>,
}

impl Workbench {
    /// Sets up the engine.
    ///
    /// # Errors
    /// When the machine cannot run plugins, or the folder for compiled code cannot be used.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        Ok(Self(Arc::new(Parts {
            config: config.clone(),
            engine: host::engine(config)?,
            counting: OnceCell::new(),
            others: OnceCell::new(),
        })))
    }

    /// The limits of a call.
    #[must_use]
    pub fn limits(&self) -> &CallLimits {
        &self.0.config.limits
    }

    /// The most bytes that a component may have.
    #[must_use]
    pub fn component_bytes(&self) -> usize {
        self.0.config.plugin_component_bytes
    }

    /// Opens a folder as a realm.
    ///
    /// # Errors
    /// When it cannot be read, has a name that no file of a realm may have, or a `realm.json` that is wrong.
    pub fn folder(&self, root: &Path) -> anyhow::Result<Folder> {
        Folder::open(root, self.0.config.max_file_bytes)
    }

    /// Compiles a component and asks it what it is.
    ///
    /// # Errors
    /// When it is no plugin.
    pub async fn load(&self, file: &Path) -> anyhow::Result<Arc<Plugin>> {
        let bytes = read(file)?;
        let name = file.display().to_string();
        Ok(Plugin::install(&self.0.engine, &name, bytes).await?)
    }

    /// The same component, for [`Workbench::count`] alone.
    ///
    /// # Errors
    /// As of [`Workbench::load`].
    pub async fn load_counted(&self, file: &Path) -> anyhow::Result<Arc<Plugin>> {
        let engine = self.counting().await?;
        let name = file.display().to_string();
        Ok(Plugin::install(engine, &name, read(file)?).await?)
    }

    async fn counting(&self) -> anyhow::Result<&Arc<PluginEngine>> {
        let config = &self.0.config;
        let engine = || async { host::metered_engine(config) };
        self.0.counting.get_or_try_init(engine).await
    }

    /// Looks at a component as a host does before it is installed.
    ///
    /// # Errors
    /// When a host would not install it.
    pub async fn vet(&self, file: &Path) -> anyhow::Result<Vetted> {
        let package = Package {
            source: file.display().to_string(),
            component: read(file)?,
            pin: None,
            pinned: false,
            signature: None,
        };
        Ok(vet(&self.0.engine, self.component_bytes(), &package).await?)
    }

    /// The plugins that files go through: the one that is being written before all others.
    ///
    /// # Errors
    /// When one of the host's own does not run here.
    pub async fn plugins(&self, first: Option<&Arc<Plugin>>) -> anyhow::Result<Arc<Plugins>> {
        let others = self.0.others.get_or_try_init(|| async {
            let (brought, _) = host::install(&self.0.engine, &self.0.config).await?;
            anyhow::Ok(brought.into_iter().map(|own| own.plugin).collect())
        });
        let others = others.await?.iter();
        let others = others.filter(|other| first.is_none_or(|first| first.name != other.name));
        let mut all: Vec<_> = first.into_iter().chain(others).cloned().collect();
        if mutant!("own-plugin-asked-last") {
            all.reverse();
        }
        Ok(Arc::new(Plugins::new(all, Default::default())))
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| file.display().to_string())
}

/// Where compiled code is kept for those who have no host: the user's cache folder.
#[must_use]
pub fn cache_folder() -> PathBuf {
    let of = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = of("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(of("HOME")?).join(".cache")));
    base.map_or_else(|| PathBuf::from(".realm"), |base| base.join("realm"))
}
