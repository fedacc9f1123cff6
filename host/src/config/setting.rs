//! What a setting is, and how much of its value may be shown.

/// One setting: a flag `--<key>`, a variable `REALM_<KEY>`, a key of `realm.toml`.
#[derive(Debug)]
pub struct Setting {
    /// Its name, in kebab case.
    pub key: &'static str,
    /// What holds when nobody sets it; empty: nothing.
    pub default: &'static str,
    /// What it means, and its unit.
    pub help: &'static str,
    /// How much of its value may be shown.
    secrecy: Secrecy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrecy {
    /// All but the password of a URL.
    Open,
    /// A URL with a password: nothing, when it cannot be told where that is.
    Url,
    /// Nothing.
    Secret,
}

impl Setting {
    /// A value of this setting as it may be shown: a token, and the password of a URL, are nobody's business.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        const HIDDEN: &str = "***";
        match url::Url::parse(text) {
            _ if text.is_empty() => String::new(),
            _ if self.secrecy == Secrecy::Secret => HIDDEN.to_owned(),
            Ok(mut url) if has_password(&url) => {
                if url.password().is_some() {
                    // It can have one, or it would not have had one.
                    let _ = url.set_password(Some(HIDDEN));
                }
                if url.query().is_some() {
                    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
                    let shown = pairs.iter().map(|(key, value)| match key.as_str() {
                        "password" => (key.as_str(), HIDDEN),
                        _ => (key.as_str(), value.as_str()),
                    });
                    url.query_pairs_mut().clear().extend_pairs(shown);
                }
                url.into()
            }
            Err(_) if self.secrecy == Secrecy::Url => HIDDEN.to_owned(),
            _ => text.to_owned(),
        }
    }
}

/// Before its host, or as a parameter, which Postgres takes as well.
fn has_password(url: &url::Url) -> bool {
    url.password().is_some() || url.query_pairs().any(|(key, _)| key == "password")
}

pub(super) const fn setting(
    key: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting {
        key,
        default,
        help,
        secrecy: Secrecy::Open,
    }
}

pub(super) const fn hidden(secrecy: Secrecy, key: &'static str, help: &'static str) -> Setting {
    Setting {
        key,
        default: "",
        help,
        secrecy,
    }
}
