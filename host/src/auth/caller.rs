use std::sync::Arc;

use super::AuthError;

/// Who sent a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Whoever it is: this host asks nobody, and everyone may do everything.
    Anyone,
    /// Somebody who did not say.
    Anonymous,
    /// Somebody whose token was verified.
    User(User),
}

impl Caller {
    /// The name, of a user.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(user.name()),
            Self::Anyone | Self::Anonymous => None,
        }
    }

    /// Whether permissions do not bind them.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        match self {
            Self::Anyone => true,
            Self::Anonymous => false,
            Self::User(user) => user.is_operator(),
        }
    }
}

/// A user, as a token names them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: Arc<str>,
    operator: bool,
}

impl User {
    /// A user of this name.
    ///
    /// # Errors
    /// See [`check_user_name`].
    pub fn new(name: &str, operator: bool) -> Result<Self, AuthError> {
        check_user_name(name)?;
        let name = name.into();
        Ok(Self { name, operator })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether permissions do not bind them.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.operator
    }
}

/// Whether this may be a user's name: 1 to 255 bytes, no control character, no white space around it, and not `*`, which
/// stands for everyone.
///
/// # Errors
/// [`AuthError::BadUser`], which says what it may not be.
pub fn check_user_name(name: &str) -> Result<(), AuthError> {
    let refuse = |why| Err(AuthError::BadUser(why));
    match name {
        "" => refuse("is empty"),
        "*" => refuse("is `*`, which stands for everyone"),
        _ if name.len() > 255 => refuse("has more than 255 bytes"),
        _ if name.chars().any(char::is_control) => refuse("has a control character in it"),
        _ if name.trim() != name => refuse("has white space around it"),
        _ => Ok(()),
    }
}
