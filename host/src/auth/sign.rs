use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use super::{User, crypto, keys};
use crate::config::{AuthConfig, ConfigError};

/// Signs tokens, with the secret or the private key that the settings name.
#[derive(Debug)]
pub struct Signer {
    header: Header,
    key: EncodingKey,
    audience: String,
}

/// A token, and what it is worth.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What goes behind `Bearer`.
    pub token: String,
    /// When it expires, in seconds since 1970.
    pub expires: u64,
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The clock is before 1970.
    #[error("this machine's clock is before 1970; set it right")]
    Clock,
    /// The library's trouble.
    #[error("the token could not be signed: {0}")]
    Library(#[from] jsonwebtoken::errors::Error),
}

impl Signer {
    /// Reads the key; none when the settings name none to sign with.
    ///
    /// With `public-keys` beside it, a private key's tokens name their key (`kid`) by the file in which its public key
    /// is; without, they name none, and a host tries all that it has.
    ///
    /// # Errors
    /// When a file cannot be read, has no key in it that is good, or the private key belongs to none of the public ones.
    pub fn new(config: &AuthConfig) -> Result<Option<Self>, ConfigError> {
        let (header, key) = if let Some(path) = &config.secret_file {
            let secret = keys::secret(path)?;
            (
                Header::new(Algorithm::HS256),
                EncodingKey::from_secret(&secret),
            )
        } else if let Some(path) = &config.private_key_file {
            let private = keys::private_key(path)?;
            let mut header = Header::new(Algorithm::EdDSA);
            if let Some(folder) = &config.public_keys {
                let known = keys::public_keys(folder)?.into_iter();
                let mut ours = known.filter(|key| key.bytes == private.public);
                let Some(key) = ours.next() else {
                    return Err(ConfigError::File {
                        path: path.clone(),
                        problem: format!(
                            "(setting `private-key-file`) belongs to no key of `public-keys` ({}), and hosts would refuse what it signs: `openssl pkey -in {} -pubout` prints its public key",
                            folder.display(),
                            path.display()
                        ),
                    });
                };
                header.kid = Some(key.id);
            }
            (header, EncodingKey::from_ed_der(&private.der))
        } else {
            return Ok(None);
        };
        crypto::install();
        Ok(Some(Self {
            header,
            key,
            audience: config.audience.clone(),
        }))
    }

    /// A token of a user, good for `ttl` from now (whole seconds, rounded up).
    ///
    /// # Errors
    /// See [`SignError`].
    pub fn sign(&self, user: &User, ttl: Duration) -> Result<Signed, SignError> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_err(|_| SignError::Clock)?;
        let expires = now.saturating_add(ttl);
        let expires = expires
            .as_secs()
            .saturating_add(u64::from(expires.subsec_nanos() > 0));
        let mut claims = json!({
            "sub": user.name(), "aud": self.audience, "iat": now.as_secs(), "exp": expires,
        });
        if user.is_operator() {
            claims["operator"] = json!(true);
        }
        let token = jsonwebtoken::encode(&self.header, &claims, &self.key)?;
        Ok(Signed { token, expires })
    }
}
