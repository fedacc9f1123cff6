use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use quick_cache::sync::Cache;
use serde::Deserialize;
use serde_json::Value;

use super::claims::{Accepted, Claims};
use super::{AuthError, User, crypto, keys};
use crate::config::{AuthConfig, ConfigError};

/// The most bytes of a token.
pub const MAX_TOKEN_BYTES: usize = 8 << 10;

/// Tokens that are remembered.
const KNOWN_TOKENS: usize = 1024;

/// Tells whose a token is. The settings fix the algorithm; a token has no say in it.
#[derive(Debug)]
pub struct Verifier {
    validation: Validation,
    /// One secret without an id, or public keys.
    keys: Vec<Key>,
    audience: String,
    /// What good EdDSA tokens came to, by their hash: a signature takes longer to verify than most requests to answer.
    known: Option<Cache<blake3::Hash, Accepted>>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    key: DecodingKey,
}

/// A token's header, as far as we ask.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl Verifier {
    /// Reads the keys that the settings name; none when they name none.
    ///
    /// # Errors
    /// When a file cannot be read, or has no key in it that is good.
    pub fn new(config: &AuthConfig) -> Result<Option<Self>, ConfigError> {
        if let Some(path) = &config.secret_file {
            return Ok(Some(Self::hs256(&keys::secret(path)?, &config.audience)));
        }
        let Some(path) = &config.public_keys else {
            return Ok(None);
        };
        let keys = keys::public_keys(path)?.into_iter().map(|key| Key {
            id: Some(key.id),
            key: DecodingKey::from_ed_der(&key.bytes),
        });
        let keys = keys.collect();
        Ok(Some(Self::with(Algorithm::EdDSA, keys, &config.audience)))
    }

    /// Takes HS256 tokens alone, for hosts called `audience`.
    #[must_use]
    pub fn hs256(secret: &[u8], audience: &str) -> Self {
        let key = DecodingKey::from_secret(secret);
        Self::with(Algorithm::HS256, vec![Key { id: None, key }], audience)
    }

    fn with(algorithm: Algorithm, keys: Vec<Key>, audience: &str) -> Self {
        crypto::install();
        // The library checks algorithm and signature, `claims` all the rest.
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            validation,
            keys,
            audience: audience.to_owned(),
            known: (algorithm == Algorithm::EdDSA).then(|| Cache::new(KNOWN_TOKENS)),
        }
    }

    /// Whose a token is, which may be any text.
    ///
    /// # Errors
    /// See [`AuthError`].
    pub fn verify(&self, token: &str) -> Result<User, AuthError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock that is before 1970 knows nothing, and every token is then too old.
        self.verify_at(token, now.map_or(f64::MAX, |now| now.as_secs_f64()))
    }

    /// The same at another time, in seconds since 1970.
    pub(super) fn verify_at(&self, token: &str, now: f64) -> Result<User, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::Malformed("it has more than 8 KiB"));
        }
        let Some(known) = &self.known else {
            return self.accept(token)?.at(now);
        };
        let hash = blake3::hash(token.as_bytes());
        if let Some(accepted) = known.get(&hash) {
            return accepted.at(now);
        }
        let accepted = self.accept(token)?;
        let user = accepted.at(now)?;
        known.insert(hash, accepted);
        Ok(user)
    }

    /// All that does not depend on the time.
    pub(super) fn accept(&self, token: &str) -> Result<Accepted, AuthError> {
        let header = header(token)?;
        if header.alg != self.algorithm() {
            return Err(AuthError::WrongAlgorithm(self.algorithm()));
        }
        // RFC 7515, section 4.1.11: who does not understand all that is critical must refuse.
        if header.crit.is_some() {
            return Err(AuthError::Malformed(
                "its header has `crit`, and this host knows no extension",
            ));
        }
        self.claims(token, header.kid.as_deref())?
            .accept(&self.audience)
    }

    /// The claims, once the signature has been found good.
    fn claims(&self, token: &str, id: Option<&str>) -> Result<Claims, AuthError> {
        // A key without an id is the only one, and takes tokens with any.
        let fits = |key: &&Key| key.id.is_none() || id.is_none() || key.id.as_deref() == id;
        let mut result = Err(AuthError::UnknownKey);
        for key in self.keys.iter().filter(fits) {
            result = jsonwebtoken::decode(token, &key.key, &self.validation)
                .map(|token| token.claims)
                .map_err(|error| self.refused(error.kind()));
            if result.as_ref().err() != Some(&AuthError::BadSignature) {
                break;
            }
        }
        result
    }

    fn refused(&self, kind: &ErrorKind) -> AuthError {
        match kind {
            ErrorKind::InvalidSignature => AuthError::BadSignature,
            ErrorKind::InvalidAlgorithm => AuthError::WrongAlgorithm(self.algorithm()),
            ErrorKind::Json(_) => {
                AuthError::Malformed("its header or its claims are not the JSON that a token has")
            }
            _ => AuthError::Malformed("it is not three parts of Base64 with dots between them"),
        }
    }

    fn algorithm(&self) -> &'static str {
        if self.validation.algorithms == [Algorithm::EdDSA] {
            "EdDSA"
        } else {
            "HS256"
        }
    }
}

/// Read before the library does: it knows some algorithms, and tells `none` and any other from no header at all.
fn header(token: &str) -> Result<Header, AuthError> {
    let malformed = AuthError::Malformed("it does not begin with a header (Base64, JSON)");
    let (header, _) = token.split_once('.').ok_or(malformed)?;
    let json = URL_SAFE_NO_PAD.decode(header).map_err(|_| malformed)?;
    serde_json::from_slice(&json).map_err(|_| malformed)
}
