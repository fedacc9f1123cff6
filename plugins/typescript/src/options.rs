//! What the plugin can be asked for, and what that means to oxc.

use std::borrow::Cow;

use oxc::syntax::es_target::ESTarget;
use oxc::transformer::{HelperLoaderMode, JsxRuntime, Module, TransformOptions};
use serde::Deserialize;

use crate::helpers;
use crate::pragmas::Pragmas;

/// The JSON Schema of [`Options`].
pub(crate) const SCHEMA: &str = include_str!("options.schema.json");

/// The plugin's options; the schema says what each means.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Options {
    target: Target,
    jsx: Jsx,
    jsx_import_source: String,
    jsx_factory: String,
    jsx_fragment_factory: String,
    pub(crate) experimental_decorators: bool,
    emit_decorator_metadata: bool,
    use_define_for_class_fields: Option<bool>,
    pub(crate) verbatim_module_syntax: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            target: Target::Es2022,
            jsx: Jsx::Automatic,
            jsx_import_source: "realm".into(),
            jsx_factory: "React.createElement".into(),
            jsx_fragment_factory: "React.Fragment".into(),
            experimental_decorators: true,
            emit_decorator_metadata: false,
            use_define_for_class_fields: None,
            verbatim_module_syntax: false,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Target {
    Es2015,
    Es2016,
    Es2017,
    Es2018,
    Es2019,
    Es2020,
    Es2021,
    Es2022,
    Es2023,
    Es2024,
    Es2025,
    Es2026,
    EsNext,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Jsx {
    Automatic,
    Classic,
}

impl Options {
    /// Whether `using` declarations are turned into `try` and `finally`.
    pub(crate) fn lowers_resources(&self) -> bool {
        self.target < Target::Es2026
    }

    /// Whether classes are written without fields and private names of their own.
    pub(crate) fn lowers_classes(&self) -> bool {
        self.target < Target::Es2022
    }

    /// What oxc is told of a file with these pragmas, which it must not read itself.
    pub(crate) fn transform(&self, pragmas: &Pragmas<'_>) -> TransformOptions {
        let mut options = self.target.to_options();
        // So that `import =` and `export =` are told to be what they are: not expressible.
        options.env.module = Module::Esm;

        let text = |pragma: Option<&str>, option: &str| pragma.unwrap_or(option).to_owned();
        match pragmas.runtime.unwrap_or(self.jsx) {
            // As in tsc where the runtime resolves, and in a realm it does: JSX needs no import that only types use. oxc
            // keeps that of a name which JSX would call with the other runtime, so it is told that there is none.
            Jsx::Automatic => {
                options.typescript.jsx_pragma = Cow::Borrowed("");
                options.typescript.jsx_pragma_frag = Cow::Borrowed("");
                options.jsx.runtime = JsxRuntime::Automatic;
                options.jsx.import_source =
                    Some(text(pragmas.import_source, &self.jsx_import_source));
            }
            Jsx::Classic => {
                let factory = text(pragmas.factory, &self.jsx_factory);
                let fragment = text(pragmas.fragment_factory, &self.jsx_fragment_factory);
                options.typescript.jsx_pragma = Cow::Owned(factory.clone());
                options.typescript.jsx_pragma_frag = Cow::Owned(fragment.clone());
                options.jsx.runtime = JsxRuntime::Classic;
                options.jsx.pragma = Some(factory);
                options.jsx.pragma_frag = Some(fragment);
            }
        }
        options.typescript.only_remove_type_imports = self.verbatim_module_syntax;
        options.typescript.optimize_const_enums = true;

        // As in tsc, what is not said follows from the target.
        let define = self
            .use_define_for_class_fields
            .unwrap_or(self.target >= Target::Es2022);
        options.typescript.remove_class_fields_without_initializer = !define;
        options.assumptions.set_public_class_fields = !define;

        options.decorator.legacy = self.experimental_decorators;
        options.decorator.emit_decorator_metadata = self.emit_decorator_metadata;

        options.jsx.display_name_plugin = false;
        options.jsx.throw_if_namespace = false;
        options.jsx.pure = false;

        options.helper_loader.mode = HelperLoaderMode::Runtime;
        options.helper_loader.module_name = Cow::Borrowed(helpers::MODULE);
        options
    }
}

impl Target {
    /// As oxc's own `From<ESTarget>`, which sets up a table of every feature of every engine first: a tenth of a small file.
    fn to_options(self) -> TransformOptions {
        if self < Self::Es2022 {
            return TransformOptions::from(self.to_oxc());
        }
        let mut options = TransformOptions::default();
        options.env.es2026.explicit_resource_management = self < Self::Es2026;
        options.env.regexp.set_notation = self < Self::Es2024;
        options
    }

    fn to_oxc(self) -> ESTarget {
        match self {
            Self::Es2015 => ESTarget::ES2015,
            Self::Es2016 => ESTarget::ES2016,
            Self::Es2017 => ESTarget::ES2017,
            Self::Es2018 => ESTarget::ES2018,
            Self::Es2019 => ESTarget::ES2019,
            Self::Es2020 => ESTarget::ES2020,
            Self::Es2021 => ESTarget::ES2021,
            Self::Es2022 => ESTarget::ES2022,
            Self::Es2023 => ESTarget::ES2023,
            Self::Es2024 => ESTarget::ES2024,
            Self::Es2025 => ESTarget::ES2025,
            Self::Es2026 => ESTarget::ES2026,
            Self::EsNext => ESTarget::ESNext,
        }
    }
}

#[cfg(test)]
mod tests {
    use oxc::transformer::TransformOptions;

    use super::Target;

    #[test]
    fn a_target_means_what_it_means_to_oxc() {
        let all = [
            Target::Es2015,
            Target::Es2016,
            Target::Es2017,
            Target::Es2018,
            Target::Es2019,
            Target::Es2020,
            Target::Es2021,
            Target::Es2022,
            Target::Es2023,
            Target::Es2024,
            Target::Es2025,
            Target::Es2026,
            Target::EsNext,
        ];
        for target in all {
            let theirs = TransformOptions::from(target.to_oxc());
            let (ours, theirs) = (target.to_options(), theirs);
            assert_eq!(format!("{ours:?}"), format!("{theirs:?}"), "{target:?}");
        }
    }
}
