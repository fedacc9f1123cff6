use std::sync::LazyLock;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::parts;
use crate::auth::Verifier;

const SECRET: &[u8; 32] = b"a secret that our hosts all know";
/// What the host is called.
const AUDIENCE: &str = "http://h.example";

/// Three lines: a token's header, its claims, and pairs of a place and a byte to be put there. Signed with the key, it is
/// taken exactly when header and claims are good, and names the user that they name; signed with another key or not at
/// all, or with one byte changed, it is refused.
pub fn token(data: &[u8]) -> bool {
    static HOST: LazyLock<Verifier> = LazyLock::new(|| Verifier::hs256(SECRET, AUDIENCE));
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(HOST.verify(text).is_err(), "nobody has signed it");
    }
    let Some([header, claims, edits]) = parts(data) else {
        return false;
    };
    // As it stands it may say things twice, which nobody has to understand, ...
    let (user, _) = meaning(header, claims);
    if let Ok(taken) = HOST.verify(&sign(header, claims, SECRET)) {
        assert_eq!(
            Some((taken.name(), taken.is_operator())),
            user.as_ref().map(of)
        );
    }
    // ... printed anew it does not.
    let (header, claims) = (&anew(header), &anew(claims));
    let token = sign(header, claims, SECRET);
    let (user, certain) = meaning(header, claims);
    let taken = HOST.verify(&token);
    match &taken {
        Ok(taken) => {
            assert_eq!(
                Some((taken.name(), taken.is_operator())),
                user.as_ref().map(of)
            );
        }
        Err(error) => {
            let fits = token.len() <= 8192;
            assert!(user.is_none() || !certain || !fits, "{user:?}: {error}");
        }
    }
    let another = sign(header, claims, b"a secret that somebody else knows");
    assert!(HOST.verify(&another).is_err(), "signed with another key");
    let signed = token.rfind('.').expect("a signature");
    for forged in [
        &token[..signed],
        &token[..=signed],
        &token[..token.len() - 1],
    ] {
        assert!(HOST.verify(forged).is_err(), "{forged}: not signed");
    }
    let mut edited = token.clone().into_bytes();
    for edit in edits.chunks_exact(2) {
        let at = usize::from(edit[0]) * edited.len() / 256;
        edited[at] = edit[1];
    }
    if let Ok(edited) = String::from_utf8(edited)
        && edited != token
    {
        assert!(HOST.verify(&edited).is_err(), "{edited}: not {token}");
    }
    taken.is_ok()
}

/// RFC 7515, section 7.1, with RFC 2104 by hand.
fn sign(header: &[u8], claims: &[u8], secret: &[u8]) -> String {
    let signed = format!("{}.{}", encode(header), encode(claims));
    let pad = |with: u8| {
        let mut block = [with; 64];
        block
            .iter_mut()
            .zip(secret)
            .for_each(|(pad, byte)| *pad ^= byte);
        Sha256::new_with_prefix(block)
    };
    let inner = pad(0x36).chain_update(&signed).finalize();
    let signature = pad(0x5c).chain_update(inner).finalize();
    format!("{signed}.{}", encode(&signature))
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// JSON in another spelling; anything else as it is.
fn anew(text: &[u8]) -> Vec<u8> {
    let document = serde_json::from_slice::<Value>(text);
    document.map_or_else(
        |_| text.to_owned(),
        |document| document.to_string().into_bytes(),
    )
}

/// A user's name, and whether it is an operator.
type User = (String, bool);

fn of((name, operator): &User) -> (&str, bool) {
    (name, *operator)
}

/// Whose a signed token is, and whether that is certain: nobody has to take one of just now, or with a header that has
/// more than we know.
fn meaning(header: &[u8], claims: &[u8]) -> (Option<User>, bool) {
    let mut certain = true;
    let user = user(header, claims, &mut certain);
    (user, certain)
}

fn user(header: &[u8], claims: &[u8], certain: &mut bool) -> Option<User> {
    let header: Value = serde_json::from_slice(header).ok()?;
    let header = header.as_object()?;
    let known = |(key, value): (&String, &Value)| {
        key == "alg" || ["typ", "kid"].contains(&key.as_str()) && value.is_string()
    };
    *certain = header.iter().all(known);
    // Who has no extension may say so.
    let extended = header.get("crit").is_some_and(|crit| !crit.is_null());
    if header.get("alg")? != "HS256" || extended {
        return None;
    }
    let claims: Value = serde_json::from_slice(claims).ok()?;
    let claims = claims.as_object()?;
    let time = |name: &str| claims.get(name).map_or(Some(0.0), Value::as_f64);
    let (expires, not_before, _) = (time("exp")?, time("nbf")?, time("iat")?);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.ok()?.as_secs_f64();
    *certain &= expires > now + 5.0 && not_before < now + 55.0;
    let in_time = expires > now - 5.0 && not_before < now + 65.0;
    let for_us = match claims.get("aud")? {
        Value::Array(all) => {
            all.iter().all(Value::is_string) && all.iter().any(|one| one == AUDIENCE)
        }
        one => one == AUDIENCE,
    };
    let operator = claims.get("operator").map_or(Some(false), Value::as_bool)?;
    let name = claims.get("sub")?.as_str()?;
    (in_time && for_us && is_name(name)).then(|| (name.to_owned(), operator))
}

/// 1 to 255 bytes without control characters, no white space around them, and not everyone's name.
fn is_name(name: &str) -> bool {
    let edges = [name.chars().next(), name.chars().next_back()];
    let is_trimmed = edges
        .iter()
        .all(|edge| edge.is_some_and(|edge| !edge.is_whitespace()));
    is_trimmed && name.len() < 256 && name != "*" && !name.contains(char::is_control)
}
