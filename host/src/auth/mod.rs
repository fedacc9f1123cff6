//! Who asks: bearer tokens (JWT), verified and signed. Keys are read from their files here, a request's `Authorization` is
//! understood here, and whoever signs a token for a command does it here. What a caller may then do (permissions), which
//! request asks at all (HTTP routes) and SQL have no place in this room.

mod authenticator;
mod caller;
mod claims;
mod crypto;
mod error;
mod keys;
mod sign;
mod verify;

#[cfg(test)]
mod tests;

pub use self::authenticator::Authenticator;
pub use self::caller::{Caller, User, check_user_name};
pub use self::error::AuthError;
pub use self::sign::{SignError, Signed, Signer};
pub use self::verify::{MAX_TOKEN_BYTES, Verifier};
