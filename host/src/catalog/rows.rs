use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::trust::key_number;
use super::{Brought, Catalog, CatalogError, Signed};
use crate::database::{PluginNameRow, PluginRow};
use crate::plugins::{Bounds, CircuitOpen, Picks, Plugin};

/// A plugin that this replica knows of.
#[derive(Clone, Debug)]
pub struct Entry {
    /// `sha256:<hex>`.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub summary: String,
    /// How it stands.
    pub state: State,
    /// Its row; none: this host brings it along.
    pub row: Option<PluginRow>,
    /// Its file, where this host brings it along in one.
    pub file: Option<String>,
    /// Who vouches for it.
    pub signed: Option<Signed>,
    /// Whether this replica has found so by its own keys; it has not looked at what it was never asked to run.
    pub verified: bool,
    /// Compiled, where this replica has it so.
    pub plugin: Option<Arc<Plugin>>,
    /// The bounds of its calls, each with its value and where that comes from.
    pub limits: Value,
}

/// How a plugin stands on this replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is asked.
    InForce,
    /// Another one of its name is.
    Installed,
    /// None of its name is.
    Disabled,
    /// It is to be asked, and does not run here.
    Failed(String),
}

impl State {
    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::InForce => "in-force",
            Self::Installed => "installed",
            Self::Disabled => "disabled",
            Self::Failed(_) => "failed",
        }
    }
}

impl Entry {
    /// `name@version`.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// As commands and the admin socket show it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let source = self.row.as_ref().map(|row| row.source.as_str());
        let pinned = self.row.as_ref().filter(|row| row.pinned);
        let signature = self.signed.as_ref().map(|signed| {
            json!({ "key": signed.key, "comment": signed.comment, "verified": self.verified })
        });
        let mut shown = json!({
            "name": self.name, "version": self.version, "digest": self.digest, "summary": self.summary,
            "state": self.state.as_str(),
            "source": source.or(self.file.as_deref()).unwrap_or("the host"),
            "pin": pinned.map(|row| row.digest.as_str()),
            "signer": self.signed.as_ref().and_then(|signed| signed.signer.as_deref()),
            "signature": signature,
            "installedAt": self.row.as_ref().map(|row| row.installed_at),
        });
        shown["limits"] = self.limits.clone();
        if let State::Failed(problem) = &self.state {
            shown["problem"] = json!(problem);
        }
        if let Some(plugin) = &self.plugin {
            let takes = plugin.rules.iter().map(|rule| json!({ "takes": rule.takes, "gives": rule.gives, "mediaType": rule.media_type }));
            let (running, waiting) = plugin.admission.load();
            shown["transpiles"] = takes.collect();
            shown["renders"] = json!(plugin.renders);
            if let Some(options) = &plugin.options_schema {
                shown["optionsSchema"] = options.schema.clone();
            }
            shown["contract"] = json!(plugin.contract);
            if let Some(remarks) = plugin.remarks.get().filter(|all| !all.is_empty()) {
                shown["warnings"] = json!(remarks);
            }
            shown["running"] = json!(running);
            shown["waiting"] = json!(waiting);
            let open = plugin.breaker.open(Instant::now());
            shown["breakers"] = open.iter().map(breaker).collect();
        }
        shown
    }

    /// Whether somebody who says this means it: a digest, a part of one, a name, or a name and a part of a version.
    fn is_meant(&self, wanted: &str) -> bool {
        if let Some(hex) = wanted.strip_prefix("sha256:") {
            return hex.len() >= 8 && self.digest.starts_with(wanted);
        }
        match wanted.split_once('@') {
            None => self.name == wanted,
            Some((name, version)) => {
                let rest = self.version.strip_prefix(version);
                self.name == name
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        }
    }
}

/// A realm in which a plugin is not called for a while.
fn breaker(open: &CircuitOpen) -> Value {
    let ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let half = open.probing || open.again.is_zero();
    json!({
        "realm": open.realm, "state": if half { "half-open" } else { "open" }, "failures": open.failures,
        "since": open.opened_at, "sinceMs": ms(open.since), "retryInMs": ms(open.again), "kind": open.kind.as_str(), "error": open.why,
    })
}

/// Who vouches for a component by what the database says of it: whoever installed it has looked. Of one that does not run
/// here that is worth nothing.
fn claimed(row: &PluginRow, state: &State) -> Option<Signed> {
    let key = key_number(row.signature.as_ref()?);
    let failed = matches!(state, State::Failed(_));
    Some(Signed {
        signer: row.signer.clone().filter(|_| !failed),
        key,
        comment: None,
    })
}

impl Catalog {
    /// All plugins, in the order in which they are asked; those that are not asked come after the one of their name.
    #[must_use]
    pub fn list(&self) -> Vec<Entry> {
        let current = self.live.current();
        let known = self.known.read();
        let rows = &known.rows;
        let decided = |name: &str| rows.names.iter().find(|row| row.name == name);
        let of_own = |own: &Brought| {
            let plugin = &own.plugin;
            let state = match decided(&plugin.name) {
                Some(PluginNameRow { enabled: false, .. }) => State::Disabled,
                Some(PluginNameRow {
                    digest: Some(of), ..
                }) if *of != plugin.digest => State::Installed,
                _ => State::InForce,
            };
            Entry {
                digest: plugin.digest.clone(),
                name: plugin.name.clone(),
                version: plugin.version.clone(),
                summary: plugin.summary.clone(),
                state,
                row: None,
                file: own.file.clone(),
                signed: own.signed.clone(),
                verified: own.signed.is_some(),
                plugin: Some(Arc::clone(plugin)),
                limits: Value::Null,
            }
        };
        let of_row = |row: &PluginRow| {
            let state = match decided(&row.name) {
                Some(PluginNameRow { enabled: false, .. }) => State::Disabled,
                Some(PluginNameRow {
                    digest: Some(of), ..
                }) if *of == row.digest => match known.failed.get(of) {
                    Some((problem, _)) => State::Failed(problem.clone()),
                    None => State::InForce,
                },
                _ => State::Installed,
            };
            let compiled = self.compiled.lock().get(&row.digest).cloned();
            let (signed, plugin) = match &compiled {
                Some(compiled) => (compiled.signed.clone(), Some(Arc::clone(&compiled.plugin))),
                None => (claimed(row, &state), None),
            };
            Entry {
                digest: row.digest.clone(),
                name: row.name.clone(),
                version: row.version.clone(),
                summary: row.summary.clone(),
                state,
                row: Some(row.clone()),
                file: None,
                verified: compiled.is_some() && signed.is_some(),
                signed,
                plugin,
                limits: Value::Null,
            }
        };
        let installed = |digest: &str| rows.installed.iter().any(|row| row.digest == digest);
        let own = self.parts.own.iter();
        let own = own.filter(|own| !installed(&own.plugin.digest)).map(of_own);
        let mut all: Vec<_> = own.chain(rows.installed.iter().map(of_row)).collect();
        let place = |entry: &Entry| {
            let mut asked = current.all().iter();
            asked.position(|plugin| plugin.name == entry.name)
        };
        for entry in &mut all {
            let mut live = current.all().iter();
            let live = live.find(|plugin| plugin.digest == entry.digest);
            if let Some(live) = live.filter(|_| entry.state == State::InForce) {
                entry.plugin = Some(Arc::clone(live));
            }
            let row = decided(&entry.name).map_or("", |row| row.limits.as_str());
            let bounds = Bounds::of_row(row);
            let host = self.parts.engine.limits();
            let limits = bounds.over(host, self.parts.limits.ceilings);
            entry.limits = bounds.to_json(&limits);
        }
        all.sort_by_key(|entry| {
            let place = place(entry).unwrap_or(usize::MAX);
            let asked = matches!(entry.state, State::InForce | State::Failed(_));
            (place, entry.name.clone(), !asked)
        });
        all
    }

    /// The operator's picks, by extension.
    #[must_use]
    pub fn picks(&self) -> Picks {
        self.known.read().rows.picks.iter().cloned().collect()
    }

    /// The plugin that somebody means: by its name, `name@version`, or its digest. Of several of one name it is the one that
    /// is asked.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn find(&self, wanted: &str) -> Result<Entry, CatalogError> {
        let all = self.list();
        let mut meant: Vec<_> = all.iter().filter(|entry| entry.is_meant(wanted)).collect();
        if meant.len() > 1
            && let Some(asked) = meant.iter().position(|entry| entry.state == State::InForce)
        {
            meant = vec![meant[asked]];
        }
        match meant.as_slice() {
            [entry] => Ok((*entry).clone()),
            [] => Err(CatalogError::Unknown {
                wanted: wanted.to_owned(),
                there: all.iter().map(Entry::label).collect(),
            }),
            several => Err(CatalogError::Ambiguous {
                wanted: wanted.to_owned(),
                there: several
                    .iter()
                    .map(|entry| format!("{} ({})", entry.digest, entry.label()))
                    .collect(),
            }),
        }
    }
}
