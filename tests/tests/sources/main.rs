//! Plugins from elsewhere: what is fetched from URLs and registries, and whose signatures are believed.

mod folder;
mod outbound;
mod refused;
mod registries;
mod registry;
mod replicas;
mod server;
mod signatures;
mod urls;

use std::path::Path;
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use realm_tests::{Edition, Host, HostOptions, Storage, share_compiled_code};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::Value;
use tempfile::TempDir;

/// Somebody who signs as minisign does.
struct Signer {
    name: &'static str,
    keys: Ed25519KeyPair,
    /// What minisign tells keys apart by.
    number: [u8; 8],
}

impl Signer {
    fn new(name: &'static str) -> Self {
        let keys = Ed25519KeyPair::from_seed_unchecked(&rand::random::<[u8; 32]>());
        Self {
            name,
            keys: keys.expect("a seed"),
            number: rand::random(),
        }
    }

    /// As `plugin-keys` has it.
    fn setting(&self) -> String {
        let key = [b"Ed", &self.number[..], self.keys.public_key().as_ref()].concat();
        format!("{}={}", self.name, STANDARD.encode(key))
    }

    /// The number of the key, as minisign shows it.
    fn number(&self) -> String {
        let bytes = self.number.iter().rev();
        bytes.map(|byte| format!("{byte:02X}")).collect()
    }

    /// The text of a `.minisig` file: of what the component hashes to.
    fn sign(&self, component: &[u8]) -> String {
        self.signed(b"ED", blake2b_simd::blake2b(component).as_bytes())
    }

    /// The same of the component itself, as minisign did before.
    fn sign_as_of_old(&self, component: &[u8]) -> String {
        self.signed(b"Ed", component)
    }

    fn signed(&self, kind: &[u8], what: &[u8]) -> String {
        let signature = self.keys.sign(what);
        let comment = format!("by {}", self.name);
        let with_comment = [signature.as_ref(), comment.as_bytes()].concat();
        format!(
            "untrusted comment: a test\n{}\ntrusted comment: {comment}\n{}\n",
            STANDARD.encode([kind, &self.number[..], signature.as_ref()].concat()),
            STANDARD.encode(self.keys.sign(&with_comment)),
        )
    }
}

/// Runs commands, with a data folder of their own.
struct Desk {
    folder: TempDir,
    options: HostOptions,
}

impl Desk {
    fn new() -> Self {
        Self::with(|options| options)
    }

    fn with(set: impl Fn(HostOptions) -> HostOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Commands without a host compile what the host brings along, too.
        share_compiled_code(folder.path());
        // No login of whoever runs the tests.
        let options = HostOptions::new(Storage::Sqlite)
            .with("role", "serve")
            .env("DOCKER_CONFIG", "/nowhere")
            .env("REGISTRY_AUTH_FILE", "/nowhere/auth.json")
            .in_folder(folder.path());
        Self {
            options: set(options),
            folder,
        }
    }

    async fn host(&self) -> Host {
        self.options.clone().with_realm().await.0
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let all: Vec<_> = ["plugin"].iter().chain(arguments).copied().collect();
        self.options.run(&all).await
    }

    /// What an installation says of itself.
    async fn installed(&self, arguments: &[&str]) -> Value {
        let all: Vec<_> = ["install", "--json"]
            .iter()
            .chain(arguments)
            .copied()
            .collect();
        let output = self.run(&all).await;
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// Why nothing is installed.
    async fn refused(&self, arguments: &[&str]) -> String {
        let all: Vec<_> = ["install"].iter().chain(arguments).copied().collect();
        let output = self.run(&all).await;
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        let mut lines = told.lines();
        let line = lines.find_map(|line| line.strip_prefix("error: "));
        line.unwrap_or_else(|| panic!("no error: {told}"))
            .to_owned()
    }

    /// A file of this folder, with a component and maybe its signature; its path.
    fn file(&self, name: &str, component: &[u8], signature: Option<&str>) -> String {
        write(self.folder.path(), name, component, signature)
    }
}

fn write(folder: &Path, name: &str, component: &[u8], signature: Option<&str>) -> String {
    let file = folder.join(name);
    std::fs::write(&file, component).expect("a folder to write to");
    if let Some(signature) = signature {
        let beside = folder.join(format!("{name}.minisig"));
        std::fs::write(beside, signature).expect("a folder to write to");
    }
    file.display().to_string()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn component(text: &str) -> Vec<u8> {
    Edition::new(text).component()
}
