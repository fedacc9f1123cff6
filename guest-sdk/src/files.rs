//! Reading the realm: the trait that plugins are written against, and the host behind it.

use crate::{File, ReadError};

/// The realm's files, for a plugin whose output depends on more than its input.
///
/// The host is behind it in production ([`HostFiles`]), a table in tests
/// ([`MemoryFiles`](crate::testing::MemoryFiles)).
pub trait Files {
    /// Reads the file that `specifier` means at `referrer` (an absolute URL, as [`File::url`] is one).
    ///
    /// A relative or absolute specifier is joined to `referrer` as URLs are; the exact path is tried first, then with
    /// the realm's extensions in order (so compare [`File::path`] where that matters). A bare specifier goes through
    /// the realm's import map. Every read is recorded, also one that finds nothing: a change of it drops the output.
    ///
    /// # Errors
    ///
    /// Says why there is nothing to read. Passing trouble is never shown: it ends the call.
    fn read(&self, specifier: &str, referrer: &str) -> Result<File, ReadError>;
}

/// The realm as the host gives it to this call.
///
/// Outside a component there is no host, and everything is [`ReadError::NotFound`].
#[derive(Clone, Copy, Debug, Default)]
pub struct HostFiles;

impl Files for HostFiles {
    #[cfg(target_family = "wasm")]
    fn read(&self, specifier: &str, referrer: &str) -> Result<File, ReadError> {
        crate::bindings::realm::plugin::files::read(specifier, referrer)
    }

    #[cfg(not(target_family = "wasm"))]
    fn read(&self, _specifier: &str, _referrer: &str) -> Result<File, ReadError> {
        Err(ReadError::NotFound)
    }
}
