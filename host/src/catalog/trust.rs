use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minisign_verify::{Error, Signature};

use crate::config::{PluginKey, SIGNATURE_BYTES, SignatureRule, SourcesConfig};

/// Whose plugins a host runs.
#[derive(Clone, Debug)]
pub struct Trust {
    keys: Vec<PluginKey>,
    required: bool,
}

/// A signature that verifies, or one that nobody here can judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Whose it is; none: the key is none of ours.
    pub signer: Option<String>,
    /// The key's number, as minisign writes it.
    pub key: String,
    /// What the signer has said, and signed as well; none of an unknown one.
    pub comment: Option<String>,
}

/// Why a component is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It has no signature.
    #[error(
        "{name}: it has no signature, and this host runs nothing without one (`plugin-signatures`); known signers are {}", .signers.join(", ")
    )]
    Unsigned {
        /// Where it came from.
        name: String,
        /// Whose signatures would do.
        signers: Vec<String>,
    },
    /// It was signed by somebody else.
    #[error(
        "{name}: it is signed with the key {key}, which is none of `plugin-keys`; known signers are {}", .signers.join(", ")
    )]
    UnknownKey {
        /// Where it came from.
        name: String,
        /// The key's number.
        key: String,
        /// Whose signatures would do.
        signers: Vec<String>,
    },
    /// The signature is one of another component, or of nothing.
    #[error(
        "{name}: its signature does not verify with the key of `{signer}`: the component or the signature was changed, or they do not belong together"
    )]
    Wrong {
        /// Where it came from.
        name: String,
        /// Whose it is said to be.
        signer: String,
    },
    /// There is something that is no signature.
    #[error(
        "{name}: what came as its signature is none of minisign's: {problem}; it is the text of the `.minisig` file"
    )]
    Malformed {
        /// Where it came from.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl Trust {
    /// As the settings say.
    #[must_use]
    pub fn new(config: &SourcesConfig) -> Self {
        Self {
            keys: config.keys.clone(),
            required: config.signatures == SignatureRule::Required,
        }
    }

    /// Whether a component may run here: by its signature, or without one. `name` says in errors where it came from.
    ///
    /// # Errors
    /// When it may not.
    pub fn judge(
        &self,
        name: &str,
        component: &[u8],
        signature: Option<&str>,
    ) -> Result<Option<Signed>, TrustError> {
        let name = || name.to_owned();
        let Some(text) = signature else {
            if self.required && !mutant!("unsigned-plugin-run") {
                return Err(TrustError::Unsigned {
                    name: name(),
                    signers: self.signers(),
                });
            }
            return Ok(None);
        };
        let malformed = |problem: String| TrustError::Malformed {
            name: name(),
            problem,
        };
        if text.len() > SIGNATURE_BYTES {
            return Err(malformed(format!(
                "it has {} bytes, and a signature has {SIGNATURE_BYTES} at most",
                text.len()
            )));
        }
        let decoded = Signature::decode(text).map_err(|error| malformed(error.to_string()))?;
        let number = key_number(text);
        for known in &self.keys {
            let verified = match known.key.verify(component, &decoded, true) {
                Err(Error::UnexpectedKeyId) => continue,
                verified => verified.is_ok() || mutant!("signature-not-compared"),
            };
            if !verified {
                return Err(TrustError::Wrong {
                    name: name(),
                    signer: known.name.clone(),
                });
            }
            return Ok(Some(Signed {
                signer: Some(known.name.clone()),
                key: number,
                comment: Some(decoded.trusted_comment().to_owned()),
            }));
        }
        if self.required && !mutant!("unknown-signer-trusted") {
            return Err(TrustError::UnknownKey {
                name: name(),
                key: number,
                signers: self.signers(),
            });
        }
        Ok(Some(Signed {
            signer: None,
            key: number,
            comment: None,
        }))
    }

    fn signers(&self) -> Vec<String> {
        let mut names: Vec<_> = self.keys.iter().map(|key| key.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The number of the key of a signature, in hexadecimal digits.
pub(super) fn key_number(signature: &str) -> String {
    let line = signature.lines().nth(1).unwrap_or_default();
    let bytes = STANDARD.decode(line.trim()).unwrap_or_default();
    // It is stored with the lowest byte first.
    let number = bytes.get(2..10).unwrap_or_default().iter().rev();
    number.map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Trust, TrustError, key_number};
    use crate::config::{PluginKey, SignatureRule, SourcesConfig};

    /// Of minisign's own documentation: both of `test`.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";
    const PREHASHED: &str = "untrusted comment: signature from minisign secret key
RUQf6LRCGA9i559r3g7V1qNyJDApGip8MfqcadIgT9CuhV3EMhHoN1mGTkUidF/z7SrlQgXdy8ofjb7bNJJylDOocrCo8KLzZwo=
trusted comment: timestamp:1633700835\tfile:test\tprehashed
wLMDjy9FLAuxZ3q4NlEvkgtyhrr0gtTu6KC4KBJdITbbOeAi1zBIYo0v4iTgt8jJpIidRJnp94ABQkJAgAooBQ==";
    const LEGACY: &str = "untrusted comment: signature from minisign secret key
RWQf6LRCGA9i59SLOFxz6NxvASXDJeRtuZykwQepbDEGt87ig1BNpWaVWuNrm73YiIiJbq71Wi+dP9eKL8OC351vwIasSSbXxwA=
trusted comment: timestamp:1555779966\tfile:test
QtKMXWyYcwdpZAlPF7tE2ENJkRd1ujvKjlj1m9RtHTBnZPa5WKU5uWRs5GoP5M/VqE81QFuMKI5k/SfNQUaOAA==";
    const OTHER: &str = "RWQg6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    fn trust(keys: &[(&str, &str)], required: bool) -> Trust {
        let keys = keys.iter().map(|(name, key)| PluginKey {
            name: (*name).to_owned(),
            key: minisign_verify::PublicKey::from_base64(key).unwrap(),
        });
        Trust::new(&SourcesConfig {
            keys: keys.collect(),
            signatures: if required {
                SignatureRule::Required
            } else {
                SignatureRule::Optional
            },
            fetch_timeout: std::time::Duration::from_secs(1),
            fetch_redirects: 0,
            registry_login: None,
        })
    }

    #[test]
    fn both_kinds_of_signature_are_known() {
        let trust = trust(&[("frank", KEY)], true);
        for (signature, comment) in [
            (PREHASHED, "timestamp:1633700835\tfile:test\tprehashed"),
            (LEGACY, "timestamp:1555779966\tfile:test"),
        ] {
            let signed = trust.judge("t", b"test", Some(signature)).unwrap().unwrap();
            assert_eq!(signed.signer.as_deref(), Some("frank"));
            assert_eq!(signed.comment.as_deref(), Some(comment));
            assert_eq!(signed.key, "E7620F1842B4E81F");
            let error = trust.judge("t", b"tess", Some(signature)).unwrap_err();
            assert!(matches!(error, TrustError::Wrong { .. }), "{error}");
            // What the signer has said is signed too.
            let changed = signature.replace("file:test", "file:tess");
            let error = trust.judge("t", b"test", Some(&changed)).unwrap_err();
            assert!(matches!(error, TrustError::Wrong { .. }), "{error}");
        }
    }

    #[test]
    fn a_signature_of_an_unknown_key_is_worth_nothing() {
        for keys in [&[][..], &[("eve", OTHER)]] {
            let signed = trust(keys, false).judge("t", b"tess", Some(PREHASHED));
            let signed = signed.unwrap().unwrap();
            assert_eq!((signed.signer, signed.comment), (None, None));
        }
        let error = trust(&[("eve", OTHER)], true).judge("t", b"test", Some(PREHASHED));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("E7620F1842B4E81F"), "{error}");
    }

    #[test]
    fn what_is_no_signature_is_refused_whatever_the_rule() {
        let long = format!("{PREHASHED}{}", "\n".repeat(4096));
        for text in ["", "hello", "<!doctype html>\na\nb\nc\n", KEY, &long] {
            let error = trust(&[], false).judge("t", b"test", Some(text));
            let error = error.unwrap_err();
            assert!(matches!(error, TrustError::Malformed { .. }), "{error}");
        }
        assert!(trust(&[], false).judge("t", b"test", None).is_ok());
        assert_eq!(key_number("hello"), "");
    }
}
