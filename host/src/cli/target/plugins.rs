use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Direct, Http, Target};
use crate::catalog::{Catalog, Entry, Package, component_digest};
use crate::host::open_catalog;

impl Target {
    /// All plugins, in the order in which they are asked.
    pub(crate) async fn plugins(&self) -> anyhow::Result<Vec<Value>> {
        match self {
            Self::Http(http) => {
                let listed = http.plugins(Method::GET, None, None).await?;
                Ok(listed["data"].as_array().cloned().unwrap_or_default())
            }
            Self::Direct(direct) => {
                let catalog = direct.catalog().await?;
                Ok(catalog.list().iter().map(Entry::to_json).collect())
            }
        }
    }

    /// One of them.
    pub(crate) async fn plugin(&self, plugin: &str) -> anyhow::Result<Value> {
        match self {
            Self::Http(http) => http.plugin(Method::GET, plugin, None).await,
            Self::Direct(direct) => Ok(direct.catalog().await?.find(plugin)?.to_json()),
        }
    }

    /// Installs a component.
    pub(crate) async fn install_plugin(&self, package: Package) -> anyhow::Result<Value> {
        match self {
            Self::Http(http) => {
                let pin = package.pin;
                let digest = pin.unwrap_or_else(|| component_digest(&package.component));
                let mut url = http.plugins_url(Some(&digest))?;
                url.query_pairs_mut().append_pair("source", &package.source);
                if package.pinned {
                    url.query_pairs_mut().append_pair("pinned", "true");
                }
                if let Some(signature) = &package.signature {
                    url.query_pairs_mut().append_pair("signature", signature);
                }
                let request = http.client.put(url).body(package.component);
                let installed: Value =
                    serde_json::from_str(&http.send(request).await?.text().await?)?;
                Ok(installed["data"].clone())
            }
            Self::Direct(direct) => Ok(direct.catalog().await?.install(package).await?.to_json()),
        }
    }

    /// Has a plugin asked, or not.
    pub(crate) async fn enable_plugin(&self, plugin: &str, enabled: bool) -> anyhow::Result<Value> {
        match self {
            Self::Http(http) => {
                let change = json!({ "enabled": enabled });
                http.plugin(Method::PATCH, plugin, Some(change)).await
            }
            Self::Direct(direct) => {
                let catalog = direct.catalog().await?;
                let entry = if enabled {
                    catalog.enable(plugin).await?
                } else {
                    catalog.disable(plugin).await?
                };
                Ok(entry.to_json())
            }
        }
    }

    /// Bounds a plugin's calls; without a value, a bound is the host's again.
    pub(crate) async fn limit_plugin(
        &self,
        plugin: &str,
        bounds: &[(String, Option<String>)],
    ) -> anyhow::Result<Value> {
        match self {
            Self::Http(http) => {
                let bounds: serde_json::Map<_, _> = bounds
                    .iter()
                    .map(|(key, value)| (key.clone(), json!(value)))
                    .collect();
                let change = json!({ "limits": bounds });
                http.plugin(Method::PATCH, plugin, Some(change)).await
            }
            Self::Direct(direct) => {
                let catalog = direct.catalog().await?;
                Ok(catalog.limit(plugin, bounds).await?.to_json())
            }
        }
    }

    /// Takes an installed component away.
    pub(crate) async fn remove_plugin(&self, plugin: &str) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => http.plugin(Method::DELETE, plugin, None).await.map(drop),
            Self::Direct(direct) => Ok(direct.catalog().await?.remove(plugin).await.map(drop)?),
        }
    }

    /// Has a plugin asked first for an extension; none: whoever came first.
    pub(crate) async fn pick_plugin(
        &self,
        extension: &str,
        plugin: Option<&str>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Http(http) => {
                let pick = json!({ "extension": extension, "plugin": plugin });
                http.plugins(Method::PUT, None, Some(pick)).await.map(drop)
            }
            Self::Direct(direct) => {
                let catalog = direct.catalog().await?;
                Ok(catalog.pick(extension, plugin).await.map(drop)?)
            }
        }
    }
}

impl Direct {
    async fn catalog(&self) -> anyhow::Result<Arc<Catalog>> {
        let (_, catalog) = open_catalog(&self.core, &self.config, &Arc::default()).await?;
        Ok(catalog)
    }
}

impl Http {
    fn plugins_url(&self, plugin: Option<&str>) -> anyhow::Result<url::Url> {
        let mut url = url::Url::parse(&format!("{}/_plugins", self.base))?;
        if let (Some(plugin), Ok(mut segments)) = (plugin, url.path_segments_mut()) {
            segments.push(plugin);
        }
        Ok(url)
    }

    async fn plugin(
        &self,
        method: Method,
        plugin: &str,
        attributes: Option<Value>,
    ) -> anyhow::Result<Value> {
        let answer = self.plugins(method, Some(plugin), attributes).await?;
        Ok(answer["data"].clone())
    }

    async fn plugins(
        &self,
        method: Method,
        plugin: Option<&str>,
        attributes: Option<Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.client.request(method, self.plugins_url(plugin)?);
        if let Some(attributes) = attributes {
            let body = json!({ "data": { "attributes": attributes } });
            request = request.body(body.to_string());
        }
        let text = self.send(request).await?.text().await?;
        // What was removed is not shown.
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}
