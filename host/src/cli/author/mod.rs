//! What authors of plugins do, on their own machine and without a server: one file per subcommand.

mod again;
mod bench;
mod build;
mod check;
mod new;
mod run;
mod test;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};

use self::again::Again;
use super::Context;
use crate::config::{Config, Source};
use crate::plugins::Plugin;
use crate::workbench::{COMPONENT, Project, Workbench, cache_folder};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Begin a plugin: a folder with sources, cases and a README that build as they are
    New(new::Args),
    /// Build the component with the language's own tool
    Build(build::Args),
    /// Look at a component as a host does before it is installed
    Check(check::Args),
    /// Run a plugin on a file: what comes, what is said, what is spent
    Run(run::Args),
    /// Run a plugin's cases of input and expected output
    Test(test::Args),
    /// Say how long calls take, each in a fresh instance
    Bench(bench::Args),
}

impl Command {
    /// What is logged unless a setting says otherwise: the guest's own words where they are asked for.
    pub(super) fn log_filter(&self) -> &'static str {
        match self {
            Self::Run(_) => "warn,guest=trace",
            _ => "warn,guest=off",
        }
    }
}

pub(super) async fn run(context: &Context, command: Command) -> anyhow::Result<()> {
    match command {
        Command::New(args) => new::run(context, &args),
        Command::Build(args) => build::run(context, args).await,
        Command::Check(args) => check::run(context, &args).await,
        Command::Run(args) => run::run(context, args).await,
        Command::Test(args) => test::run(context, args).await,
        Command::Bench(args) => bench::run(context, args).await,
    }
}

/// The settings, with compiled code in the user's cache where no data folder is named.
fn config(context: &Context) -> anyhow::Result<Config> {
    let raw = context.settings.raw()?;
    let mut values = raw.iter();
    let named =
        values.any(|(setting, value)| setting.key == "data-dir" && value.source != Source::Default);
    let mut config = context.settings.config()?;
    if !named {
        config.data_dir = cache_folder();
    }
    Ok(config)
}

/// Which plugin is meant: a component, or the project of a folder.
#[derive(Clone, Debug, clap::Args)]
struct Which {
    /// The component; none: that of the plugin that is written in the current folder
    #[arg(long, value_name = "FILE")]
    plugin: Option<PathBuf>,
    /// Build it first, in the current folder
    #[arg(long, conflicts_with = "plugin")]
    build: bool,
}

impl Which {
    /// That of a project, as it was built.
    fn built() -> Self {
        Self {
            plugin: None,
            build: false,
        }
    }

    /// The component's file, built first where that is asked for. `folder`: of the project.
    async fn file(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        if let Some(file) = &self.plugin {
            return Ok(file.clone());
        }
        let project = Project::find(folder)?;
        if self.build {
            return project.build(&[]).await;
        }
        let component = project.component();
        if !component.is_file() {
            bail!(
                "{}: it is not built yet; `realm plugin build` builds it",
                component.display()
            );
        }
        if let Some(source) = project.newer_source() {
            eprintln!(
                "warning: {} has changed since {COMPONENT} was built; `--build` builds first",
                source.display()
            );
        }
        Ok(component)
    }

    /// What is done again when a file changes. `folder`: of the project.
    fn again(&self, folder: &Path) -> anyhow::Result<Again> {
        match &self.plugin {
            Some(file) => Again::component(file),
            None => Again::building(Project::find(folder)?),
        }
    }

    /// Compiles the component and asks it what it is.
    async fn load(&self, bench: &Workbench, folder: &Path) -> anyhow::Result<Arc<Plugin>> {
        let file = self.file(folder).await?;
        bench.load(&file).await
    }
}

/// Whether colours are welcome on standard error.
fn coloured() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::io::stderr().is_terminal()
}

/// The folder that a path is in.
fn parent(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|parent| *parent != Path::new(""));
    parent.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// A file's size.
fn size(file: &Path) -> anyhow::Result<u64> {
    let metadata = std::fs::metadata(file).with_context(|| file.display().to_string())?;
    Ok(metadata.len())
}
