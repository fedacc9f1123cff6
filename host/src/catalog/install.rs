use std::sync::Arc;

use sha2::{Digest, Sha256};
use tracing::info;

use super::{Catalog, CatalogError, Compiled, Entry, vetting};
use crate::database::{PluginChange, PluginRow};
use crate::plugins::Plugin;

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

impl Catalog {
    /// Vets a component, installs it for every replica, and puts it in force here: a plugin of the same name finishes what
    /// it has begun.
    ///
    /// # Errors
    /// When it is not what was asked for, is no plugin, or would not do; nothing is changed then.
    pub async fn install(&self, package: Package) -> Result<Entry, CatalogError> {
        let Package {
            source,
            component,
            pin,
            pinned,
            signature,
        } = package;
        let most = self.parts.limits.component_bytes;
        if component.len() > most {
            return Err(CatalogError::Size {
                name: source,
                size: component.len(),
                most,
            });
        }
        let digest = component_digest(&component);
        if let Some(wanted) = pin
            && wanted != digest
            && !mutant!("pin-not-compared")
        {
            return Err(CatalogError::Digest {
                name: source,
                found: digest,
                wanted,
            });
        }
        let signed = self
            .parts
            .trust
            .judge(&source, &component, signature.as_deref())?;
        let plugin = Plugin::install(&self.parts.engine, &source, component.clone()).await?;
        vetting::vet(&self.parts.engine, &plugin, &source).await?;
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
