//! Keys, their files, and what is signed with them.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::KeyPair as _;
use serde_json::{Value, json};

use super::{
    NOW, SECRET, claims, config, eddsa, hs256, pair, pem, private_pem, public_pem, refusal,
};
use crate::auth::{AuthError, Signer, User, Verifier};

#[test]
fn public_keys_are_told_by_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("old.pem", &public_pem(1));
    write("new.pem", &public_pem(2));
    write(
        "two.pem",
        &format!("# both\n{}{}", public_pem(3), public_pem(4)),
    );
    write("notes.txt", "no key");
    write(".hidden.pem", "no key");
    let config = config(folder.path(), &[("public-keys", "")]);
    let verifier = Verifier::new(&config.auth).unwrap().unwrap();
    let verify = |header: Value, seed| {
        verifier
            .verify_at(&eddsa(&header, &claims(), &pair(seed)), NOW)
            .map(|user| user.name().to_owned())
    };
    for seed in 1..=4 {
        assert!(verify(json!({ "alg": "EdDSA" }), seed).is_ok(), "{seed}");
    }
    for (kid, seed) in [("old", 1), ("new", 2), ("two", 3), ("two", 4)] {
        assert!(verify(json!({ "alg": "EdDSA", "kid": kid }), seed).is_ok());
    }
    let refused = verify(json!({ "alg": "EdDSA", "kid": "old" }), 2);
    assert_eq!(refused, Err(AuthError::BadSignature));
    for kid in ["", "gone", "old.pem", "../old", "OLD"] {
        let refused = verify(json!({ "alg": "EdDSA", "kid": kid }), 1);
        assert_eq!(refused, Err(AuthError::UnknownKey), "{kid}");
    }
    assert_eq!(
        verify(json!({ "alg": "EdDSA" }), 9),
        Err(AuthError::BadSignature)
    );
    // A key that the token brings along is nobody's.
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(pair(9).public_key()) });
    let refused = verify(json!({ "alg": "EdDSA", "jwk": jwk }), 9);
    assert_eq!(refused, Err(AuthError::BadSignature));
    assert_eq!(
        verify(json!({ "alg": "HS256" }), 1),
        Err(AuthError::WrongAlgorithm("EdDSA"))
    );
}

#[test]
fn files_that_are_no_keys_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let refused = |setting: &str, bytes: &[u8], says: &str| {
        std::fs::write(path.join("k.pem"), bytes).unwrap();
        let error = refusal(path, &[(setting, "k.pem")]);
        assert!(
            error.contains("k.pem") && error.contains(setting) && error.contains(says),
            "{error}"
        );
    };
    refused("secret-file", b"short\n", "5 bytes");
    refused(
        "secret-file",
        b"0123456789abcdef0123456789abcde\r\n\n",
        "openssl rand -hex 32",
    );
    refused("secret-file", public_pem(1).as_bytes(), "public-keys");
    refused("public-keys", b"", "no public key");
    refused("public-keys", b"-----BEGIN PUBLIC KEY-----\nAAAA\n", "PEM");
    refused("public-keys", private_pem(1).as_bytes(), "private key");
    refused(
        "public-keys",
        pem("PUBLIC KEY", &[0; 44]).as_bytes(),
        "Ed25519",
    );
    refused(
        "public-keys",
        pem("CERTIFICATE", &[0; 44]).as_bytes(),
        "something else",
    );
    refused(
        "private-key-file",
        public_pem(1).as_bytes(),
        "not one private key",
    );
    refused(
        "private-key-file",
        (private_pem(1) + &private_pem(2)).as_bytes(),
        "not one private key",
    );
    refused(
        "private-key-file",
        pem("PRIVATE KEY", &[0; 48]).as_bytes(),
        "Ed25519",
    );
    for setting in ["secret-file", "public-keys", "private-key-file"] {
        let error = refusal(path, &[(setting, "gone")]);
        assert!(error.contains("gone") && error.contains(setting), "{error}");
    }
    std::fs::create_dir(path.join("empty")).unwrap();
    let error = refusal(path, &[("public-keys", "empty")]);
    assert!(error.contains("no `*.pem` file"), "{error}");
}

#[test]
fn a_newline_is_no_part_of_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let text = [SECRET, b"\r\n\n"].concat();
    std::fs::write(folder.path().join("s"), text).unwrap();
    let config = config(folder.path(), &[("secret-file", "s")]);
    let verifier = Verifier::new(&config.auth).unwrap().unwrap();
    assert!(verifier.verify_at(&hs256(&claims()), NOW).is_ok());
}

#[test]
fn what_is_signed_is_verified() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("s", "0123456789abcdef0123456789abcdef\n");
    write("private.pem", &private_pem(2));
    std::fs::create_dir(folder.path().join("keys")).unwrap();
    write("keys/2026-a.pem", &public_pem(1));
    write("keys/2026-b.pem", &public_pem(2));
    let signing: &[&[(&str, &str)]] = &[
        &[("secret-file", "s")],
        &[("private-key-file", "private.pem")],
        &[("private-key-file", "private.pem"), ("public-keys", "keys")],
    ];
    let verifying = [
        ("secret-file", "s"),
        ("public-keys", "keys"),
        ("public-keys", "keys"),
    ];
    let kids = [json!(null), json!(null), json!("2026-b")];
    for ((flags, verifying), kid) in signing.iter().zip(verifying).zip(kids) {
        let audience = ("audience", "here");
        let signer = Signer::new(&config(folder.path(), &[flags, &[audience][..]].concat()).auth);
        let signer = signer.unwrap().unwrap();
        let user = User::new("ann", true).unwrap();
        let signed = signer.sign(&user, Duration::from_secs(5)).unwrap();
        let header = signed.token.split('.').next().unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        assert_eq!(header["kid"], kid);
        let config = config(folder.path(), &[verifying, audience]);
        let verifier = Verifier::new(&config.auth).unwrap().unwrap();
        assert_eq!(verifier.verify(&signed.token), Ok(user));
        let accepted = verifier.accept(&signed.token).unwrap();
        assert_eq!(accepted.expires, signed.expires as f64);
        // A time that no clock will ever show.
        let user = User::new("bob", false).unwrap();
        let signed = signer.sign(&user, Duration::MAX).unwrap();
        assert_eq!(verifier.verify(&signed.token), Ok(user));
    }
}

#[test]
fn a_private_key_belongs_to_a_public_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("private.pem"), private_pem(3)).unwrap();
    std::fs::write(folder.path().join("public.pem"), public_pem(1)).unwrap();
    let flags = [
        ("private-key-file", "private.pem"),
        ("public-keys", "public.pem"),
    ];
    let error = refusal(folder.path(), &flags);
    assert!(
        error.contains("private.pem") && error.contains("public-keys"),
        "{error}"
    );
}
