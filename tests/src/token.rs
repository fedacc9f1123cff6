use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2_next::Sha256;

/// A bearer token, made as any other system would make it: by RFC 7519 alone, without the host's code.
#[derive(Clone, Debug)]
pub struct Token {
    header: Value,
    claims: Value,
}

impl Token {
    /// One of a user, for an hour.
    ///
    /// # Panics
    /// Before 1970.
    #[must_use]
    pub fn of(user: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.expect("after 1970").as_secs();
        Self {
            header: json!({ "alg": "HS256", "typ": "JWT" }),
            claims: json!({ "sub": user, "aud": "realm", "exp": now + 3600 }),
        }
    }

    /// With another claim; null: without it.
    #[must_use]
    pub fn with(mut self, claim: &str, value: Value) -> Self {
        if value.is_null() {
            self.claims
                .as_object_mut()
                .expect("an object")
                .remove(claim);
        } else {
            self.claims[claim] = value;
        }
        self
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// Its text without a signature, as it is signed.
    #[must_use]
    pub fn unsigned(&self) -> String {
        let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }

    /// Signed with HMAC-SHA256, whatever its header says.
    ///
    /// # Panics
    /// Never: any key will do.
    #[must_use]
    pub fn signed(&self, secret: &str) -> String {
        let text = self.unsigned();
        let mut mac =
            Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
        mac.update(text.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{text}.{signature}")
    }
}
