use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use realm_tests::component_digest;
use serde_json::{Value, json};

use crate::server::{Reply, Request, Server};

/// Whom a registry gives what it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Open,
    /// `ann`, with the password `sesame`.
    Basic,
    /// Whoever has a token, which everyone gets.
    Token,
    /// Whoever has a token, which `ann` gets.
    TokenOfAnn,
    /// Whoever has a token of somebody who is asked over plain http.
    TokenOverHttp,
}

/// `Basic` of `ann:sesame`.
const ANN: &str = "Basic YW5uOnNlc2FtZQ==";

/// A registry, as far as somebody who pulls sees it.
pub(crate) struct Registry {
    _server: Server,
    /// `127.0.0.1:<port>`.
    pub(crate) name: String,
    has: Arc<Mutex<HashMap<String, Reply>>>,
}

impl Registry {
    pub(crate) async fn start(door: Door) -> Self {
        let has: Arc<Mutex<HashMap<String, Reply>>> = Arc::default();
        let known = Arc::clone(&has);
        let server = Server::start(move |request| answer(door, request, &known)).await;
        let name = server.url.replace("http://", "");
        Self {
            _server: server,
            name,
            has,
        }
    }

    /// `oci://…` of something in it.
    pub(crate) fn reference(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.name)
    }

    /// Answers with this.
    pub(crate) fn put(&self, path: &str, reply: Reply) {
        let mut has = self.has.lock().expect("never poisoned");
        has.insert(format!("/v2/{path}"), reply);
    }

    /// Pushes a layer; what a manifest has of it.
    pub(crate) fn layer(&self, repository: &str, kind: &str, bytes: &[u8]) -> Value {
        let digest = component_digest(bytes);
        self.put(
            &format!("{repository}/blobs/{digest}"),
            Reply::new(200, bytes),
        );
        json!({ "mediaType": kind, "digest": digest, "size": bytes.len() })
    }

    /// Pushes a manifest under a tag; its digest.
    pub(crate) fn manifest(&self, repository: &str, tag: &str, manifest: &Value) -> String {
        let text = manifest.to_string();
        let digest = component_digest(text.as_bytes());
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let reply = Reply::new(200, text).with("content-type", kind);
        for version in [tag, &digest] {
            self.put(&format!("{repository}/manifests/{version}"), reply.clone());
        }
        digest
    }

    /// Pushes a component as `wkg` does; the manifest's digest.
    pub(crate) fn push(&self, repository: &str, tag: &str, component: &[u8]) -> String {
        let layer = self.layer(repository, "application/wasm", component);
        self.manifest(repository, tag, &manifest(&[layer]))
    }
}

/// As `wkg` makes it.
pub(crate) fn manifest(layers: &[Value]) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.wasm.config.v0+json",
            "digest": component_digest(b"{}"), "size": 2,
        },
        "layers": layers,
    })
}

fn answer(door: Door, request: &Request, has: &Mutex<HashMap<String, Reply>>) -> Reply {
    let path = request.path.split('?').next().unwrap_or_default();
    let said = request.headers.get("authorization").map(String::as_str);
    if path == "/token" {
        let wanted = "/token?service=a+registry&scope=repository%3Aann%2Fedition%3Apull";
        let good = request.path == wanted && (door == Door::Token || said == Some(ANN));
        return if good {
            Reply::new(200, r#"{ "token": "opensesame" }"#)
        } else {
            Reply::new(401, "")
        };
    }
    let host = &request.headers["host"];
    let (good, challenge) = match door {
        Door::Open => (true, String::new()),
        Door::Basic => (said == Some(ANN), "Basic realm=\"a registry\"".to_owned()),
        Door::Token | Door::TokenOfAnn => (
            said == Some("Bearer opensesame"),
            format!(
                "Bearer realm=\"http://{host}/token\",service=\"a registry\",scope=\"repository:ann/edition:pull\""
            ),
        ),
        Door::TokenOverHttp => (
            false,
            "Bearer realm=\"http://tokens.invalid/token\"".to_owned(),
        ),
    };
    if !good {
        let told = r#"{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}"#;
        return Reply::new(401, told).with("www-authenticate", &challenge);
    }
    let has = has.lock().expect("never poisoned");
    has.get(path).cloned().unwrap_or_else(|| {
        let told = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"never heard of it"}]}"#;
        Reply::new(404, told)
    })
}
