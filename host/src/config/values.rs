//! Values that are neither a number, a size nor a time.

use super::{ConfigError, RawConfig};
use crate::realm::UrlPrefixes;

/// A content coding (RFC 9110, section 8.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coding {
    /// `br`.
    Brotli,
    /// `gzip`.
    Gzip,
}

impl Coding {
    /// The coding's name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// Which pages of other origins may use this host from a browser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsOrigins {
    /// All may read.
    pub any: bool,
    /// These may read and write.
    pub named: Vec<String>,
}

impl CorsOrigins {
    /// Whether any page of another origin may do anything.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.any || !self.named.is_empty()
    }
}

/// What a replica does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles {
    /// It answers requests.
    pub serve: bool,
    /// It does what no request waits for.
    pub work: bool,
}

pub(super) fn roles(raw: &RawConfig) -> Result<Roles, ConfigError> {
    let mut roles = Roles {
        serve: false,
        work: false,
    };
    for role in raw.0["role"].text.split(',') {
        match role {
            "serve" => roles.serve = true,
            "work" => roles.work = true,
            unknown => {
                return Err(raw.fail(
                    "role",
                    format!("has `{unknown}`; a role is `serve` or `work`"),
                ));
            }
        }
    }
    Ok(roles)
}

pub(super) fn codings(raw: &RawConfig) -> Result<Vec<Coding>, ConfigError> {
    if raw.text("compression") == Some("off") {
        return Ok(Vec::new());
    }
    let known = |name: &str| match name.trim() {
        "br" => Ok(Coding::Brotli),
        "gzip" => Ok(Coding::Gzip),
        _ => Err(raw.fail(
            "compression",
            "is neither `off` nor a list of `br` and `gzip`",
        )),
    };
    raw.0["compression"].text.split(',').map(known).collect()
}

pub(super) fn prefixes(
    raw: &RawConfig,
    key: &'static str,
) -> Result<Option<UrlPrefixes>, ConfigError> {
    raw.text(key)
        .map(|text| UrlPrefixes::parse(text).map_err(|problem| raw.fail(key, problem)))
        .transpose()
}

pub(super) fn cors_origins(raw: &RawConfig) -> Result<CorsOrigins, ConfigError> {
    let mut origins = CorsOrigins::default();
    let listed = raw.text("cors-origins").into_iter();
    for text in listed.flat_map(|text| text.split(',').map(str::trim)) {
        if text == "*" {
            origins.any = true;
            continue;
        }
        let origin = parse_origin(text).map_err(|problem| raw.fail("cors-origins", problem))?;
        origins.named.push(origin);
    }
    Ok(origins)
}

/// Scheme, host and port, without a path.
pub(super) fn parse_origin(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| format!("is not a URL: {error}"))?;
    if !matches!(url.scheme(), "http" | "https")
        || url.path() != "/"
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err(
            "is not an origin; write scheme, host and port, as in `https://example.org`".to_owned(),
        );
    }
    Ok(url.origin().ascii_serialization())
}
