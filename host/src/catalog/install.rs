use std::sync::Arc;

use sha2::{Digest, Sha256};
use tracing::info;

use super::{Catalog, CatalogError, Compiled, Entry, vetting};
use crate::database::{PluginChange, PluginRow};
use crate::plugins::{Plugin, PluginEngine, Spent, Work};

/// A component that is to be installed.
#[derive(Clone, Debug)]
pub struct Package {
    /// Where it came from: a file, a URL, a reference of a registry.
    pub source: String,
    /// Its bytes.
    pub component: Vec<u8>,
    /// The digest that it must have; none: any.
    pub pin: Option<String>,
    /// Whether somebody has asked for this digest, and not for whatever is there.
    pub pinned: bool,
    /// The text of its signature.
    pub signature: Option<String>,
}

/// `sha256:<hex>` of a component: what it is known by.
#[must_use]
pub fn component_digest(bytes: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(bytes))
}

/// A component that would be installed.
#[derive(Debug)]
pub struct Vetted {
    /// What it is.
    pub plugin: Arc<Plugin>,
    /// What the calls by which it was tried have spent at most, for each work.
    pub spent: Vec<(Work, Spent)>,
}

/// Looks at a component as an operator's host does before it is installed; nothing is changed. `most`: bytes of a component.
///
/// # Errors
/// When it is not what was asked for, is no plugin, or would not do.
pub async fn vet(
    engine: &Arc<PluginEngine>,
    most: usize,
    package: &Package,
) -> Result<Vetted, CatalogError> {
    is_asked_for(most, package)?;
    works(engine, package).await
}

/// Whether it is small enough, and has the digest that is wanted: its digest.
fn is_asked_for(most: usize, package: &Package) -> Result<String, CatalogError> {
    let name = || package.source.clone();
    let size = package.component.len();
    if size > most {
        return Err(CatalogError::Size {
            name: name(),
            size,
            most,
        });
    }
    let found = component_digest(&package.component);
    if let Some(wanted) = &package.pin
        && *wanted != found
        && !mutant!("pin-not-compared")
    {
        return Err(CatalogError::Digest {
            name: name(),
            found,
            wanted: wanted.clone(),
        });
    }
    Ok(found)
}

/// Compiles it, asks it what it is, and tries it.
async fn works(engine: &Arc<PluginEngine>, package: &Package) -> Result<Vetted, CatalogError> {
    let component = package.component.clone();
    let plugin = Plugin::install(engine, &package.source, component).await?;
    let spent = vetting::vet(engine, &plugin, &package.source).await?;
    Ok(Vetted { plugin, spent })
}

impl Catalog {
    /// Vets a component, installs it for every replica, and puts it in force here: a plugin of the same name finishes what
    /// it has begun.
    ///
    /// # Errors
    /// When it is not what was asked for, is no plugin, or would not do; nothing is changed then.
    pub async fn install(&self, package: Package) -> Result<Entry, CatalogError> {
        let digest = is_asked_for(self.parts.limits.component_bytes, &package)?;
        let trust = &self.parts.trust;
        let signature = package.signature.as_deref();
        let signed = trust.judge(&package.source, &package.component, signature)?;
        let plugin = works(&self.parts.engine, &package).await?.plugin;
        let Package {
            source,
            component,
            pinned,
            signature,
            ..
        } = package;
        let row = PluginRow {
            digest: digest.clone(),
            name: plugin.name.clone(),
            version: plugin.version.clone(),
            summary: plugin.summary.clone(),
            source: source.clone(),
            signer: signed.as_ref().and_then(|signed| signed.signer.clone()),
            signature: signature.clone(),
            pinned,
            installed_at: 0,
        };
        let _turn = self.turn.lock().await;
        self.catch_up().await?;
        let compiled = Compiled {
            plugin: Arc::clone(&plugin),
            signature,
            signed,
        };
        self.compiled.lock().insert(digest.clone(), compiled);
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
