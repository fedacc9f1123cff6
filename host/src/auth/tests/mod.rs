//! Tokens that are good, and all that are not, on either socket; keys and their files stand in `keys`.

mod keys;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use ring::hmac;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::{AuthError, Authenticator, Caller, MAX_TOKEN_BYTES, Signer, User, Verifier};
use crate::config::{Config, RawConfig};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// When the tests' tokens are used, in seconds since 1970.
const NOW: f64 = 1_800_000_000.0;

fn claims() -> Value {
    json!({ "sub": "ann", "aud": "realm", "exp": 1_800_000_060 })
}

fn message(header: &Value, claims: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims))
}

fn hs256_of(header: &Value, claims: &str, secret: &[u8]) -> String {
    let message = message(header, claims);
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(claims: &Value) -> String {
    hs256_of(&json!({ "alg": "HS256" }), &claims.to_string(), SECRET)
}

fn eddsa(header: &Value, claims: &Value, key: &Ed25519KeyPair) -> String {
    let message = message(header, &claims.to_string());
    let signature = key.sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn verify(token: &str) -> Result<User, AuthError> {
    let verifier = Verifier::hs256(SECRET, "realm");
    verifier.verify_at(token, NOW)
}

/// The code with which a token of these claims is refused.
fn code(claims: &Value) -> &'static str {
    verify(&hs256(claims)).unwrap_err().code()
}

fn but(claim: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[claim] = value;
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
}

/// PKCS#8 as openssl writes it, of a key that `seed` tells from others.
fn private_pem(seed: u8) -> String {
    let prefix: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04,
        0x20,
    ];
    pem("PRIVATE KEY", &[&prefix[..], &[seed; 32]].concat())
}

fn pair(seed: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()
}

fn public_pem(seed: u8) -> String {
    let prefix: [u8; 12] = [
        0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let pair = pair(seed);
    pem(
        "PUBLIC KEY",
        &[&prefix[..], pair.public_key().as_ref()].concat(),
    )
}

/// Settings, of which those that name files name them in `folder`.
fn config(folder: &Path, flags: &[(&str, &str)]) -> Config {
    let flags: BTreeMap<_, _> = flags
        .iter()
        .map(|(key, text)| {
            let text = if key.ends_with("-file") || *key == "public-keys" {
                folder.join(text).to_str().unwrap().to_owned()
            } else {
                (*text).to_owned()
            };
            ((*key).to_owned(), text)
        })
        .collect();
    Config::new(&RawConfig::gather(&flags, folder).unwrap()).unwrap()
}

fn headers(values: &[&str]) -> HeaderMap {
    let values = values
        .iter()
        .map(|value| (AUTHORIZATION, value.parse().unwrap()));
    values.collect()
}

/// What is wrong with the keys that the settings name.
fn refusal(folder: &Path, flags: &[(&str, &str)]) -> String {
    let config = config(folder, flags);
    Verifier::new(&config.auth)
        .map(|_| ())
        .and_then(|()| Signer::new(&config.auth).map(|_| ()))
        .unwrap_err()
        .to_string()
}

#[test]
fn a_good_token_names_its_user() {
    let user = verify(&hs256(&claims())).unwrap();
    assert_eq!((user.name(), user.is_operator()), ("ann", false));
    let more = json!({
        "sub": "ann", "aud": ["other", "realm"], "exp": 1_800_000_000.5, "nbf": 1_800_000_060,
        "iat": 0, "operator": true, "iss": "x", "extra": null,
    });
    assert!(verify(&hs256(&more)).unwrap().is_operator());
    assert!(
        !verify(&hs256(&but("operator", json!(false))))
            .unwrap()
            .is_operator()
    );
}

#[test]
fn the_algorithm_is_not_the_tokens_choice() {
    let text = claims().to_string();
    for alg in [
        "none", "None", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", "",
    ] {
        let token = hs256_of(&json!({ "alg": alg }), &text, SECRET);
        assert_eq!(
            verify(&token),
            Err(AuthError::WrongAlgorithm("HS256")),
            "{alg}"
        );
    }
    // Without a signature, as `none` has it.
    let bare = format!("{}.", message(&json!({ "alg": "none" }), &text));
    assert_eq!(verify(&bare), Err(AuthError::WrongAlgorithm("HS256")));
    let bare = format!("{}.", message(&json!({ "alg": "HS256" }), &text));
    assert_eq!(verify(&bare), Err(AuthError::BadSignature));
}

#[test]
fn a_public_key_is_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.pem"), public_pem(1)).unwrap();
    let config = config(folder.path(), &[("public-keys", "a.pem")]);
    let verifier = Verifier::new(&config.auth).unwrap().unwrap();
    let der = pair(1).public_key().as_ref().to_vec();
    for secret in [public_pem(1).as_bytes(), &der] {
        let text = claims().to_string();
        for alg in ["HS256", "RS256"] {
            let token = hs256_of(&json!({ "alg": alg, "kid": "a" }), &text, secret);
            let refused = verifier.verify_at(&token, NOW).unwrap_err();
            assert_eq!(refused, AuthError::WrongAlgorithm("EdDSA"));
        }
        let token = hs256_of(&json!({ "alg": "EdDSA", "kid": "a" }), &text, secret);
        let refused = verifier.verify_at(&token, NOW).unwrap_err();
        assert_eq!(refused, AuthError::BadSignature);
    }
}

#[test]
fn the_signature_covers_all() {
    let token = hs256(&claims());
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let forged = URL_SAFE_NO_PAD.encode(but("operator", json!(true)).to_string());
    for token in [
        format!("{header}.{forged}.{signature}"),
        format!("{message}.{}", URL_SAFE_NO_PAD.encode([0; 32])),
        format!("{message}.{}", &signature[..42]),
        hs256_of(&json!({ "alg": "HS256" }), &claims().to_string(), &[7; 32]),
        // The header too.
        token.replacen(header, &URL_SAFE_NO_PAD.encode(r#"{ "alg":"HS256"}"#), 1),
    ] {
        let error = verify(&token).unwrap_err();
        assert!(
            matches!(error, AuthError::BadSignature | AuthError::Malformed(_)),
            "{token}: {error}"
        );
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let good = hs256(&claims());
    let padded = good.replace('.', "=.");
    let text = claims().to_string();
    let head = |header: Value| hs256_of(&header, &text, SECRET);
    let body = |claims: &str| hs256_of(&json!({ "alg": "HS256" }), claims, SECRET);
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "ä.ö.ü",
        "\0",
        &padded,
        &format!("{good}."),
        &format!("{good}="),
        &format!(" {good}"),
        &format!("x.{good}"),
        &good.replacen('.', "", 1),
        &head(json!({})),
        &head(json!([])),
        &head(json!(["HS256", null, null])),
        &head(json!({ "alg": 1 })),
        &head(json!({ "alg": null })),
        &head(json!({ "alg": "HS256", "kid": 1 })),
        &head(json!({ "alg": "HS256", "typ": 1 })),
        &body(&but("sub", json!(["ann"])).to_string()),
        &body(&but("exp", json!([9_999_999_999_u64])).to_string()),
        &body("null"),
        &body("\"ann\""),
        &body("{"),
        &body(""),
        &body(r#"["ann","realm",9999999999]"#),
        // Which of the two would count?
        &body(r#"{"sub":"ann","sub":"bob","aud":"realm","exp":9999999999}"#),
        &body(&"[".repeat(4000)),
    ] {
        let error = verify(token).unwrap_err();
        assert_eq!(error.code(), "token-malformed", "{token}: {error}");
    }
}

#[test]
fn a_critical_header_is_refused() {
    for crit in [json!(["exp"]), json!([]), json!("b64")] {
        let header = json!({ "alg": "HS256", "crit": crit });
        let error = verify(&hs256_of(&header, &claims().to_string(), SECRET)).unwrap_err();
        assert!(error.to_string().contains("crit"), "{error}");
    }
}

#[test]
fn a_token_has_a_size() {
    let of = |size: usize| {
        let bytes = hs256(&but("pad", json!(""))).len();
        let claims = but("pad", json!("x".repeat((size - bytes) * 3 / 4)));
        hs256(&claims)
    };
    let token = of(MAX_TOKEN_BYTES - 4);
    assert!(token.len() <= MAX_TOKEN_BYTES && verify(&token).is_ok());
    let token = of(MAX_TOKEN_BYTES + 8);
    assert!(token.len() > MAX_TOKEN_BYTES);
    assert!(verify(&token).unwrap_err().to_string().contains("8 KiB"));
}

#[test]
fn claims_are_there_and_of_their_kind() {
    for claim in ["sub", "aud", "exp"] {
        assert_eq!(
            verify(&hs256(&without(claim))),
            Err(AuthError::MissingClaim(claim))
        );
    }
    for (claim, value) in [
        ("sub", json!(1)),
        ("sub", json!(null)),
        ("aud", json!(1)),
        ("aud", json!({ "realm": true })),
        ("aud", json!(["realm", 1])),
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("nbf", json!("0")),
        ("nbf", json!(null)),
        ("iat", json!("0")),
        ("operator", json!("true")),
        ("operator", json!(1)),
        ("operator", json!(null)),
        ("operator", json!([true])),
    ] {
        assert_eq!(
            code(&but(claim, value.clone())),
            "token-claim-value",
            "{claim} {value}"
        );
    }
}

#[test]
fn times_hold_to_the_second() {
    for exp in [
        json!(1_800_000_000),
        json!(1_799_999_999.9),
        json!(0),
        json!(-1),
    ] {
        assert_eq!(code(&but("exp", exp.clone())), "token-expired", "{exp}");
    }
    assert!(verify(&hs256(&but("exp", json!(1_800_000_001)))).is_ok());
    assert!(verify(&hs256(&but("exp", json!(u64::MAX)))).is_ok());
    assert_eq!(
        code(&but("nbf", json!(1_800_000_061))),
        "token-not-yet-valid"
    );
    assert!(verify(&hs256(&but("nbf", json!(1_800_000_060)))).is_ok());
    // What the clock says now, too.
    let verifier = Verifier::hs256(SECRET, "realm");
    let old = hs256(&but("exp", json!(1_700_000_000)));
    assert_eq!(verifier.verify(&old), Err(AuthError::Expired));
    assert!(
        verifier
            .verify(&hs256(&but("exp", json!(u64::MAX))))
            .is_ok()
    );
}

#[test]
fn a_token_is_for_one_audience() {
    for aud in [
        json!("other"),
        json!("Realm"),
        json!(""),
        json!([]),
        json!(["other", "real"]),
    ] {
        assert_eq!(code(&but("aud", aud.clone())), "token-audience", "{aud}");
    }
}

#[test]
fn names_that_nobody_may_have() {
    for name in [
        "", "*", " ann", "ann ", "a\nb", "a\0", "\u{85}", "\u{a0}x", "ann\t",
    ] {
        assert_eq!(code(&but("sub", json!(name))), "token-user", "{name:?}");
    }
    assert_eq!(code(&but("sub", json!("x".repeat(256)))), "token-user");
    for name in ["**", "a b", "ann@example.org", "Zoë", &"x".repeat(255)] {
        let user = verify(&hs256(&but("sub", json!(name)))).unwrap();
        assert_eq!(user.name(), name);
    }
}

#[test]
fn a_request_has_one_bearer_or_none() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s"), SECRET).unwrap();
    let config = config(folder.path(), &[("auth", "jwt"), ("secret-file", "s")]);
    let authenticator = Authenticator::new(&config).unwrap();
    let token = hs256(&but("exp", json!(u64::MAX)));
    let ask = |values: &[&str]| authenticator.authenticate(&headers(values));
    assert_eq!(ask(&[]), Ok(Caller::Anonymous));
    for scheme in ["Bearer", "bearer", "BEARER", "Bearer  "] {
        let caller = ask(&[&format!("{scheme} {token}")]).unwrap();
        assert_eq!((caller.name(), caller.is_operator()), (Some("ann"), false));
    }
    let bearer = format!("Bearer {token}");
    for values in [
        &["Basic YTpi"][..],
        &["Bearer"],
        &["Bearer "],
        &[""],
        &[&token],
        &[&format!("Bearer {token} {token}")],
        &[&format!("{bearer}, {bearer}")],
        &[&format!("Bearer\t{token}")],
        &[&bearer, &bearer],
        &[&bearer, ""],
        &["Bearer ü"],
    ] {
        let error = ask(values).unwrap_err();
        assert_eq!(error.code(), "token-malformed", "{values:?}: {error}");
    }
    // A bad token is not nobody's.
    let old = hs256(&claims()).replace('A', "B");
    assert!(ask(&[&format!("Bearer {old}")]).is_err());
}

#[test]
fn the_admin_socket_asks_for_an_operator() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("s"), SECRET).unwrap();
    let user = format!("Bearer {}", hs256(&but("exp", json!(u64::MAX))));
    let claims = json!({ "sub": "ann", "aud": "realm", "exp": u64::MAX, "operator": true });
    let operator = format!("Bearer {}", hs256(&claims));
    let jwt: &[_] = &[("auth", "jwt"), ("secret-file", "s")];
    let away: &[_] = &[
        ("auth", "none"),
        ("secret-file", "s"),
        ("admin-listen", "0.0.0.0:81"),
    ];
    for flags in [jwt, away] {
        let authenticator = Authenticator::new(&config(folder.path(), flags)).unwrap();
        let ask = |values: &[&str]| authenticator.operator(&headers(values));
        assert_eq!(ask(&[]), Err(AuthError::Missing));
        assert_eq!(ask(&[&user]), Err(AuthError::NotOperator));
        assert_eq!(ask(&["Bearer x"]).unwrap_err().code(), "token-malformed");
        assert!(ask(&[&operator]).unwrap().is_operator());
    }
    let away = Authenticator::new(&config(folder.path(), away)).unwrap();
    assert_eq!(
        away.authenticate(&headers(&["nonsense"])),
        Ok(Caller::Anyone)
    );
    let near = Authenticator::new(&config(folder.path(), &[])).unwrap();
    assert_eq!(near.operator(&headers(&[])), Ok(Caller::Anyone));
    assert!(Caller::Anyone.is_operator() && Caller::Anyone.name().is_none());
    assert!(!Caller::Anonymous.is_operator() && Caller::Anonymous.name().is_none());
}

#[test]
fn every_refusal_has_a_code_of_its_own() {
    let all = [
        AuthError::Missing,
        AuthError::Malformed("why"),
        AuthError::WrongAlgorithm("HS256"),
        AuthError::BadSignature,
        AuthError::UnknownKey,
        AuthError::Expired,
        AuthError::NotYetValid,
        AuthError::WrongAudience,
        AuthError::MissingClaim("sub"),
        AuthError::BadClaim {
            claim: "exp",
            expected: "a number",
        },
        AuthError::BadUser("is empty"),
        AuthError::NotOperator,
    ];
    let codes: BTreeSet<_> = all.iter().map(AuthError::code).collect();
    assert_eq!(codes.len(), all.len());
    for error in all {
        // As the header may have it.
        assert!(error.challenge().is_ascii() && error.challenge().starts_with("Bearer "));
        let kebab = |code: &str| {
            code.bytes()
                .all(|byte| byte == b'-' || byte.is_ascii_lowercase())
        };
        assert!(kebab(error.code()) && !error.to_string().is_empty());
    }
}

#[test]
fn keys_are_not_printed() {
    let verifier = Verifier::hs256(SECRET, "realm");
    assert!(!format!("{verifier:?}").contains("48, 49"));
}

#[test]
fn a_token_that_is_known_still_ends() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.pem"), public_pem(1)).unwrap();
    let config = config(folder.path(), &[("public-keys", "a.pem")]);
    let verifier = Verifier::new(&config.auth).unwrap().unwrap();
    let header = json!({ "alg": "EdDSA" });
    let token = eddsa(&header, &but("nbf", json!(NOW)), &pair(1));
    for _ in 0..2 {
        assert_eq!(verifier.verify_at(&token, NOW).unwrap().name(), "ann");
    }
    let late = verifier.verify_at(&token, NOW + 60.0);
    assert_eq!(late, Err(AuthError::Expired));
    let early = verifier.verify_at(&token, NOW - 61.0);
    assert_eq!(early, Err(AuthError::NotYetValid));
    // Another signature on the same message is another token.
    let forged = eddsa(&header, &but("nbf", json!(NOW)), &pair(2));
    assert_eq!(
        verifier.verify_at(&forged, NOW),
        Err(AuthError::BadSignature)
    );
}
