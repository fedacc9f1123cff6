//! Brings a component and its signature from where they are: a file, a URL, or a registry of containers. For commands only:
//! no host fetches for anybody. Every transfer is bounded in bytes, time and redirects, and nothing that could have been
//! changed on the way is taken. Knows no host, and does not judge what it brings.

mod client;
mod error;
mod login;
mod manifest;
mod reference;
mod registry;

use std::path::Path;
use std::time::Duration;

use url::Url;

use self::client::Client;
use crate::config::{Config, RegistryLogin, SIGNATURE_BYTES};

pub use self::error::FetchError;
pub use self::reference::{OciReference, Reference};

/// Bounds of a fetch, and who one is.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// Bytes of a component.
    pub component_bytes: usize,
    /// Bytes of a signature.
    pub signature_bytes: usize,
    /// How long all of it may take.
    pub timeout: Duration,
    /// How often a server may lead on.
    pub redirects: usize,
    /// Who one is to a registry; none: whom docker or podman knows.
    pub login: Option<RegistryLogin>,
    /// Whether the component's digest is known: then it does not matter who else is on the way.
    pub pinned: bool,
}

impl FetchOptions {
    /// As the settings say.
    #[must_use]
    pub fn new(config: &Config, pinned: bool) -> Self {
        Self {
            component_bytes: config.plugin_component_bytes,
            signature_bytes: SIGNATURE_BYTES,
            timeout: config.sources.fetch_timeout,
            redirects: config.sources.fetch_redirects,
            login: config.sources.registry_login.clone(),
            pinned,
        }
    }
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it came from: of a registry with the manifest's digest, and never with a password.
    pub source: String,
    /// The component.
    pub component: Vec<u8>,
    /// The text of its signature, where there is one.
    pub signature: Option<String>,
}

/// Told how many bytes have come, and of how many, where that is known.
pub type Progress<'a> = &'a (dyn Fn(u64, Option<u64>) + Sync);

/// Fetches a component, with the signature that is beside it, or the one that is named.
///
/// # Errors
/// When it is not to be had, or not as it should be.
pub async fn fetch(
    reference: &Reference,
    signature: Option<&Reference>,
    options: FetchOptions,
    progress: Progress<'_>,
) -> Result<Fetched, FetchError> {
    let client = Client::new(options);
    let mut fetched = match reference {
        Reference::File(path) => file(path, signature.is_none())?,
        Reference::Url(url) => from_url(&client, url, signature.is_none(), progress).await?,
        Reference::Oci(reference) => registry::pull(&client, reference, progress).await?,
    };
    if let Some(signature) = signature {
        fetched.signature = Some(named(&client, signature).await?);
    }
    Ok(fetched)
}

fn file(path: &Path, look_beside: bool) -> Result<Fetched, FetchError> {
    let unread = |path: &Path| {
        let name = path.display().to_string();
        move |error: std::io::Error| FetchError::File { name, error }
    };
    let component = std::fs::read(path).map_err(unread(path))?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".minisig");
    let beside = Path::new(&beside);
    let signature = match look_beside.then(|| std::fs::read(beside)) {
        Some(Ok(bytes)) => Some(String::from_utf8_lossy(&bytes).into_owned()),
        Some(Err(error)) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(unread(beside)(error));
        }
        _ => None,
    };
    Ok(Fetched {
        source: path.display().to_string(),
        component,
        signature,
    })
}

async fn from_url(
    client: &Client,
    url: &Url,
    look_beside: bool,
    progress: Progress<'_>,
) -> Result<Fetched, FetchError> {
    let component = client.component(url, progress).await?;
    let signature = if look_beside {
        let mut beside = url.clone();
        beside.set_path(&format!("{}.minisig", url.path()));
        // A server may answer with a page of its own for what is not there.
        let found = client.signature(&beside).await?;
        found.filter(|text| text.starts_with("untrusted comment:"))
    } else {
        None
    };
    Ok(Fetched {
        source: client::shown(url),
        component,
        signature,
    })
}

/// The signature that somebody names: it has to be there.
async fn named(client: &Client, signature: &Reference) -> Result<String, FetchError> {
    match signature {
        Reference::File(path) => {
            let read = std::fs::read(path).map_err(|error| FetchError::File {
                name: path.display().to_string(),
                error,
            });
            Ok(String::from_utf8_lossy(&read?).into_owned())
        }
        Reference::Url(url) => {
            let found = client.signature(url).await?;
            found.ok_or_else(|| FetchError::Absent {
                name: client::shown(url),
                told: "404 Not Found".to_owned(),
            })
        }
        Reference::Oci(_) => Err(FetchError::Reference {
            text: signature.to_string(),
            problem: "a signature is a file or a URL; one in a registry is part of the component's manifest".to_owned(),
        }),
    }
}
