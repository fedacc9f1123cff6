//! The trait that a transpiler implements, and the macro that exports it from a component.

use std::marker::PhantomData;

use crate::bindings::exports::realm::plugin::about;
use crate::bindings::transpiles::exports::realm::plugin::transpiler;
use crate::{Description, Failure, Files, HostFiles, Output, Request};

/// A plugin that turns one kind of file into another.
///
/// Export it with [`export_transpiler!`](crate::export_transpiler), or, when the same type is a
/// [`Prerenderer`](crate::Prerenderer) too, with [`export_plugin!`](crate::export_plugin).
pub trait Transpiler {
    /// What the plugin says of itself; read once, when it is installed.
    fn describe() -> Description;

    /// Transpiles one file. What else it needs it reads through `realm`, and through nothing else: the host records
    /// each read, and so knows when the output is out of date.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] when the input is wrong, [`Failure::Unreadable`] when a file that it cannot do without is
    /// not there, [`Failure::Declined`] when the file is not for this plugin after all.
    fn transpile(request: Request, realm: &dyn Files) -> Result<Output, Failure>;
}

/// Joins a [`Transpiler`] to the exports that `wit-bindgen` generates; only [`export_transpiler!`] names it.
///
/// [`export_transpiler!`]: crate::export_transpiler
#[doc(hidden)]
#[derive(Debug)]
pub struct TranspilerExports<T>(PhantomData<T>);

impl<T: Transpiler> about::Guest for TranspilerExports<T> {
    fn describe() -> Description {
        T::describe()
    }
}

impl<T: Transpiler> transpiler::Guest for TranspilerExports<T> {
    fn transpile(request: Request) -> Result<Output, Failure> {
        T::transpile(request, &HostFiles)
    }
}

/// Exports a [`Transpiler`] from the component that this crate is built to. Once per crate.
///
/// A native build exports nothing, so that the crate's tests link and run like any others.
///
/// ```
/// use realm_guest_sdk::{Description, Failure, Files, Output, Request, Transpiler, export_transpiler};
///
/// struct Nothing;
///
/// impl Transpiler for Nothing {
///     fn describe() -> Description {
///         Description::new("nothing", "1.0.0", "Declines everything")
///     }
///
///     fn transpile(_: Request, _: &dyn Files) -> Result<Output, Failure> {
///         Err(Failure::Declined)
///     }
/// }
///
/// export_transpiler!(Nothing);
/// ```
#[macro_export]
macro_rules! export_transpiler {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(
            unsafe_code,
            reason = "a component's exports are symbols of fixed names"
        )]
        const _: () = {
            type Exports = $crate::TranspilerExports<$plugin>;
            $crate::bindings::__export_about!(Exports with_types_in $crate::bindings);
            $crate::bindings::transpiles::__export_transpiler!(Exports with_types_in $crate::bindings::transpiles);
        };
    };
}
