//! Installed plugins, and what the operator has decided about plugins.

use super::{Database, DatabaseError, Transaction, on, within};
use crate::realm::Generation;

/// An installed component, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PluginRow {
    /// `sha256:<hex>`.
    pub digest: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line about it.
    pub summary: String,
    /// Where it was installed from.
    pub source: String,
    /// The name of the key that has signed it; none: none has.
    pub signer: Option<String>,
    /// The text of its signature; none: it came without one.
    pub signature: Option<String>,
    /// Whether it was installed for its digest.
    pub pinned: bool,
    /// In milliseconds since 1970.
    pub installed_at: i64,
}

/// What the operator has decided about a plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PluginNameRow {
    /// Its name.
    pub name: String,
    /// Whether it is asked at all.
    pub enabled: bool,
    /// The component that is in force; none: the one that the host brings along.
    pub digest: Option<String>,
    /// JSON: bounds that differ from the host's.
    pub limits: String,
}

/// All that is stored of plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginRows {
    /// Counts the changes.
    pub generation: Generation,
    /// What is installed, the oldest first.
    pub installed: Vec<PluginRow>,
    /// Decisions, in the order in which plugins are asked.
    pub names: Vec<PluginNameRow>,
    /// Which plugin is asked first, by extension.
    pub picks: Vec<(String, String)>,
}

/// One change of what is stored of plugins.
#[derive(Clone, Debug)]
pub enum PluginChange<'a> {
    /// Installs a component, if it is not, and puts it in force.
    Install(&'a PluginRow, &'a [u8]),
    /// Puts an installed component in force; none: what the host brings along.
    Use(&'a str, Option<&'a str>),
    /// Takes an installed component away.
    Remove(&'a str),
    /// Has a plugin asked, or not.
    Enable(&'a str, bool),
    /// Bounds a plugin's calls: JSON.
    Limit(&'a str, String),
    /// Picks the plugin that is asked first for an extension; none: whoever came first.
    Pick(&'a str, Option<&'a str>),
}

impl Database {
    /// How often plugins have changed.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn plugins_generation(&self) -> Result<Generation, DatabaseError> {
        let sql = "SELECT generation FROM counters WHERE name = 'plugins'";
        Ok(on!(self, pool => sqlx::query_scalar(sql).fetch_one(pool).await)?)
    }

    /// All that is stored of plugins: at least what its generation says.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn plugins(&self) -> Result<PluginRows, DatabaseError> {
        // First: what changes after it has another one.
        let generation = self.plugins_generation().await?;
        let sql = "SELECT digest, name, version, summary, source, signer, signature, pinned, installed_at FROM plugins ORDER BY installed_at, digest";
        let installed = on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
        let sql = "SELECT name, enabled, digest, limits FROM plugin_names ORDER BY position";
        let names = on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
        let sql = "SELECT extension, plugin FROM plugin_picks ORDER BY extension";
        let picks = on!(self, pool => sqlx::query_as(sql).fetch_all(pool).await)?;
        Ok(PluginRows {
            generation,
            installed,
            names,
            picks,
        })
    }

    /// The bytes of an installed component and its signature; none: it is not installed any more.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn plugin_component(
        &self,
        digest: &str,
    ) -> Result<Option<(Vec<u8>, Option<String>)>, DatabaseError> {
        let sql = "SELECT component, signature FROM plugins WHERE digest = $1";
        Ok(on!(self, pool => sqlx::query_as(sql).bind(digest).fetch_optional(pool).await)?)
    }

    /// Makes changes, all or none, if what is stored is of the generation that they were thought out for; the new one, or
    /// none where it is not.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn change_plugins(
        &self,
        known: Generation,
        changes: &[PluginChange<'_>],
    ) -> Result<Option<Generation>, DatabaseError> {
        let mut transaction = self.begin().await?;
        // The row is held from here on: who changes plugins does so after the other.
        let sql = "UPDATE counters SET generation = generation + 1 WHERE name = 'plugins' AND generation = $1";
        let mine = within!(&mut transaction, c => sqlx::query(sql).bind(known).execute(c).await.map(|done| done.rows_affected()))?;
        if mine == 0 {
            return Ok(None);
        }
        for change in changes {
            transaction.change_plugin(change).await?;
        }
        transaction.commit().await?;
        Ok(Some(known + 1))
    }
}

impl Transaction {
    async fn change_plugin(&mut self, change: &PluginChange<'_>) -> Result<(), DatabaseError> {
        match change {
            PluginChange::Install(row, component) => {
                // Whoever installs it again without a signature takes none away.
                let sql = "INSERT INTO plugins (digest, name, version, summary, source, signer, signature, pinned, component, installed_at)
                           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                           ON CONFLICT (digest) DO UPDATE SET source = excluded.source, pinned = excluded.pinned,
                               signer = CASE WHEN excluded.signature IS NULL THEN plugins.signer ELSE excluded.signer END,
                               signature = COALESCE(excluded.signature, plugins.signature)";
                within!(self, c => sqlx::query(sql)
                    .bind(&row.digest).bind(&row.name).bind(&row.version).bind(&row.summary).bind(&row.source)
                    .bind(&row.signer).bind(&row.signature).bind(row.pinned).bind(component).bind(super::now())
                    .execute(c).await.map(drop))?;
                self.put_in_force(&row.name, Some(&row.digest)).await
            }
            PluginChange::Use(name, digest) => self.put_in_force(name, *digest).await,
            PluginChange::Remove(digest) => {
                let sql = "UPDATE plugin_names SET digest = NULL WHERE digest = $1";
                within!(&mut *self, c => sqlx::query(sql).bind(*digest).execute(c).await.map(drop))?;
                let sql = "DELETE FROM plugins WHERE digest = $1";
                Ok(within!(self, c => sqlx::query(sql).bind(*digest).execute(c).await.map(drop))?)
            }
            PluginChange::Enable(name, enabled) => {
                let sql = "INSERT INTO plugin_names (name, enabled) VALUES ($1, $2)
                           ON CONFLICT (name) DO UPDATE SET enabled = excluded.enabled";
                Ok(
                    within!(self, c => sqlx::query(sql).bind(*name).bind(*enabled).execute(c).await.map(drop))?,
                )
            }
            PluginChange::Limit(name, limits) => {
                let sql = "INSERT INTO plugin_names (name, limits) VALUES ($1, $2)
                           ON CONFLICT (name) DO UPDATE SET limits = excluded.limits";
                Ok(
                    within!(self, c => sqlx::query(sql).bind(*name).bind(limits).execute(c).await.map(drop))?,
                )
            }
            PluginChange::Pick(extension, Some(plugin)) => {
                let sql = "INSERT INTO plugin_picks (extension, plugin) VALUES ($1, $2)
                           ON CONFLICT (extension) DO UPDATE SET plugin = excluded.plugin";
                Ok(
                    within!(self, c => sqlx::query(sql).bind(*extension).bind(*plugin).execute(c).await.map(drop))?,
                )
            }
            PluginChange::Pick(extension, None) => {
                let sql = "DELETE FROM plugin_picks WHERE extension = $1";
                Ok(
                    within!(self, c => sqlx::query(sql).bind(*extension).execute(c).await.map(drop))?,
                )
            }
        }
    }

    async fn put_in_force(
        &mut self,
        name: &str,
        digest: Option<&str>,
    ) -> Result<(), DatabaseError> {
        let sql = "INSERT INTO plugin_names (name, digest) VALUES ($1, $2)
                   ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, enabled = TRUE";
        Ok(within!(self, c => sqlx::query(sql).bind(name).bind(digest).execute(c).await.map(drop))?)
    }
}
