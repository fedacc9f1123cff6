use std::sync::Arc;

use super::installed::{Plugin, Rule};
use crate::realm::{LocalPath, PluginChoice, RealmSettings};

/// What a browser reads: a pipeline that has come to one of these is at its end.
pub const BROWSER_FORMATS: [&str; 5] = [".js", ".mjs", ".css", ".html", ".json"];

/// The most stages that a pipeline may have.
const MAX_STAGES: usize = 8;

/// One step: a plugin, what it makes of the file, and with which options.
#[derive(Clone, Debug)]
pub struct Stage {
    /// Whom to call.
    pub plugin: Arc<Plugin>,
    /// What it takes and gives.
    pub rule: Rule,
    /// A JSON object.
    pub options: String,
}

/// The plugins that may take a file next, in order: one that declines passes it on.
#[derive(Clone, Debug, Default)]
pub struct StageChoice(pub Vec<Stage>);

/// A realm's settings name a plugin that is not there.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "realm.json gives `{extension}` to plugin `{plugin}`, which is not installed or does not take it"
)]
pub struct UnknownPlugin {
    /// The extension.
    pub extension: String,
    /// What the settings say.
    pub plugin: String,
}

/// The installed plugins, in the order in which they are asked.
#[derive(Clone, Debug, Default)]
pub struct Plugins(Vec<Arc<Plugin>>);

impl Plugins {
    /// In this order: the earlier one takes an extension that two take.
    #[must_use]
    pub fn new(plugins: Vec<Arc<Plugin>>) -> Self {
        Self(plugins)
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Arc<Plugin>] {
        &self.0
    }

    /// Who takes a file, by its own name at the first stage, as `.ext` (what the stage before gave) later.
    ///
    /// # Errors
    /// When the realm's settings name a plugin that is not there.
    pub fn takers(
        &self,
        name: &str,
        settings: &RealmSettings,
    ) -> Result<StageChoice, UnknownPlugin> {
        let rules = self
            .0
            .iter()
            .flat_map(|plugin| plugin.rules.iter().map(move |rule| (plugin, rule)));
        let fitting: Vec<_> = rules
            .filter(|(_, rule)| name.ends_with(&rule.takes))
            .collect();
        let Some(longest) = fitting.iter().map(|(_, rule)| rule.takes.len()).max() else {
            return Ok(StageChoice::default());
        };
        let mut takers: Vec<_> = fitting
            .into_iter()
            .filter(|(_, rule)| rule.takes.len() == longest)
            .collect();
        let takes = takers[0].1.takes.clone();
        let choice = settings.plugins.get(&takes);
        if let Some(wanted) = choice.and_then(|choice| choice.plugin()) {
            takers.retain(|(plugin, _)| is_named(plugin, wanted));
            if takers.is_empty() {
                return Err(UnknownPlugin {
                    extension: takes,
                    plugin: wanted.to_owned(),
                });
            }
        }
        let options = choice.map_or_else(|| "{}".to_owned(), |choice| choice.options());
        let stage = |(plugin, rule): (&Arc<Plugin>, &Rule)| Stage {
            plugin: Arc::clone(plugin),
            rule: rule.clone(),
            options: options.clone(),
        };
        Ok(StageChoice(takers.into_iter().map(stage).collect()))
    }

    /// Who renders a document of this name, in the order in which they are asked. A realm's settings may choose one, with
    /// options, as for a transpiler.
    #[must_use]
    pub fn renderers(&self, name: &str, settings: &RealmSettings) -> StageChoice {
        let fitting: Vec<_> = self
            .0
            .iter()
            .flat_map(|plugin| plugin.renders.iter().map(move |takes| (plugin, takes)))
            .filter(|(_, takes)| name.ends_with(takes.as_str()))
            .collect();
        let Some(takes) = fitting
            .iter()
            .map(|(_, takes)| *takes)
            .max_by_key(|takes| takes.len())
        else {
            return StageChoice::default();
        };
        let choice = settings.plugins.get(takes);
        let wanted = choice.and_then(|choice| choice.plugin());
        // What an extension is transpiled by need not be what renders it.
        let chosen = |plugin: &Plugin| wanted.is_some_and(|wanted| is_named(plugin, wanted));
        let any = fitting.iter().any(|(plugin, _)| chosen(plugin));
        let stages = fitting
            .iter()
            .filter(|(plugin, of)| *of == takes && (!any || chosen(plugin)))
            .map(|(plugin, _)| {
                Stage::of_document(plugin, takes, choice.map(PluginChoice::options))
            });
        StageChoice(stages.collect())
    }

    /// Who may be asked what a module defines.
    #[must_use]
    pub fn definers(&self) -> StageChoice {
        let prerenderers = self.0.iter().filter(|plugin| !plugin.renders.is_empty());
        StageChoice(
            prerenderers
                .map(|plugin| Stage::of_document(plugin, "", None))
                .collect(),
        )
    }

    /// Whether some plugin renders a document of this name.
    #[must_use]
    pub fn renders(&self, path: &LocalPath) -> bool {
        let mut renders = self.0.iter().flat_map(|plugin| &plugin.renders);
        renders.any(|takes| path.name().ends_with(takes.as_str()))
    }

    /// Whether some plugin takes a file of this name.
    #[must_use]
    pub fn takes(&self, path: &LocalPath) -> bool {
        self.0
            .iter()
            .flat_map(|plugin| &plugin.rules)
            .any(|rule| path.name().ends_with(&rule.takes))
    }
}

impl Stage {
    fn of_document(plugin: &Arc<Plugin>, takes: &str, options: Option<String>) -> Self {
        Self {
            plugin: Arc::clone(plugin),
            rule: Rule {
                takes: takes.to_owned(),
                gives: String::new(),
                media_type: "text/html".to_owned(),
            },
            options: options.unwrap_or_else(|| "{}".to_owned()),
        }
    }

    /// What the file is treated as after this stage; none: the chain ends here.
    #[must_use]
    pub fn goes_on_as(&self, stages: usize) -> Option<&str> {
        let ends = self.rule.gives == self.rule.takes
            || BROWSER_FORMATS.contains(&self.rule.gives.as_str())
            || stages >= MAX_STAGES;
        (!ends).then_some(&*self.rule.gives)
    }
}

/// `name`, or `name@version` where the version may be cut off at a dot.
fn is_named(plugin: &Plugin, wanted: &str) -> bool {
    match wanted.split_once('@') {
        None => plugin.name == wanted,
        Some((name, version)) => {
            plugin.name == name
                && (plugin.version == version || plugin.version.starts_with(&format!("{version}.")))
        }
    }
}
