use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::{ConfigError, RawConfig};

/// Whether a host asks who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMode {
    /// Everyone may do everything.
    None,
    /// By bearer tokens.
    Jwt,
}

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(super) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The value.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Whom a host lets in, and what tokens are verified and signed with. Files are named here, and read by `auth`.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// Whether the public socket asks for tokens.
    pub mode: AuthMode,
    /// Whether the admin socket asks for an operator's token.
    pub admin_token: bool,
    /// File with the secret of HS256 tokens.
    pub secret_file: Option<PathBuf>,
    /// File or folder with the public keys of EdDSA tokens; never together with a secret.
    pub public_keys: Option<PathBuf>,
    /// File with the private key that commands sign EdDSA tokens with; never together with a secret.
    pub private_key_file: Option<PathBuf>,
    /// The `aud` of tokens.
    pub audience: String,
    /// The token that commands send.
    pub token: Option<Secret>,
}

impl AuthConfig {
    pub(super) fn new(
        raw: &RawConfig,
        listen: SocketAddr,
        admin_listen: Option<SocketAddr>,
    ) -> Result<Self, ConfigError> {
        let admin_is_near = admin_listen.is_none_or(|socket| socket.ip().is_loopback());
        let mode = match raw.text("auth") {
            Some("none") => AuthMode::None,
            Some("jwt") => AuthMode::Jwt,
            None if listen.ip().is_loopback() && admin_is_near => AuthMode::None,
            None => {
                return Err(ConfigError::Conflict(
                    "a socket that others can reach needs `--auth` to be chosen: `jwt` asks for tokens, `none` lets everyone who reaches it read and write".to_owned(),
                ));
            }
            Some(_) => return Err(raw.fail("auth", "is neither `none` nor `jwt`")),
        };
        let auth = Self {
            mode,
            admin_token: mode == AuthMode::Jwt || !admin_is_near,
            secret_file: raw.text("secret-file").map(PathBuf::from),
            public_keys: raw.text("public-keys").map(PathBuf::from),
            private_key_file: raw.text("private-key-file").map(PathBuf::from),
            audience: audience(raw)?,
            token: token(raw)?,
        };
        auth.check()?;
        Ok(auth)
    }

    /// Which settings go together.
    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |why: &str| Err(ConfigError::Conflict(why.to_owned()));
        if self.secret_file.is_some() && self.public_keys.is_some() {
            return refuse(
                "`secret-file` and `public-keys` do not go together, for a host takes tokens of one algorithm: HS256 with a secret, EdDSA with public keys; leave one out",
            );
        }
        if self.secret_file.is_some() && self.private_key_file.is_some() {
            return refuse(
                "`secret-file` and `private-key-file` do not go together, for tokens are signed with one of them: HS256 with a secret, EdDSA with a private key; leave one out",
            );
        }
        if self.secret_file.is_some() || self.public_keys.is_some() {
            return Ok(());
        }
        if self.mode == AuthMode::Jwt {
            return refuse(
                "`auth` is `jwt`, and there is nothing to verify tokens with: set `secret-file` (`openssl rand -hex 32` makes a secret), or `public-keys`",
            );
        }
        if self.admin_token {
            return refuse(
                "an admin socket that others can reach asks for an operator's token, and there is nothing to verify it with: set `secret-file` (`openssl rand -hex 32` makes a secret) or `public-keys`, or set `admin-listen` to a loopback address or `off`",
            );
        }
        Ok(())
    }
}

fn audience(raw: &RawConfig) -> Result<String, ConfigError> {
    let audience = raw.text("audience").unwrap_or_default();
    if audience.is_empty() || audience.trim() != audience {
        return Err(raw.fail(
            "audience",
            "is not a name; write one without spaces around it, as in `realm`",
        ));
    }
    Ok(audience.to_owned())
}

fn token(raw: &RawConfig) -> Result<Option<Secret>, ConfigError> {
    let Some(token) = raw.text("token") else {
        return Ok(None);
    };
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(raw.fail(
            "token",
            "is not a token; give the one line that `realm token create` prints, without `Bearer`",
        ));
    }
    Ok(Some(Secret(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::{AuthConfig, AuthMode};
    use crate::config::tests;

    fn with(flags: &[(&str, &str)]) -> Result<AuthConfig, String> {
        tests::with(flags).map(|config| config.auth)
    }

    #[test]
    fn a_socket_that_others_reach_needs_a_choice() {
        let away = ("listen", "0.0.0.0:80");
        assert!(with(&[away]).unwrap_err().contains("--auth"));
        let open = with(&[away, ("auth", "none")]).unwrap();
        assert_eq!((open.mode, open.admin_token), (AuthMode::None, false));
        assert!(with(&[("auth", "basic")]).unwrap_err().contains("`jwt`"));
        assert_eq!(with(&[]).unwrap().mode, AuthMode::None);
    }

    #[test]
    fn tokens_are_of_one_algorithm() {
        let jwt = ("auth", "jwt");
        let (secret, public) = (("secret-file", "s"), ("public-keys", "p"));
        let error = with(&[jwt]).unwrap_err();
        assert!(error.contains("secret-file") && error.contains("public-keys"));
        assert!(with(&[jwt, secret]).unwrap().admin_token);
        assert!(with(&[jwt, public, ("private-key-file", "k")]).is_ok());
        assert!(with(&[jwt, secret, public]).is_err());
        assert!(with(&[secret, public]).is_err());
        assert!(with(&[secret, ("private-key-file", "k")]).is_err());
        assert!(with(&[jwt, ("private-key-file", "k")]).is_err());
    }

    #[test]
    fn an_admin_socket_that_others_reach_needs_a_key() {
        let away = [("auth", "none"), ("admin-listen", "0.0.0.0:81")];
        let error = with(&away).unwrap_err();
        assert!(error.contains("admin") && error.contains("secret-file"));
        let keyed = with(&[away[0], away[1], ("public-keys", "p")]).unwrap();
        assert_eq!((keyed.mode, keyed.admin_token), (AuthMode::None, true));
        let off = [
            ("auth", "none"),
            ("listen", "0.0.0.0:80"),
            ("admin-listen", "off"),
        ];
        assert!(!with(&off).unwrap().admin_token);
    }

    #[test]
    fn a_token_is_never_shown() {
        let auth = with(&[("token", "a.b.c")]).unwrap();
        assert_eq!(auth.token.as_ref().unwrap().expose(), "a.b.c");
        assert!(!format!("{auth:?}").contains("a.b.c"));
        let error = with(&[("token", "Bearer a.b.c")]).unwrap_err();
        assert!(
            error.contains("`***`") && !error.contains("a.b.c"),
            "{error}"
        );
    }

    #[test]
    fn an_audience_and_prefixes_are_checked() {
        assert_eq!(with(&[]).unwrap().audience, "realm");
        assert!(with(&[("audience", "")]).is_err());
        assert!(with(&[("audience", " a")]).is_err());
        assert!(with(&[("create-under", "https://*.a.org/")]).is_ok());
        let error = with(&[("publish-under", "https://a.org/x")]).unwrap_err();
        assert!(error.contains("publish-under"), "{error}");
    }
}
