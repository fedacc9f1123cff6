use std::sync::Arc;

use sha2::{Digest, Sha256};
use tracing::info;

use super::{Catalog, CatalogError, Entry, vetting};
use crate::database::{PluginChange, PluginRow};
use crate::plugins::{Plugin, PluginEngine};

/// A component that is to be installed.
#[derive(Clone, Debug)]
pub struct Package {
    /// Where it came from: a file, a URL, a reference of a registry.
    pub source: String,
    /// Its bytes.
    pub component: Vec<u8>,
    /// The digest that it must have; none: any.
    pub pin: Option<String>,
}

/// `sha256:<hex>` of a component: what it is known by.
#[must_use]
pub fn component_digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// Looks at a component as an operator's host does before it is installed; nothing is changed. `most`: bytes of a component.
///
/// # Errors
/// When it is not what was asked for, is no plugin, or would not do.
pub async fn vet(
    engine: &Arc<PluginEngine>,
    most: usize,
    package: &Package,
) -> Result<Arc<Plugin>, CatalogError> {
    let Package {
        source,
        component,
        pin,
    } = package;
    if component.len() > most {
        return Err(CatalogError::Size {
            name: source.clone(),
            size: component.len(),
            most,
        });
    }
    let digest = component_digest(component);
    if let Some(wanted) = pin
        && *wanted != digest
        && !mutant!("pin-not-compared")
    {
        return Err(CatalogError::Digest {
            name: source.clone(),
            found: digest,
            wanted: wanted.clone(),
        });
    }
    let plugin = Plugin::install(engine, source, component.clone()).await?;
    vetting::is_deterministic(engine, &plugin, source).await?;
    Ok(plugin)
}

impl Catalog {
    /// Vets a component, installs it for every replica, and puts it in force here: a plugin of the same name finishes what
    /// it has begun.
    ///
    /// # Errors
    /// When it is not what was asked for, is no plugin, or would not do; nothing is changed then.
    pub async fn install(&self, package: Package) -> Result<Entry, CatalogError> {
        let most = self.parts.limits.component_bytes;
        let plugin = vet(&self.parts.engine, most, &package).await?;
        let Package {
            source, component, ..
        } = package;
        let digest = plugin.digest.clone();
        let row = PluginRow {
            digest: digest.clone(),
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            summary: plugin.summary.clone(),
            source: source.clone(),
            signer: None,
            installed_at: 0,
        };
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        self.compiled.lock().insert(digest.clone(), plugin.clone());
        let changed = self.change(|_| {
            self.may_be_asked(&plugin)?;
            Ok(vec![PluginChange::Install(&row, &component)])
        });
        changed.await?;
        self.announce(&format!("upsert:{digest}"));
        info!(plugin = plugin.label(), digest, source, "installed");
        self.find(&digest)
    }
}
