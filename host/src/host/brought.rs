use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tracing::{error, info};

use crate::catalog::{Brought, CatalogError, Signed, Trust, circle};
use crate::config::Config;
use crate::plugins::{Plugin, PluginEngine};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The plugins that we ship, then those of the folder; a plugin of the folder takes the place of one of the same name.
/// Beside them, why a file of the folder is none. What is in the binary is trusted as the binary is; a file is judged as
/// what is installed, by the signature beside it (`x.wasm.minisig`).
///
/// # Errors
/// When a plugin that we ship cannot be installed, or the folder cannot be read.
pub async fn install(
    engine: &Arc<PluginEngine>,
    config: &Config,
) -> anyhow::Result<(Vec<Brought>, Vec<String>)> {
    let mut components: Vec<(String, Vec<u8>, bool)> = EMBEDDED
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec(), false))
        .collect();
    if let Some(folder) = &config.plugin_dir {
        let entries = std::fs::read_dir(folder)
            .with_context(|| format!("plugin folder {}", folder.display()))?;
        let mut paths: Vec<_> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "wasm"))
            .collect();
        paths.sort();
        for path in paths {
            components.push((path.display().to_string(), std::fs::read(&path)?, true));
        }
    }
    let trust = Trust::new(&config.sources);
    let mut brought: Vec<Brought> = Vec::new();
    let mut refused = Vec::new();
    let mut refuse = |error: CatalogError| {
        error!(%error, "plugin not installed");
        refused.push(error.to_string());
    };
    for (name, bytes, of_folder) in components {
        let signed = match of_folder.then(|| judge(&trust, &name, &bytes)) {
            None => None,
            Some(Ok(signed)) => signed,
            Some(Err(error)) => {
                refuse(error);
                continue;
            }
        };
        let plugin = if of_folder {
            Plugin::install(engine, &name, bytes).await
        } else {
            Plugin::embedded(engine, &name, bytes).await
        };
        let plugin = match plugin {
            Ok(plugin) => plugin,
            // One bad file must not keep the others from being served.
            Err(error) if config.plugin_dir.is_some() => {
                refuse(error.into());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let own = Brought {
            plugin: Arc::clone(&plugin),
            file: of_folder.then(|| name.clone()),
            signed,
        };
        let mut with = brought.clone();
        match with
            .iter_mut()
            .find(|known| known.plugin.name == plugin.name)
        {
            Some(known) => *known = own,
            None => with.push(own),
        }
        let all: Vec<_> = with.iter().map(|own| Arc::clone(&own.plugin)).collect();
        if let Some(circle) = circle(&all) {
            refuse(CatalogError::Circle { name, circle });
            continue;
        }
        info!(plugin = plugin.label(), digest = plugin.digest, "plugin");
        brought = with;
    }
    Ok((brought, refused))
}

/// Whether a file may run here.
fn judge(trust: &Trust, file: &str, component: &[u8]) -> Result<Option<Signed>, CatalogError> {
    let beside = format!("{file}.minisig");
    let signature = match std::fs::read(Path::new(&beside)) {
        // What is no text is no signature, and is told so.
        Ok(bytes) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => {
            return Err(CatalogError::Trust(crate::catalog::TrustError::Malformed {
                name: file.to_owned(),
                problem: format!("{beside}: {error}"),
            }));
        }
    };
    if mutant!("plugin-folder-trusted") {
        return Ok(None);
    }
    Ok(trust.judge(file, component, signature.as_deref())?)
}
