use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::installed::{Plugin, Rule};
use crate::realm::{
    BlobHash, LocalPath, PluginChoice, RealmSettings, SettingsError, place_in_json,
};

/// What a browser reads: a pipeline that has come to one of these is at its end.
pub const BROWSER_FORMATS: [&str; 5] = [".js", ".mjs", ".css", ".html", ".json"];

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
    /// Those that take it.
    pub takers: Vec<String>,
}

/// A set of plugins, in the order in which they are asked.
#[derive(Debug)]
pub struct Plugins {
    all: Vec<Arc<Plugin>>,
    picks: Picks,
    name: Arc<str>,
    lack_one: AtomicBool,
}

/// The operator's picks: the name of the plugin that is asked first, by extension.
pub type Picks = BTreeMap<String, String>;

impl Plugins {
    /// In this order: the earlier one takes an extension that two take, unless the operator has picked another.
    #[must_use]
    pub fn new(all: Vec<Arc<Plugin>>, picks: Picks) -> Self {
        let mut name = blake3::Hasher::new_derive_key("realm plugin set 3");
        for plugin in &all {
            name.update(plugin.digest.as_bytes());
            // What failed by a limit may come out well under another one.
            if !mutant!("limits-not-in-the-name") {
                name.update(plugin.bounds.name().as_bytes());
            }
            name.update(plugin.contract.as_bytes());
        }
        for (extension, plugin) in &picks {
            name.update(format!("\n{extension} {plugin}").as_bytes());
        }
        let name = BlobHash::from(*name.finalize().as_bytes()).short();
        Self {
            all,
            picks,
            name: name.into(),
            lack_one: AtomicBool::default(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Arc<Plugin>] {
        &self.all
    }

    /// Names the set: two of one name make the same of everything.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether one of them has been taken out of force since: what is begun with them comes to nothing.
    #[must_use]
    pub fn lack_one(&self) -> bool {
        self.lack_one.load(Ordering::SeqCst)
    }

    /// These are out of force from now on.
    pub(super) fn lose(&self, digests: &[String]) {
        if self
            .all
            .iter()
            .any(|plugin| digests.contains(&plugin.digest))
        {
            self.lack_one.store(true, Ordering::SeqCst);
        }
    }

    /// Whether it is the same in everything, bounds that no outcome depends on included.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let pairs = || self.all.iter().zip(&other.all);
        self.name == other.name
            && self.all.len() == other.all.len()
            && pairs().all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// The operator's picks.
    #[must_use]
    pub fn picks(&self) -> &Picks {
        &self.picks
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
            .all
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
            let labels: Vec<_> = takers.iter().map(|(plugin, _)| plugin.label()).collect();
            takers.retain(|(plugin, _)| is_named(plugin, wanted));
            if takers.is_empty() {
                return Err(UnknownPlugin {
                    extension: takes,
                    plugin: wanted.to_owned(),
                    takers: labels,
                });
            }
        }
        if let Some(picked) = self.picks.get(&takes) {
            takers.sort_by_key(|(plugin, _)| plugin.name != *picked);
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
            .all
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
        let mut renderers: Vec<_> = fitting
            .iter()
            .filter(|(plugin, of)| *of == takes && (!any || chosen(plugin)))
            .map(|(plugin, _)| *plugin)
            .collect();
        if let Some(picked) = self.picks.get(takes) {
            renderers.sort_by_key(|plugin| plugin.name != *picked);
        }
        // Options are for whom they are given with.
        let options = choice.filter(|_| wanted.is_none() || any);
        let stage = |plugin| Stage::of_document(plugin, takes, options.map(PluginChoice::options));
        StageChoice(renderers.into_iter().map(stage).collect())
    }

    /// Who may be asked what a module defines.
    #[must_use]
    pub fn definers(&self) -> StageChoice {
        let prerenderers = self.all.iter().filter(|plugin| !plugin.renders.is_empty());
        StageChoice(
            prerenderers
                .map(|plugin| Stage::of_document(plugin, "", None))
                .collect(),
        )
    }

    /// What is wrong with the options that settings give to plugins, at its place in their text: of the first plugin that
    /// would be asked. None: nothing, as far as these plugins say.
    #[must_use]
    pub fn misfit(&self, settings: &RealmSettings, text: &[u8]) -> Option<SettingsError> {
        settings.plugins.keys().find_map(|extension| {
            let takers = self.takers(extension, settings).ok()?.0;
            let renderers = || self.renderers(extension, settings).0;
            let first = takers.into_iter().next();
            let first = first.or_else(|| renderers().into_iter().next())?;
            let schema = first.plugin.options_schema.as_ref()?;
            let problem = schema.problems(&first.options).into_iter().next()?;
            let place = place_in_json(text, &problem.pointer_of(extension), problem.key);
            let (line, column) = place.unwrap_or_default();
            Some(SettingsError {
                message: problem.said_of(extension, &first.plugin.label()),
                line: line as usize,
                column: column as usize,
            })
        })
    }

    /// Whether some plugin renders a document of this name.
    #[must_use]
    pub fn renders(&self, path: &LocalPath) -> bool {
        let mut renders = self.all.iter().flat_map(|plugin| &plugin.renders);
        renders.any(|takes| path.name().ends_with(takes.as_str()))
    }

    /// Whether some plugin takes a file of this name.
    #[must_use]
    pub fn takes(&self, path: &LocalPath) -> bool {
        self.all
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
    pub fn goes_on_as(&self) -> Option<&str> {
        let ends = self.rule.gives == self.rule.takes
            || BROWSER_FORMATS.contains(&self.rule.gives.as_str());
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
