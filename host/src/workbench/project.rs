use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, anyhow, bail};
use serde_json::Value;
use tokio::process::Command;

use super::{Look, Place};

/// Where a project's component is, once it is built.
pub const COMPONENT: &str = "plugin.wasm";
/// The compiler's name for what plugins are built for.
const TARGET: &str = "wasm32-wasip2";
/// What the tools write into a project's folder, besides what is hidden.
const WRITTEN: [&str; 5] = [
    "target",
    "node_modules",
    "Cargo.lock",
    "package-lock.json",
    COMPONENT,
];
/// The cases of a project, which are no sources.
pub const CASES: &str = "cases";

/// A language that plugins are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// By cargo, with the SDK.
    Rust,
    /// By componentize-qjs, from the WIT alone.
    JavaScript,
    /// By componentize-py, from the WIT alone.
    Python,
}

impl Language {
    /// Its name, as on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::JavaScript => "js",
            Self::Python => "python",
        }
    }

    /// The file by which a project of it is known.
    #[must_use]
    pub fn manifest(self) -> &'static str {
        match self {
            Self::Rust => "Cargo.toml",
            Self::JavaScript => "package.json",
            Self::Python => "pyproject.toml",
        }
    }
}

/// A folder in which a plugin is written.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder.
    pub folder: PathBuf,
    /// What it is written in.
    pub language: Language,
}

impl Project {
    /// The project of a folder.
    ///
    /// # Errors
    /// When there is no manifest.
    pub fn find(folder: &Path) -> anyhow::Result<Self> {
        let languages = [Language::Rust, Language::JavaScript, Language::Python];
        let found = languages
            .into_iter()
            .find(|language| folder.join(language.manifest()).is_file());
        let Some(language) = found else {
            bail!(
                "{}: no plugin is written here: there is no Cargo.toml, package.json or pyproject.toml; `realm plugin new NAME --lang rust` makes a plugin",
                folder.display()
            );
        };
        Ok(Self {
            folder: folder.to_owned(),
            language,
        })
    }

    /// Where its component is, once it is built.
    #[must_use]
    pub fn component(&self) -> PathBuf {
        self.folder.join(COMPONENT)
    }

    /// What the tools write.
    #[must_use]
    pub fn written(&self) -> Vec<PathBuf> {
        WRITTEN.map(|name| self.folder.join(name)).into()
    }

    /// Its sources.
    #[must_use]
    pub fn sources(&self) -> Place {
        let mut without = self.written();
        without.push(self.folder.join(CASES));
        Place {
            root: self.folder.clone(),
            without,
        }
    }

    /// A source that was changed after the component was built; none: there is no such one.
    #[must_use]
    pub fn newer_source(&self) -> Option<PathBuf> {
        let built = self.component().metadata().ok()?.modified().ok()?;
        Look::at(&[self.sources()]).changed_after(built)
    }

    /// Builds the component with the language's own tool; `more` goes to that tool as it is.
    ///
    /// # Errors
    /// When a tool is missing, or does not take the sources: it has said why on standard error.
    pub async fn build(&self, more: &[String]) -> anyhow::Result<PathBuf> {
        match self.language {
            Language::Rust => self.cargo(more).await?,
            Language::JavaScript => self.npm(more).await?,
            Language::Python => self.componentize_py(more).await?,
        }
        let component = self.component();
        if !component.is_file() {
            bail!(
                "the build gave no {}; see README.md of a new plugin for what has to be there",
                component.display()
            );
        }
        Ok(component)
    }

    /// A tool that runs in the project's folder and talks to standard error.
    fn tool(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command
    }

    async fn cargo(&self, more: &[String]) -> anyhow::Result<()> {
        let mut cargo = self.tool("cargo");
        cargo
            .args(["build", "--release", "--target", TARGET])
            .args(["--message-format", "json-render-diagnostics"])
            .args(more)
            .stdout(Stdio::piped());
        let done = started(cargo.spawn(), "cargo", "Rust, from https://rustup.rs")?;
        let done = done.wait_with_output().await?;
        if !done.status.success() {
            if !self.has_target().await {
                bail!(
                    "the compiler cannot build for {TARGET} yet: `rustup target add {TARGET}`, and build again"
                );
            }
            bail!("cargo: {}", done.status);
        }
        let manifest = self.folder.join("Cargo.toml").canonicalize()?;
        let text = String::from_utf8_lossy(&done.stdout);
        let messages = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut built = messages.filter_map(|message: Value| {
            let own = Path::new(message["manifest_path"].as_str()?) == manifest;
            let files = message["filenames"].as_array()?.iter();
            let mut files = files.filter_map(Value::as_str).map(PathBuf::from);
            files.find(|file| own && file.extension().is_some_and(|ending| ending == "wasm"))
        });
        let Some(file) = built.next_back() else {
            bail!(
                "{}: it gives no component; a plugin is a library with `crate-type = [\"cdylib\", \"rlib\"]`",
                manifest.display()
            );
        };
        let component = self.component();
        std::fs::copy(&file, &component)
            .with_context(|| format!("{} to {}", file.display(), component.display()))?;
        Ok(())
    }

    async fn has_target(&self) -> bool {
        let mut rustc = self.tool("rustc");
        rustc.args(["--print", "target-libdir", "--target", TARGET]);
        let Ok(found) = rustc.stderr(Stdio::null()).output().await else {
            return true;
        };
        let folder = String::from_utf8_lossy(&found.stdout).trim().to_owned();
        found.status.success() && Path::new(&folder).is_dir()
    }

    async fn npm(&self, more: &[String]) -> anyhow::Result<()> {
        const NODE: &str =
            "Node.js with npm, from https://nodejs.org or the distribution's packages";
        if !self.folder.join("node_modules").is_dir() {
            let mut npm = self.tool("npm");
            npm.args(["install", "--no-audit", "--no-fund"]);
            run(npm, "npm", NODE).await?;
        }
        let mut npm = self.tool("npm");
        npm.args(["run", "--silent", "build", "--"]).args(more);
        run(npm, "npm", NODE).await
    }

    async fn componentize_py(&self, more: &[String]) -> anyhow::Result<()> {
        const PYTHON: &str =
            "Python 3.10 or later with venv (python3 and python3-venv of the distribution)";
        let manifest = self.folder.join("pyproject.toml");
        let text = std::fs::read_to_string(&manifest)?;
        let settings: toml::Table =
            toml::from_str(&text).with_context(|| manifest.display().to_string())?;
        let own = settings
            .get("tool")
            .and_then(|tool| tool.get("realm-plugin"));
        let setting = |key: &str| {
            let value = own
                .and_then(|own| own.get(key))
                .and_then(toml::Value::as_str);
            value.map(str::to_owned).ok_or_else(|| {
                anyhow!(
                    "{}: `[tool.realm-plugin]` has no `{key}`; it needs `world` (`transpiler-plugin`, `prerenderer-plugin` or `combined-plugin`) and `module`",
                    manifest.display()
                )
            })
        };
        let (world, module) = (setting("world")?, setting("module")?);
        let environment = self.folder.join(".venv");
        let installed = environment.join("installed");
        let wanted = self.folder.join("requirements.txt");
        let requirements =
            std::fs::read_to_string(&wanted).with_context(|| wanted.display().to_string())?;
        if std::fs::read_to_string(&installed).ok() != Some(requirements.clone()) {
            let mut python = self.tool("python3");
            python.args(["-m", "venv", ".venv"]);
            run(python, "python3", PYTHON).await?;
            let mut pip = self.tool(environment.canonicalize()?.join("bin/pip"));
            pip.args(["install", "--quiet", "--disable-pip-version-check"]);
            run(pip.args(["-r", "requirements.txt"]), "pip", PYTHON).await?;
            std::fs::write(&installed, requirements)?;
        }
        // It looks for what the plugin imports where this environment has it.
        let environment = environment.canonicalize()?;
        let mut tool = self.tool(environment.join("bin/componentize-py"));
        tool.env("VIRTUAL_ENV", &environment)
            .args(["--quiet", "--wit-path", "wit", "--world", &world])
            .args(["componentize", "--stub-wasi", "--python-path", "src"])
            .args(["--output", COMPONENT])
            .args(more)
            .arg(&module);
        run(
            tool,
            "componentize-py",
            "`componentize-py` of requirements.txt",
        )
        .await
    }
}

/// Runs a tool to its end.
async fn run(
    mut tool: impl std::borrow::BorrowMut<Command>,
    name: &str,
    needs: &str,
) -> anyhow::Result<()> {
    // Data of ours is on standard output, and nothing else.
    let tool = tool.borrow_mut().stdout(std::io::stderr());
    let status = started(tool.spawn(), name, needs)?.wait().await?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

fn started<T>(spawned: std::io::Result<T>, name: &str, needs: &str) -> anyhow::Result<T> {
    spawned.map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            anyhow!("there is no `{name}` here: install {needs}, and build again")
        }
        _ => anyhow!("{name}: {error}"),
    })
}
