//! The trait that a prerenderer implements, and the macro that exports it from a component.

use std::marker::PhantomData;

use crate::bindings::exports::realm::plugin::about;
use crate::bindings::prerenders::exports::realm::plugin::prerenderer;
use crate::{Definition, Description, Failure, HostFiles, Realm, RenderRequest, Rendition};

/// A plugin that renders documents to HTML, and reads definitions out of modules.
///
/// Export it with [`export_prerenderer!`](crate::export_prerenderer), or, when the same type is a
/// [`Transpiler`](crate::Transpiler) too, with [`export_plugin!`](crate::export_plugin).
pub trait Prerenderer {
    /// What the plugin says of itself; read once, when it is installed.
    fn describe() -> Description;

    /// Renders one document, ahead of any request for it, in each of the formats that are asked for and that it knows.
    ///
    /// What else it needs it reads and loads through `realm`, and through nothing else: the host records it, and so
    /// knows when the rendition is out of date.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] when the document is wrong, [`Failure::Unreadable`] when something that it cannot do without
    /// is not there, [`Failure::Declined`] when it is not for this plugin after all. The host shows the last rendition
    /// that there was beside the error.
    fn render(request: RenderRequest, realm: &dyn Realm) -> Result<Rendition, Failure>;

    /// What the exports of the module at `url` define; none where the plugin knows of no definitions.
    ///
    /// `options` is a JSON object that [`parse_options`](crate::parse_options) reads.
    ///
    /// # Errors
    ///
    /// As of [`render`](Self::render).
    fn definitions(
        url: &str,
        options: &str,
        realm: &dyn Realm,
    ) -> Result<Vec<Definition>, Failure> {
        let _ = (url, options, realm);
        Ok(Vec::new())
    }
}

/// Joins a [`Prerenderer`] to the exports that `wit-bindgen` generates; only [`export_prerenderer!`] names it.
///
/// [`export_prerenderer!`]: crate::export_prerenderer
#[doc(hidden)]
#[derive(Debug)]
pub struct PrerendererExports<T>(PhantomData<T>);

impl<T: Prerenderer> about::Guest for PrerendererExports<T> {
    fn describe() -> Description {
        T::describe()
    }
}

impl<T: Prerenderer> prerenderer::Guest for PrerendererExports<T> {
    fn render(request: RenderRequest) -> Result<Rendition, Failure> {
        T::render(request, &HostFiles)
    }

    fn definitions(url: String, options: String) -> Result<Vec<Definition>, Failure> {
        T::definitions(&url, &options, &HostFiles)
    }
}

/// Exports a [`Prerenderer`] from the component that this crate is built to. Once per crate.
///
/// A native build exports nothing, so that the crate's tests link and run like any others.
///
/// ```
/// use realm_guest_sdk::{
///     Description, Failure, Prerenderer, Realm, RenderRequest, Rendition, export_prerenderer,
/// };
///
/// struct Nothing;
///
/// impl Prerenderer for Nothing {
///     fn describe() -> Description {
///         Description::new("nothing", "1.0.0", "Declines everything")
///     }
///
///     fn render(_: RenderRequest, _: &dyn Realm) -> Result<Rendition, Failure> {
///         Err(Failure::Declined)
///     }
/// }
///
/// export_prerenderer!(Nothing);
/// ```
#[macro_export]
macro_rules! export_prerenderer {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(
            unsafe_code,
            reason = "a component's exports are symbols of fixed names"
        )]
        const _: () = {
            type Exports = $crate::PrerendererExports<$plugin>;
            $crate::bindings::__export_about!(Exports with_types_in $crate::bindings);
            $crate::bindings::prerenders::__export_prerenderer!(Exports with_types_in $crate::bindings::prerenders);
        };
    };
}
