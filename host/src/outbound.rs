//! The way to other servers, for commands, and for traces: whom they believe, and through which proxy they go. Nothing else
//! of a host that serves asks anybody.

use std::error::Error as _;
use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, blocking};
use rustls::crypto::ring;
use url::{Host, Url};

/// Asks a server, and goes nowhere that it leads to. Over TLS whom the system trusts is believed, and where it trusts nobody,
/// whom browsers trust. This machine is asked directly, others through the proxy that the environment names for them:
/// `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them.
///
/// # Errors
/// What is wrong with TLS here.
pub(crate) fn client(to: &Url) -> Result<Client, String> {
    built(builder(is_loopback(to))?.build())
}

/// The same without a proxy, for what is on this machine under whatever name.
pub(crate) fn direct() -> Result<Client, String> {
    built(builder(true)?.build())
}

/// As [`client`], for a thread that waits, and no longer than this.
pub(crate) fn blocking(to: &Url, timeout: Duration) -> Result<blocking::Client, String> {
    let client = blocking::ClientBuilder::from(builder(is_loopback(to))?);
    built(client.timeout(timeout).build())
}

/// Why a server did not answer, and what is on the way to it.
pub(crate) fn problem(error: &reqwest::Error) -> String {
    let problem = causes(error);
    match error.url().and_then(proxy) {
        Some(proxy) => format!("{problem}, asked through the environment's proxy, {proxy}"),
        None => problem,
    }
}

/// Whether a URL leads to nowhere but this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn builder(direct: bool) -> Result<ClientBuilder, String> {
    let client = Client::builder()
        .user_agent(concat!("realm/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .tls_backend_preconfigured(trust()?);
    Ok(if direct && !mutant!("loopback-through-a-proxy") {
        client.no_proxy()
    } else {
        client
    })
}

fn built<C>(client: reqwest::Result<C>) -> Result<C, String> {
    client.map_err(|error| causes(&error))
}

fn trust() -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Without who one is to it.
fn proxy(to: &Url) -> Option<String> {
    if is_loopback(to) {
        return None;
    }
    let found = Matcher::from_env().intercept(&to.as_str().parse().ok()?)?;
    Some(found.uri().to_string())
}

/// In the words of whoever noticed: the outermost ones say no more than that there was a request.
fn causes(error: &reqwest::Error) -> String {
    let causes: Vec<_> = successors(error.source(), |&error| error.source())
        .map(ToString::to_string)
        .collect();
    if causes.is_empty() {
        error.to_string()
    } else {
        causes.join(": ")
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn loopback_is_this_machine() {
        let near = ["http://127.0.0.1:1/", "http://[::1]/", "http://localhost/"];
        let far = ["http://10.0.0.1/", "http://localhost.example/", "http://a/"];
        let loopback = |text: &str| is_loopback(&text.parse().unwrap());
        assert!(near.iter().all(|text| loopback(text)));
        assert!(!far.iter().any(|text| loopback(text)));
    }
}
