use tracing::info;

use super::{Catalog, CatalogError, Entry};
use crate::database::PluginChange;
use crate::plugins::{Bounds, NO_BOUNDS};

impl Catalog {
    /// Bounds a plugin's calls, whichever component of its name is in force; without a value, a bound is the host's again.
    /// What runs goes on under the bounds that it has begun with.
    ///
    /// # Errors
    /// When there is no such plugin or bound, or this host does not have so much; nothing is changed then.
    pub async fn limit(
        &self,
        wanted: &str,
        bounds: &[(String, Option<String>)],
    ) -> Result<Entry, CatalogError> {
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let entry = self.find(wanted)?;
        let changed = self.change(|catalog| {
            let mut row = catalog.row_of(&entry.name);
            for (key, value) in bounds {
                let ceilings = catalog.parts.limits.ceilings;
                let changed = Bounds::change(&row, key, value.as_deref(), ceilings);
                row = changed.map_err(|error| CatalogError::Bound {
                    plugin: entry.name.clone(),
                    error,
                })?;
            }
            Ok(vec![PluginChange::Limit(&entry.name, row)])
        });
        changed.await?;
        self.announce(&format!("upsert:{}", entry.digest));
        let own = Bounds::of_row(&self.row_of(&entry.name));
        info!(plugin = entry.name, limits = %own, "limited");
        self.find(&entry.digest)
    }

    /// What is stored of a plugin's bounds.
    pub(super) fn row_of(&self, name: &str) -> String {
        let known = self.known.read();
        let row = known.rows.names.iter().find(|row| row.name == name);
        row.map_or_else(|| NO_BOUNDS.to_owned(), |row| row.limits.clone())
    }
}
