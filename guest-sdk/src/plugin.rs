//! The macro that exports a type which both transpiles and prerenders.

use std::marker::PhantomData;

use crate::bindings::exports::realm::plugin::about;
use crate::bindings::prerenders::exports::realm::plugin::prerenderer;
use crate::bindings::transpiles::exports::realm::plugin::transpiler;
use crate::{
    Definition, Description, Failure, HostFiles, Output, Prerenderer, RenderRequest, Rendition,
    Request, Transpiler,
};

/// Joins a type that implements both traits to the exports that `wit-bindgen` generates; only [`export_plugin!`] names
/// it.
///
/// [`export_plugin!`]: crate::export_plugin
#[doc(hidden)]
#[derive(Debug)]
pub struct PluginExports<T>(PhantomData<T>);

impl<T: Transpiler + Prerenderer> about::Guest for PluginExports<T> {
    fn describe() -> Description {
        merge(
            <T as Transpiler>::describe(),
            <T as Prerenderer>::describe(),
        )
    }
}

impl<T: Transpiler> transpiler::Guest for PluginExports<T> {
    fn transpile(request: Request) -> Result<Output, Failure> {
        T::transpile(request, &HostFiles)
    }
}

impl<T: Prerenderer> prerenderer::Guest for PluginExports<T> {
    fn render(request: RenderRequest) -> Result<Rendition, Failure> {
        T::render(request, &HostFiles)
    }

    fn definitions(url: String, options: String) -> Result<Vec<Definition>, Failure> {
        T::definitions(&url, &options, &HostFiles)
    }
}

/// A component has one description: the transpiler's, with what the prerenderer adds to it.
fn merge(mut transpiler: Description, prerenderer: Description) -> Description {
    for extension in prerenderer.renders {
        if !transpiler.renders.contains(&extension) {
            transpiler.renders.push(extension);
        }
    }
    for rule in prerenderer.transpiles {
        if !transpiler.transpiles.contains(&rule) {
            transpiler.transpiles.push(rule);
        }
    }
    transpiler.options_schema = transpiler.options_schema.or(prerenderer.options_schema);
    transpiler
}

/// Exports a type that is a [`Transpiler`] and a [`Prerenderer`] from the component that this crate is built to. Once per
/// crate.
///
/// A component has one description: name, version and summary are the transpiler's, and what the two take is added up.
/// The two may as well return the same. Both are handed the same options.
///
/// ```
/// use realm_guest_sdk::{
///     Description, Failure, Files, Output, Prerenderer, Realm, RenderRequest, Rendition, Request, Rule,
///     Transpiler, export_plugin,
/// };
///
/// /// Serves `.shout` files in capitals, and lists them as pages.
/// struct Shout;
///
/// fn description() -> Description {
///     Description::new("shout", "0.1.0", "Capital letters")
///         .transpiles([Rule::new(".shout", ".css", "text/css")])
///         .renders([".shout"])
/// }
///
/// impl Transpiler for Shout {
///     fn describe() -> Description {
///         description()
///     }
///
///     fn transpile(request: Request, _: &dyn Files) -> Result<Output, Failure> {
///         Ok(Output::new(request.input.text()?.to_uppercase()))
///     }
/// }
///
/// impl Prerenderer for Shout {
///     fn describe() -> Description {
///         description()
///     }
///
///     fn render(request: RenderRequest, _: &dyn Realm) -> Result<Rendition, Failure> {
///         Ok(Rendition::new().title(request.document.name()))
///     }
/// }
///
/// export_plugin!(Shout);
/// ```
#[macro_export]
macro_rules! export_plugin {
    ($plugin:ty) => {
        #[cfg(target_family = "wasm")]
        #[allow(
            unsafe_code,
            reason = "a component's exports are symbols of fixed names"
        )]
        const _: () = {
            type Exports = $crate::PluginExports<$plugin>;
            $crate::bindings::__export_about!(Exports with_types_in $crate::bindings);
            $crate::bindings::transpiles::__export_transpiler!(Exports with_types_in $crate::bindings::transpiles);
            $crate::bindings::prerenders::__export_prerenderer!(Exports with_types_in $crate::bindings::prerenders);
        };
    };
}

#[cfg(test)]
mod tests {
    use super::merge;
    use crate::{Description, Rule};

    #[test]
    fn two_descriptions_become_one() {
        let rule = Rule::new(".x", ".js", "text/javascript");
        let transpiler = Description::new("x", "1.0.0", "X")
            .transpiles([rule.clone()])
            .renders([".x"]);
        let prerenderer = Description::new("ignored", "2.0.0", "Ignored")
            .options_schema("{}")
            .transpiles([rule.clone()])
            .renders([".x", ".y"]);
        let merged = merge(transpiler, prerenderer);
        assert_eq!(
            (merged.name.as_str(), merged.version.as_str()),
            ("x", "1.0.0")
        );
        assert_eq!(merged.transpiles, [rule]);
        assert_eq!(merged.renders, [".x", ".y"]);
        assert_eq!(merged.options_schema.as_deref(), Some("{}"));
    }
}
