use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::{AuthError, User};

/// How far ahead of this host's clock the issuer's may be, in seconds.
const NOT_BEFORE_LEEWAY: f64 = 60.0;

/// What a token says, as far as we ask. The library could check some of this too, but it has one leeway for `exp` and `nbf`,
/// takes a token in the second in which it expires, and names the first of several missing claims by chance.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    #[serde(default, deserialize_with = "present")]
    sub: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    aud: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    nbf: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    iat: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    operator: Option<Value>,
    /// With this, serde takes nothing but an object.
    #[serde(flatten)]
    _other: serde::de::IgnoredAny,
}

/// `null` is a value, and none that we take.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What claims come to, whatever the time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Accepted {
    user: User,
    /// Seconds since 1970, as `expires`.
    not_before: Option<f64>,
    pub(super) expires: f64,
}

impl Claims {
    /// Checks all claims for a host called `audience`, but not whether their time is now.
    pub(super) fn accept(&self, audience: &str) -> Result<Accepted, AuthError> {
        let name = match &self.sub {
            None => return Err(AuthError::MissingClaim("sub")),
            Some(Value::String(name)) => name,
            Some(_) => return Err(bad("sub", "a text")),
        };
        let ours = |value: &Value| value.as_str() == Some(audience);
        match &self.aud {
            None => return Err(AuthError::MissingClaim("aud")),
            Some(Value::Array(all)) if !all.iter().all(Value::is_string) => {
                return Err(bad("aud", "a text or a list of texts"));
            }
            Some(Value::Array(all)) if all.iter().any(ours) => {}
            Some(text) if ours(text) => {}
            Some(Value::String(_) | Value::Array(_)) => return Err(AuthError::WrongAudience),
            Some(_) => return Err(bad("aud", "a text or a list of texts")),
        }
        time("iat", self.iat.as_ref())?;
        let operator = match &self.operator {
            None => false,
            Some(Value::Bool(operator)) => *operator,
            Some(_) => return Err(bad("operator", "`true` or `false`")),
        };
        Ok(Accepted {
            user: User::new(name, operator)?,
            not_before: time("nbf", self.nbf.as_ref())?,
            expires: time("exp", self.exp.as_ref())?.ok_or(AuthError::MissingClaim("exp"))?,
        })
    }
}

impl Accepted {
    /// The user, if `now` (seconds since 1970) is in the token's time.
    pub(super) fn at(&self, now: f64) -> Result<User, AuthError> {
        if now >= self.expires {
            return Err(AuthError::Expired);
        }
        let ahead = |not_before| not_before > now + NOT_BEFORE_LEEWAY;
        if self.not_before.is_some_and(ahead) {
            return Err(AuthError::NotYetValid);
        }
        Ok(self.user.clone())
    }
}

/// A time may have a fraction (RFC 7519, section 2).
fn time(claim: &'static str, value: Option<&Value>) -> Result<Option<f64>, AuthError> {
    value
        .map(|value| {
            value
                .as_f64()
                .ok_or(bad(claim, "a number of seconds since 1970"))
        })
        .transpose()
}

fn bad(claim: &'static str, expected: &'static str) -> AuthError {
    AuthError::BadClaim { claim, expected }
}
