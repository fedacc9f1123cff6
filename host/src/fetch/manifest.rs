use std::collections::BTreeMap;

use serde::Deserialize;

/// What a layer with a component is: as `wkg` pushes them, and as others have.
const COMPONENT: [&str; 2] = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
];
/// Where a manifest has the text of a `.minisig` file.
pub(super) const SIGNATURE: &str = "realm.plugin.signature";
/// What is asked for: an index too, to say what it is.
pub(super) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// What a registry has under a name, as far as it matters.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Manifest {
    config: Option<Descriptor>,
    layers: Vec<Descriptor>,
    /// Of an index.
    manifests: Option<Vec<Descriptor>>,
    pub(super) annotations: BTreeMap<String, String>,
}

/// A part of a manifest.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Descriptor {
    pub(super) media_type: String,
    pub(super) digest: String,
    pub(super) size: u64,
    platform: Option<Platform>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
struct Platform {
    os: String,
    architecture: String,
}

impl Manifest {
    /// The one layer that is a component; else what there is instead.
    pub(super) fn component(&self) -> Result<&Descriptor, String> {
        if let Some(manifests) = &self.manifests {
            let platform = |one: &Descriptor| {
                let platform = one.platform.as_ref();
                platform.map(|platform| format!("{}/{}", platform.os, platform.architecture))
            };
            let platforms: Vec<_> = manifests.iter().filter_map(platform).collect();
            let of = match platforms.as_slice() {
                [] => String::new(),
                platforms => format!(", for {}", platforms.join(", ")),
            };
            return Err(format!(
                "this is an index of {} manifests{of}; name the one of the component, by `@sha256:…`",
                manifests.len()
            ));
        }
        let is_component = |layer: &&Descriptor| COMPONENT.contains(&layer.media_type.as_str());
        let components: Vec<_> = self.layers.iter().filter(is_component).collect();
        let found = || {
            let kinds: Vec<_> = self
                .layers
                .iter()
                .map(|layer| format!("`{}`", layer.media_type))
                .collect();
            if kinds.is_empty() {
                "no layer at all".to_owned()
            } else {
                kinds.join(", ")
            }
        };
        match components.as_slice() {
            [component] if super::reference::is_digest(&component.digest) => Ok(component),
            [component] => Err(format!(
                "the manifest gives the digest `{}` for its component; it must be a SHA-256",
                component.digest
            )),
            [] if self.is_image() => Err(format!(
                "this is a container image, not a component: it has {}; a component is one layer of `{}`, as `wkg oci push` pushes it",
                found(),
                COMPONENT[0]
            )),
            [] => Err(format!(
                "there is no component in it: it has {}; a component is one layer of `{}`, as `wkg oci push` pushes it",
                found(),
                COMPONENT[0]
            )),
            several => Err(format!(
                "it has {} layers that are components ({}), and a plugin is one",
                several.len(),
                found()
            )),
        }
    }

    fn is_image(&self) -> bool {
        let config = self.config.as_ref().map_or("", |config| &config.media_type);
        config.contains("container.image") || config.contains("oci.image.config")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Manifest;

    fn told(manifest: Value) -> String {
        let manifest: Manifest = serde_json::from_value(manifest).unwrap();
        manifest.component().unwrap_err()
    }

    #[test]
    fn a_component_is_one_layer_of_webassembly() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for kind in super::COMPONENT {
            let layers = json!([
                { "mediaType": "text/markdown", "digest": "sha256:1", "size": 1 },
                { "mediaType": kind, "digest": digest, "size": 7 },
            ]);
            let manifest = json!({ "schemaVersion": 2, "layers": layers });
            let manifest: Manifest = serde_json::from_value(manifest).unwrap();
            assert_eq!(manifest.component().unwrap().size, 7);
        }
    }

    #[test]
    fn what_is_there_instead_is_told() {
        let wasm = json!({ "mediaType": "application/wasm", "digest": "sha256:1", "size": 1 });
        assert!(told(json!({ "layers": [] })).contains("no layer at all"));
        assert!(told(json!({ "layers": [wasm] })).contains("`sha256:1`"));
        assert!(told(json!({ "layers": [wasm, wasm] })).contains("2 layers that are components"));
        let index =
            json!({ "manifests": [{ "platform": { "os": "linux", "architecture": "amd64" } }] });
        assert!(told(index).contains("index of 1 manifests, for linux/amd64"));
        let tar = "application/vnd.oci.image.layer.v1.tar+gzip";
        let image = json!({
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json" }, "layers": [{ "mediaType": tar }],
        });
        let image = told(image);
        assert!(
            image.contains("container image") && image.contains(tar),
            "{image}"
        );
    }
}
