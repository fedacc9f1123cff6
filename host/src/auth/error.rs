/// Why a request's token is not taken. None of these says anything that its sender did not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No token where one is asked for.
    #[error(
        "this asks for a token; send one as `Authorization: Bearer …` (`realm token create` makes them)"
    )]
    Missing,
    /// No token at all.
    #[error("the token cannot be read: {0}")]
    Malformed(&'static str),
    /// Signed in another way than this host's tokens are, or not at all.
    #[error("the token is not signed with {0}, which is what this host takes (its `alg`)")]
    WrongAlgorithm(&'static str),
    /// Signed with another key, or changed since.
    #[error(
        "the token's signature is of none of this host's keys; get one that was signed for this host"
    )]
    BadSignature,
    /// Signed with a key that this host does not have.
    #[error(
        "this host has no key with the id that the token names (its `kid`); get one that was signed with a key of now"
    )]
    UnknownKey,
    /// Its time is over.
    #[error("the token has expired (its `exp`); get a new one")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet (its `nbf`); wait, or set the clocks right")]
    NotYetValid,
    /// Made for somebody else.
    #[error(
        "the token is not for this host (its `aud` is not the host's `audience`); get one that is"
    )]
    WrongAudience,
    /// A claim that every token has.
    #[error("the token has no `{0}`; get one that has `sub`, `aud` and `exp`")]
    MissingClaim(&'static str),
    /// A claim that is not of its kind.
    #[error("the token's `{claim}` is not {expected}; get one that was made right")]
    BadClaim {
        /// Which claim.
        claim: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A name that no user may have.
    #[error("the user name {0}; names have 1 to 255 bytes, and no control characters")]
    BadUser(&'static str),
    /// A good token, but not an operator's.
    #[error(
        "this is for operators alone, and the token is not an operator's (`realm token create --operator` makes such)"
    )]
    NotOperator,
}

impl AuthError {
    /// A name for machines, which stays what it is.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "token-missing",
            Self::Malformed(_) => "token-malformed",
            Self::WrongAlgorithm(_) => "token-algorithm",
            Self::BadSignature => "token-signature",
            Self::UnknownKey => "token-key",
            Self::Expired => "token-expired",
            Self::NotYetValid => "token-not-yet-valid",
            Self::WrongAudience => "token-audience",
            Self::MissingClaim(_) => "token-claim",
            Self::BadClaim { .. } => "token-claim-value",
            Self::BadUser(_) => "token-user",
            Self::NotOperator => "operator-only",
        }
    }

    /// What `WWW-Authenticate` says (RFC 6750, section 3): the answer is 403 for an `insufficient_scope`, else 401.
    #[must_use]
    pub fn challenge(&self) -> &'static str {
        match self {
            Self::Missing => r#"Bearer realm="realm""#,
            Self::NotOperator => r#"Bearer realm="realm", error="insufficient_scope""#,
            _ => r#"Bearer realm="realm", error="invalid_token""#,
        }
    }
}
