use std::fmt;
use std::str::FromStr;

/// What somebody may do in a realm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// Read its files.
    pub read: bool,
    /// Change its files.
    pub write: bool,
    /// Publish it, give others rights, archive it, delete it.
    pub owner: bool,
}

impl Rights {
    /// Reading alone.
    pub const READ: Self = Self {
        read: true,
        write: false,
        owner: false,
    };
    /// Everything.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        owner: true,
    };

    /// Both.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            write: self.write || other.write,
            owner: self.owner || other.owner,
        }
    }

    /// With what they entail: whoever owns may write, whoever writes may read.
    #[must_use]
    pub fn entailed(self) -> Self {
        let write = self.write || self.owner;
        Self {
            read: self.read || write,
            write,
            owner: self.owner,
        }
    }

    /// The names of those that are given, as the reference system's `_permissions` has them.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [
            (self.read, "read"),
            (self.write, "write"),
            (self.owner, "realm-owner"),
        ];
        all.iter()
            .filter_map(|(given, name)| given.then_some(*name))
            .collect()
    }

    /// The rights of these names; each may be `read`, `write`, or `owner` (`realm-owner`).
    ///
    /// # Errors
    /// When a name is none of them.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, UnknownRight> {
        let mut rights = Self::default();
        for name in names {
            match name.trim() {
                "read" => rights.read = true,
                "write" => rights.write = true,
                "owner" | "realm-owner" => rights.owner = true,
                other => return Err(UnknownRight(other.to_owned())),
            }
        }
        Ok(rights.entailed())
    }
}

/// A name that is no right's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no right; there are `read`, `write` and `owner`")]
pub struct UnknownRight(pub String);

impl FromStr for Rights {
    type Err = UnknownRight;

    fn from_str(text: &str) -> Result<Self, UnknownRight> {
        Self::of(text.split(','))
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::Rights;

    #[test]
    fn names_are_read_and_entail_others() {
        let of = |text: &str| text.parse::<Rights>().map(|rights| rights.to_string());
        assert_eq!(of("read"), Ok("read".to_owned()));
        assert_eq!(of("write"), Ok("read,write".to_owned()));
        assert_eq!(of("owner"), Ok("read,write,realm-owner".to_owned()));
        assert_eq!(of("realm-owner"), of("read, write ,owner"));
        assert!(of("admin").unwrap_err().to_string().contains("`admin`"));
        assert!(of("").is_err());
    }
}
