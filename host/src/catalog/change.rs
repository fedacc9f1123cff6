use std::sync::Arc;

use tracing::info;

use super::{Catalog, CatalogError, Entry, State, circle};
use crate::changes::{Announcement, PLUGINS};
use crate::database::PluginChange;
use crate::plugins::{Bounds, Picks, Plugin};

/// How often a change is thought out anew because others have changed plugins meanwhile.
const TRIES: usize = 10;

impl Catalog {
    /// Puts an installed component in force, or what the host brings along, and has its name asked again.
    ///
    /// # Errors
    /// When there is no such plugin, or files would go round for ever with it.
    pub async fn enable(&self, wanted: &str) -> Result<Entry, CatalogError> {
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let entry = self.find(wanted)?;
        let plugin = match (&entry.plugin, entry.row.is_some()) {
            (Some(plugin), _) => Some(Arc::clone(plugin)),
            (None, true) => {
                let compiled = self.compile(&entry.digest).await?;
                compiled.ok().map(|compiled| compiled.plugin)
            }
            (None, false) => None,
        };
        if let Some(plugin) = plugin {
            self.may_be_asked(&plugin)?;
        }
        let of = entry.row.as_ref().map(|row| row.digest.as_str());
        self.change(|catalog| {
            // Whoever has it asked again has it asked at once.
            let closed = Bounds::closed(&catalog.row_of(&entry.name));
            let mut changes = vec![PluginChange::Use(&entry.name, of)];
            if !mutant!("enabled-with-an-open-breaker") {
                changes.push(PluginChange::Limit(&entry.name, closed));
            }
            Ok(changes)
        })
        .await?;
        self.announce(&format!("upsert:{}", entry.digest));
        info!(plugin = entry.label(), digest = entry.digest, "enabled");
        self.find(&entry.digest)
    }

    /// Has no plugin of this one's name asked, and ends its calls.
    ///
    /// # Errors
    /// When there is no such plugin.
    pub async fn disable(&self, wanted: &str) -> Result<Entry, CatalogError> {
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let entry = self.find(wanted)?;
        self.change(|_| Ok(vec![PluginChange::Enable(&entry.name, false)]))
            .await?;
        self.announce(&format!("upsert:{}", entry.digest));
        info!(plugin = entry.label(), digest = entry.digest, "disabled");
        self.find(&entry.digest)
    }

    /// Takes an installed component away, and ends its calls. Where it was in force, what the host brings along of its name
    /// is from now on.
    ///
    /// # Errors
    /// When there is no such plugin, or it is part of the host.
    pub async fn remove(&self, wanted: &str) -> Result<Entry, CatalogError> {
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let entry = self.find(wanted)?;
        if entry.row.is_none() {
            return Err(CatalogError::Own(entry.label()));
        }
        self.change(|_| Ok(vec![PluginChange::Remove(&entry.digest)]))
            .await?;
        self.announce(&format!("delete:{}", entry.digest));
        info!(plugin = entry.label(), digest = entry.digest, "removed");
        Ok(entry)
    }

    /// Has a plugin asked first for an extension that others take too; none: whoever came first.
    ///
    /// # Errors
    /// When there is no such plugin, or it does not take the extension.
    pub async fn pick(&self, extension: &str, wanted: Option<&str>) -> Result<Picks, CatalogError> {
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let name = match wanted {
            Some(wanted) => Some(self.takes(wanted, extension)?),
            None => None,
        };
        self.change(|_| Ok(vec![PluginChange::Pick(extension, name.as_deref())]))
            .await?;
        self.announce(&format!("upsert:{extension}"));
        Ok(self.picks())
    }

    /// The name of a plugin that takes an extension.
    fn takes(&self, wanted: &str, extension: &str) -> Result<String, CatalogError> {
        let entry = self.find(wanted)?;
        let takes: Vec<_> = match (&entry.plugin, &entry.state) {
            (Some(plugin), State::InForce) => {
                let rules = plugin.rules.iter().map(|rule| &rule.takes);
                rules.chain(&plugin.renders).cloned().collect()
            }
            _ => vec!["nothing, for it is not in force".to_owned()],
        };
        if takes.iter().any(|takes| takes == extension) {
            return Ok(entry.name);
        }
        Err(CatalogError::Takes {
            plugin: entry.label(),
            extension: extension.to_owned(),
            takes,
        })
    }

    /// Whether files would still come to an end with this plugin among those that are asked.
    pub(super) fn may_be_asked(&self, plugin: &Arc<Plugin>) -> Result<(), CatalogError> {
        let mut with = self.live.current().all().to_vec();
        with.retain(|known| known.name != plugin.name);
        with.push(Arc::clone(plugin));
        match circle(&with) {
            Some(circle) if !mutant!("circles-put-in-force") => Err(CatalogError::Circle {
                name: plugin.label(),
                circle,
            }),
            _ => Ok(()),
        }
    }

    /// Makes a change, thought out for what this replica knows, and applies it here. Whoever calls has the turn.
    pub(super) async fn change<'a>(
        &self,
        think: impl Fn(&Self) -> Result<Vec<PluginChange<'a>>, CatalogError>,
    ) -> Result<(), CatalogError> {
        for _ in 0..TRIES {
            let changes = think(self)?;
            let known = self.known.read().rows.generation;
            let changed = self.parts.database.change_plugins(known, &changes).await;
            // Known or not: what the database has now is in force.
            self.catch_up().await?;
            if changed?.is_some() {
                return Ok(());
            }
        }
        Err(CatalogError::Busy)
    }

    pub(super) fn announce(&self, payload: &str) {
        if mutant!("plugin-not-announced") {
            return;
        }
        self.parts.hub.announcer.announce(vec![Announcement {
            channel: PLUGINS,
            payload: payload.to_owned(),
        }]);
    }
}
