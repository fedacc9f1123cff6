//! Loading the realm's modules: the trait that prerenderers are written against, and the host behind it.

use crate::{Files, HostFiles, LoadError, Module};

/// The realm's modules as they are served for prerendering: transpiled, and resolved as a browser would resolve them.
///
/// The host is behind it in production ([`HostFiles`]), a table in tests
/// ([`MemoryFiles`](crate::testing::MemoryFiles)).
pub trait Modules {
    /// Loads the module that `specifier` means at `referrer` (an absolute URL, as [`File::url`](crate::File::url) and
    /// [`Module::url`] are).
    ///
    /// It is resolved as [`Files::read`] resolves, and what is found goes through the pipeline of its extension. Two
    /// specifiers that lead to the same [`Module::url`] are the same module. Every load is recorded, with all that the
    /// pipeline read: a change of any of it drops the output.
    ///
    /// # Errors
    ///
    /// Says why there is no module, or what is wrong with it. Passing trouble is never shown: it ends the call.
    fn load(&self, specifier: &str, referrer: &str) -> Result<Module, LoadError>;
}

/// All that a prerenderer sees of a realm: its files as they are stored, its modules as they are served.
///
/// Whatever has both is one; hand it on as a `&dyn Files` or a `&dyn Modules` where one of them is enough.
pub trait Realm: Files + Modules {}

impl<T: Files + Modules + ?Sized> Realm for T {}

impl Modules for HostFiles {
    #[cfg(target_family = "wasm")]
    fn load(&self, specifier: &str, referrer: &str) -> Result<Module, LoadError> {
        crate::bindings::realm::plugin::modules::load(specifier, referrer)
    }

    #[cfg(not(target_family = "wasm"))]
    fn load(&self, _specifier: &str, _referrer: &str) -> Result<Module, LoadError> {
        Err(LoadError::Unreadable(crate::ReadError::NotFound))
    }
}
