use std::path::{Path, PathBuf};

use ring::signature::{Ed25519KeyPair, KeyPair};
use rustls_pki_types::pem::{PemObject, SectionKind};

use super::crypto;
use crate::config::ConfigError;

/// The fewest bytes of an HS256 secret (RFC 7518, section 3.2).
const MIN_SECRET_BYTES: usize = 32;

/// What comes before the 32 bytes of an Ed25519 public key (RFC 8410, section 4).
const ED25519_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// An Ed25519 public key.
#[derive(Clone, Debug)]
pub(super) struct PublicKey {
    /// The `kid` that tokens name it by: its file's stem. Keys that share a file share it.
    pub(super) id: String,
    /// Its 32 bytes.
    pub(super) bytes: Vec<u8>,
}

/// An Ed25519 private key.
pub(super) struct PrivateKey {
    /// PKCS#8.
    pub(super) der: Vec<u8>,
    /// The public key's 32 bytes.
    pub(super) public: Vec<u8>,
}

/// Reads an HS256 secret.
pub(super) fn secret(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut secret = read(path, "secret-file")?;
    // Editors and `openssl rand` end a file with a newline.
    while matches!(secret.last(), Some(b'\n' | b'\r')) {
        secret.pop();
    }
    // A key that is public must not be taken for a secret.
    if secret.starts_with(b"-----BEGIN") {
        return Err(refuse(
            path,
            "secret-file",
            "has a PEM key in it, no secret; public keys go into `public-keys`",
        ));
    }
    if secret.len() < MIN_SECRET_BYTES {
        return Err(refuse(
            path,
            "secret-file",
            format!(
                "has a secret of {} bytes, and HS256 needs at least {MIN_SECRET_BYTES} (RFC 7518, section 3.2): make one with `openssl rand -hex 32`",
                secret.len()
            ),
        ));
    }
    Ok(secret)
}

/// Reads the public keys of a PEM file, or of all `*.pem` files of a folder; at least one.
pub(super) fn public_keys(path: &Path) -> Result<Vec<PublicKey>, ConfigError> {
    if !path.is_dir() {
        return public_keys_of(path);
    }
    let files = pem_files(path).map_err(|error| refuse(path, "public-keys", error))?;
    if files.is_empty() {
        let why = format!("has no `*.pem` file in it; {MAKE_KEYS}");
        return Err(refuse(path, "public-keys", why));
    }
    let mut keys = Vec::new();
    for file in files {
        keys.extend(public_keys_of(&file)?);
    }
    Ok(keys)
}

const MAKE_KEYS: &str = "make a key with `openssl genpkey -algorithm ed25519 -out private.pem`, and its public key with `openssl pkey -in private.pem -pubout`";

/// In the order of their names; hidden ones are left out, as a shell does.
fn pem_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "pem") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn public_keys_of(path: &Path) -> Result<Vec<PublicKey>, ConfigError> {
    let fail = |why: &str| Err(refuse(path, "public-keys", why));
    let Some(id) = path.file_stem().and_then(|stem| stem.to_str()) else {
        return fail("has a name that is not UTF-8; it would be the key's id");
    };
    let mut keys = Vec::new();
    for (kind, der) in sections(path, "public-keys")? {
        match (kind, der.strip_prefix(&ED25519_PREFIX)) {
            (SectionKind::PublicKey, Some(bytes)) if bytes.len() == 32 => keys.push(PublicKey {
                id: id.to_owned(),
                bytes: bytes.to_vec(),
            }),
            (SectionKind::PublicKey, _) => {
                return fail("has a public key that is not an Ed25519 one");
            }
            (SectionKind::PrivateKey, _) => {
                return fail(
                    "has a private key in it, which no host needs; `openssl pkey -in FILE -pubout` prints its public key",
                );
            }
            _ => return fail("has something else than public keys in it"),
        }
    }
    if keys.is_empty() {
        return fail(&format!("has no public key in it (PEM); {MAKE_KEYS}"));
    }
    Ok(keys)
}

/// Reads a private key.
pub(super) fn private_key(path: &Path) -> Result<PrivateKey, ConfigError> {
    let fail = |why: &str| {
        let make = "make one with `openssl genpkey -algorithm ed25519`";
        Err(refuse(path, "private-key-file", format!("{why}; {make}")))
    };
    let mut found = sections(path, "private-key-file")?;
    let Some((SectionKind::PrivateKey, der)) = found.pop().filter(|_| found.is_empty()) else {
        return fail("is not one private key (PKCS#8, PEM, without a passphrase)");
    };
    let Some(pair) = crypto::key_pair(&der) else {
        return fail("has a private key that is not an Ed25519 one");
    };
    let public = Ed25519KeyPair::public_key(&pair).as_ref().to_vec();
    Ok(PrivateKey { der, public })
}

/// The parts of a PEM file, in their order.
fn sections(
    path: &Path,
    setting: &'static str,
) -> Result<Vec<(SectionKind, Vec<u8>)>, ConfigError> {
    let text = read(path, setting)?;
    <(SectionKind, Vec<u8>)>::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| refuse(path, setting, format!("cannot be read as PEM: {error}")))
}

fn read(path: &Path, setting: &'static str) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|error| refuse(path, setting, format!("cannot be read: {error}")))
}

fn refuse(path: &Path, setting: &'static str, why: impl std::fmt::Display) -> ConfigError {
    ConfigError::File {
        path: path.to_owned(),
        problem: format!("(setting `{setting}`) {why}"),
    }
}
