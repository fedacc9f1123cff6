use std::sync::Arc;

use bytes::Bytes;

use super::files::FolderFiles;
use super::{Folder, Workbench};
use crate::plugins::{
    Call, CallError, CallToken, Contents, Diagnostic, Outcome, Output, Plugin, PluginEngine,
    Plugins, Spent, Work,
};
use crate::reading::{Trail, broken};
use crate::realm::{LocalPath, PluginChoice, guest_url, media_type};

/// What is to be made of a file.
#[derive(Clone, Debug)]
pub struct Job {
    /// What for.
    pub work: Work,
    /// The realm.
    pub folder: Arc<Folder>,
    /// The file's path in it.
    pub path: LocalPath,
    /// Its bytes.
    pub bytes: Bytes,
    /// A JSON object for the plugin that is being written; none: what `realm.json` says.
    pub options: Option<String>,
    /// The plugin that is being written.
    pub first: Option<Arc<Plugin>>,
}

/// One call on the way.
#[derive(Debug)]
pub struct Step {
    /// Who was asked.
    pub plugin: String,
    /// What it came to.
    pub outcome: Result<Outcome, CallError>,
    /// What it has spent.
    pub spent: Spent,
}

/// What came of a file at the end of its pipeline.
#[derive(Debug)]
pub enum Made {
    /// Nobody took it.
    AsIs(Bytes),
    /// An output.
    Output {
        /// The last one.
        output: Output,
        /// Its media type.
        media_type: String,
    },
    /// Nothing, and why.
    Failed(Vec<Diagnostic>),
}

impl Made {
    /// What is said of the file.
    #[must_use]
    pub fn complaints(&self) -> &[Diagnostic] {
        match self {
            Self::AsIs(_) => &[],
            Self::Output { output, .. } => &output.diagnostics,
            Self::Failed(diagnostics) => diagnostics,
        }
    }
}

/// What a plugin is asked for a file of this name.
#[must_use]
pub fn work_of(plugin: &Plugin, path: &LocalPath) -> Option<Work> {
    let name = path.name();
    let transpiles = plugin.rules.iter().any(|rule| name.ends_with(&rule.takes));
    let renders = plugin.renders.iter().any(|takes| name.ends_with(takes));
    match (transpiles, renders) {
        (true, _) => Some(Work::Transpile),
        (false, true) => Some(Work::Render),
        (false, false) => None,
    }
}

impl Workbench {
    /// Asks one plugin about a file, in a fresh instance and under every limit.
    pub async fn ask(&self, job: &Job, plugin: &Arc<Plugin>) -> Step {
        let call = self.call(job, plugin, job.bytes.clone(), options(job));
        run(&self.0.engine, call).await
    }

    /// What the engine counts for a call that has come to `step`; `counted` is its plugin, of [`Workbench::load_counted`].
    /// None: it comes to something else there, for code that counts is slower.
    ///
    /// # Errors
    /// When the machine cannot run plugins.
    pub async fn count(
        &self,
        job: &Job,
        counted: &Arc<Plugin>,
        step: &Step,
    ) -> anyhow::Result<Option<u64>> {
        let call = self.call(job, counted, job.bytes.clone(), options(job));
        let again = run(self.counting().await?, call).await;
        let same = match (&step.outcome, &again.outcome) {
            (Ok(one), Ok(other)) => one.name() == other.name(),
            (Err(one), Err(other)) => one.kind == other.kind,
            _ => false,
        };
        Ok(again.spent.fuel.filter(|_| same))
    }

    /// Takes a file through its pipeline, as a host would; every call on the way.
    pub async fn make(&self, job: &Job, plugins: &Plugins) -> (Made, Vec<Step>) {
        let mut steps: Vec<Step> = Vec::new();
        let mut bytes = job.bytes.clone();
        let mut treated_as = job.path.name().to_owned();
        let mut made = Made::AsIs(bytes.clone());
        let mut stages = 0;
        let mut trail = Trail::new(&job.path, self.0.config.limits.map_segments);
        loop {
            let choice = match plugins.takers(&treated_as, &job.folder.settings) {
                Ok(choice) => choice,
                Err(unknown) => {
                    let problem = Diagnostic::error(&unknown.to_string(), "configuration");
                    return (Made::Failed(vec![problem]), steps);
                }
            };
            let mut taken = None;
            for stage in choice.0 {
                let own = job
                    .first
                    .as_ref()
                    .filter(|own| own.digest == stage.plugin.digest);
                let options = own.and(job.options.clone());
                let options = options.unwrap_or_else(|| stage.options.clone());
                let call = self.call(job, &stage.plugin, bytes.clone(), options);
                let step = run(&self.0.engine, call).await;
                let outcome = step.outcome.clone();
                steps.push(step);
                if !matches!(outcome, Ok(Outcome::Declined)) {
                    taken = Some((stage, outcome));
                    break;
                }
            }
            let Some((stage, outcome)) = taken else {
                return (ended(made, trail), steps);
            };
            match outcome {
                Ok(Outcome::Output(output)) => {
                    let same = output.contents == bytes;
                    trail.step(&stage, &output, same).await;
                    bytes = output.contents.clone();
                    made = Made::Output {
                        output,
                        media_type: stage.rule.media_type.clone(),
                    };
                }
                Ok(other) => {
                    let said = trail.led_back(&stage, &complaints(&other)).await;
                    return (Made::Failed(said), steps);
                }
                Err(error) => return (Made::Failed(vec![broken(&error)]), steps),
            }
            stages += 1;
            let most = self.0.config.limits.stages;
            match stage.goes_on_as() {
                Some(_) if stages == most => {
                    let message = format!(
                        "the pipeline of `{}` has more than {most} stages, or goes round for ever",
                        job.path
                    );
                    let problem = Diagnostic::error(&message, "pipeline");
                    return (Made::Failed(vec![problem]), steps);
                }
                Some(next) => next.clone_into(&mut treated_as),
                None => return (ended(made, trail), steps),
            }
        }
    }

    fn call(&self, job: &Job, plugin: &Arc<Plugin>, bytes: Bytes, options: String) -> Call {
        let files = FolderFiles {
            bench: self.clone(),
            folder: Arc::clone(&job.folder),
            work: job.work,
            first: job.first.clone(),
        };
        Call {
            id: 0,
            plugin: Arc::clone(plugin),
            realm: String::new(),
            input: Contents {
                url: guest_url(&job.path),
                path: job.path.to_string(),
                media_type: media_type(job.path.as_str()).to_owned(),
                bytes,
            },
            work: job.work,
            options,
            files: Arc::new(files),
            token: CallToken::default(),
        }
    }
}

/// The options of a job: its own, else what `realm.json` says.
fn options(job: &Job) -> String {
    job.options.clone().unwrap_or_else(|| {
        let settings = job.folder.settings.plugins.iter();
        let mut fitting = settings.filter(|(takes, _)| job.path.name().ends_with(*takes));
        let choice = fitting.next().map(|(_, choice)| choice);
        choice.map_or_else(|| "{}".to_owned(), PluginChoice::options)
    })
}

async fn run(engine: &Arc<PluginEngine>, call: Call) -> Step {
    let plugin = call.plugin.label();
    let (outcome, spent) = engine.measure(call).await;
    Step {
        plugin,
        outcome,
        spent,
    }
}

/// With the source map of the whole pipeline, and what all its stages said of the file.
fn ended(mut made: Made, trail: Trail) -> Made {
    if let Made::Output { output, .. } = &mut made {
        (output.source_map, output.diagnostics) = trail.end();
    }
    made
}

/// What an outcome has to say.
pub(super) fn complaints(outcome: &Outcome) -> Vec<Diagnostic> {
    match outcome {
        Outcome::Output(output) => output.diagnostics.clone(),
        Outcome::Rendition(rendition) => rendition.diagnostics.clone(),
        Outcome::Invalid(diagnostics) => diagnostics.clone(),
        Outcome::Unreadable { specifier, reason } => {
            let message = format!("`{specifier}` cannot be read: {reason}");
            vec![Diagnostic::error(&message, "unreadable")]
        }
        Outcome::Declined | Outcome::Definitions(_) => Vec::new(),
    }
}

impl Step {
    /// What it has to say, a failure of the call included.
    #[must_use]
    pub fn complaints(&self) -> Vec<Diagnostic> {
        match &self.outcome {
            Ok(outcome) => complaints(outcome),
            Err(error) => vec![broken(error)],
        }
    }
}
