use std::time::Duration;

use minisign_verify::PublicKey;

use super::{ConfigError, RawConfig, Secret};

/// Bytes of a signature: it has four lines, of which one is its signer's own.
pub const SIGNATURE_BYTES: usize = 4 << 10;

/// A public key whose signatures are believed.
#[derive(Clone, Debug)]
pub struct PluginKey {
    /// What its signer is called.
    pub name: String,
    /// A minisign key.
    pub key: PublicKey,
}

/// Whether a plugin needs a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureRule {
    /// One that is there must be good, or of an unknown key.
    Optional,
    /// One of a key of `plugin-keys` is needed.
    Required,
}

/// Where plugins may come from, and whether they are trusted.
#[derive(Clone, Debug)]
pub struct SourcesConfig {
    /// Whose signatures are believed; a name may have several keys.
    pub keys: Vec<PluginKey>,
    /// Whether a plugin needs one.
    pub signatures: SignatureRule,
    /// How long a command fetches a component.
    pub fetch_timeout: Duration,
    /// How often a server may lead on to another URL.
    pub fetch_redirects: usize,
    /// The login of registries; none: docker's.
    pub registry_login: Option<RegistryLogin>,
}

/// Who a command says that it is to a registry.
#[derive(Clone, Debug)]
pub struct RegistryLogin {
    /// The user.
    pub user: String,
    /// The password, or the token that goes for one.
    pub password: Secret,
}

impl SourcesConfig {
    pub(super) fn new(raw: &RawConfig) -> Result<Self, ConfigError> {
        let keys = keys(raw)?;
        let signatures = match raw.0["plugin-signatures"].text.as_str() {
            "optional" => SignatureRule::Optional,
            "required" => SignatureRule::Required,
            _ => return Err(raw.fail("plugin-signatures", "is neither `optional` nor `required`")),
        };
        if signatures == SignatureRule::Required && keys.is_empty() {
            return Err(ConfigError::Conflict(
                "`plugin-signatures` is `required`, and there is no key that could have signed a plugin: set `plugin-keys`".to_owned(),
            ));
        }
        Ok(Self {
            keys,
            signatures,
            fetch_timeout: raw.duration("plugin-fetch-timeout")?,
            fetch_redirects: raw.number("plugin-fetch-redirects")?,
            registry_login: login(raw)?,
        })
    }
}

fn keys(raw: &RawConfig) -> Result<Vec<PluginKey>, ConfigError> {
    let listed = raw.text("plugin-keys").into_iter();
    let parse = |text: &str| {
        let fail = |problem: String| raw.fail("plugin-keys", problem);
        let (name, key) = text.split_once('=').ok_or_else(|| {
            fail(format!(
                "has `{text}`, which has no name; write `name=key`, as in `alice=RWQ…`"
            ))
        })?;
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._@-".contains(&byte);
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(fail(format!(
                "names a signer `{name}`; a name has letters, digits and `._@-`, at most 64 of them"
            )));
        }
        let key = PublicKey::from_base64(key).map_err(|_| {
            fail(format!(
                "has for `{name}` what is no key of minisign; write the second line of its `.pub` file, 56 characters that begin with `RW`"
            ))
        })?;
        Ok(PluginKey {
            name: name.to_owned(),
            key,
        })
    };
    listed
        .flat_map(|text| text.split(',').map(str::trim))
        .map(parse)
        .collect()
}

fn login(raw: &RawConfig) -> Result<Option<RegistryLogin>, ConfigError> {
    match (raw.text("registry-user"), raw.text("registry-password")) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(RegistryLogin {
            user: user.to_owned(),
            password: Secret::new(password),
        })),
        _ => Err(ConfigError::Conflict(
            "`registry-user` and `registry-password` go together: set both, or neither, and docker's login is used".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{SignatureRule, SourcesConfig};
    use crate::config::tests;

    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn with(flags: &[(&str, &str)]) -> Result<SourcesConfig, String> {
        tests::with(flags).map(|config| config.sources)
    }

    #[test]
    fn keys_have_names() {
        let two = format!("alice={KEY}, ci@example.org={KEY}");
        let keys = with(&[("plugin-keys", &two)]).unwrap().keys;
        let names: Vec<_> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["alice", "ci@example.org"]);
        for (text, told) in [
            (KEY, "no name"),
            (&format!("a b={KEY}"), "`a b`"),
            (&format!("={KEY}"), "``"),
            ("alice=RWQ", "`alice`"),
            (&format!("alice={KEY},bob={}", &KEY[1..]), "`bob`"),
        ] {
            let error = with(&[("plugin-keys", text)]).unwrap_err();
            assert!(
                error.contains("`plugin-keys`") && error.contains(told),
                "{error}"
            );
        }
    }

    #[test]
    fn a_signature_that_nobody_could_make_is_not_required() {
        assert_eq!(with(&[]).unwrap().signatures, SignatureRule::Optional);
        let required = ("plugin-signatures", "required");
        let error = with(&[required]).unwrap_err();
        assert!(error.contains("plugin-keys"), "{error}");
        let keys = format!("alice={KEY}");
        let rule = with(&[required, ("plugin-keys", &keys)])
            .unwrap()
            .signatures;
        assert_eq!(rule, SignatureRule::Required);
        assert!(with(&[("plugin-signatures", "yes")]).is_err());
    }

    #[test]
    fn a_login_is_whole_and_never_shown() {
        let (user, password) = (("registry-user", "ann"), ("registry-password", "sesame"));
        for half in [user, password] {
            let error = with(&[half]).unwrap_err();
            assert!(
                error.contains("go together") && !error.contains("sesame"),
                "{error}"
            );
        }
        let config = with(&[user, password]).unwrap();
        assert!(!format!("{config:?}").contains("sesame"));
        assert_eq!(config.registry_login.unwrap().password.expose(), "sesame");
    }
}
