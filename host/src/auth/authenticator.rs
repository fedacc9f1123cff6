use std::sync::Arc;

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

use super::{AuthError, Caller, Verifier};
use crate::config::{AuthMode, Config, ConfigError};

/// Tells who sends a request, on either socket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// None: the public socket asks nobody.
    public: Option<Arc<Verifier>>,
    /// None: the admin socket asks nobody.
    admin: Option<Arc<Verifier>>,
}

impl Authenticator {
    /// Reads the keys that the settings name. They are read once: a host that is to take other keys is started again.
    ///
    /// # Errors
    /// When a file cannot be read, has no key in it that is good, or none is named where a socket asks for tokens.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let verifier = Verifier::new(&config.auth)?.map(Arc::new);
        let asks = |asks: bool| match &verifier {
            Some(verifier) if asks => Ok(Some(Arc::clone(verifier))),
            None if asks => Err(ConfigError::Conflict(
                "there is nothing to verify tokens with: set `secret-file` or `public-keys`"
                    .to_owned(),
            )),
            _ => Ok(None),
        };
        Ok(Self {
            public: asks(config.auth.mode == AuthMode::Jwt)?,
            admin: asks(config.auth.admin_token)?,
        })
    }

    /// Who sends a request to the public socket. A token that is not good is an error, not nobody's request: its sender
    /// would otherwise wonder what became of their rights.
    ///
    /// # Errors
    /// See [`AuthError`]; never [`AuthError::Missing`] or [`AuthError::NotOperator`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, AuthError> {
        let Some(verifier) = &self.public else {
            return Ok(Caller::Anyone);
        };
        match bearer(headers)? {
            None => Ok(Caller::Anonymous),
            Some(token) => verifier.verify(token).map(Caller::User),
        }
    }

    /// Which operator sends a request to the admin socket.
    ///
    /// # Errors
    /// See [`AuthError`]; [`AuthError::NotOperator`] when the token is good, but another user's.
    pub fn operator(&self, headers: &HeaderMap) -> Result<Caller, AuthError> {
        let Some(verifier) = &self.admin else {
            return Ok(Caller::Anyone);
        };
        let user = verifier.verify(bearer(headers)?.ok_or(AuthError::Missing)?)?;
        if !user.is_operator() {
            return Err(AuthError::NotOperator);
        }
        Ok(Caller::User(user))
    }
}

/// The token of a request, if it has one.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, AuthError> {
    const FORM: AuthError = AuthError::Malformed("write one `Authorization: Bearer <token>`");
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    // Two proxies that add one each would disagree about who it is.
    if values.next().is_some() {
        return Err(FORM);
    }
    let (scheme, token) = value
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .ok_or(FORM)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains([' ', ',']) {
        return Err(FORM);
    }
    Ok(Some(token))
}
