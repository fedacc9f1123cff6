//! The modules of one call: each loaded once through the realm, known by its canonical URL, and handed to the engine when
//! it asks.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use realm_guest_sdk::{
    Diagnostic, Failure, File, LineIndex, LoadError, Module, ReadError, Realm, Span,
};
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::Declared;
use rquickjs::{Ctx, Exception};
use url::Url;

use super::source_map::SourceMap;

scoped_tls_hkt::scoped_thread_local!(
    // The engine keeps its loader for as long as it lives, and a realm is only lent for a call.
    pub(super) static REALM: for<'a> &'a dyn Realm
);

/// What compiled JSX imports.
pub(crate) const JSX_RUNTIME: &str = "realm/jsx-runtime";
const JSX_DEV_RUNTIME: &str = "realm/jsx-dev-runtime";
/// Its URL where the realm gives none.
const BUILT_IN: &str = "realm:jsx-runtime";
const JSX_SOURCE: &str = include_str!("../../../../host/src/runtime/jsx-runtime.js");

/// All modules that were asked for.
#[derive(Debug)]
pub(crate) struct Graph {
    /// URLs of the realm's files begin with it.
    root: String,
    /// What imports that have no module to stand in are relative to.
    referrer: String,
    modules: BTreeMap<String, Module>,
    /// Which URL a specifier led to at a referrer.
    resolved: HashMap<(String, String), Result<String, String>>,
    /// Who imports what, in the order in which it was found.
    imports: Vec<(String, String)>,
    /// What became of loads that failed, by the message that the importing module is given.
    failures: HashMap<String, Failure>,
    runtime: Option<String>,
}

/// A place that an author can look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Inside the realm; a URL where it is another realm's.
    pub(crate) path: String,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Graph {
    /// Of the realm that `file` is in.
    pub(crate) fn new(root: String, referrer: String) -> Self {
        Self {
            root,
            referrer,
            modules: BTreeMap::new(),
            resolved: HashMap::new(),
            imports: Vec::new(),
            failures: HashMap::new(),
            runtime: None,
        }
    }

    /// Loads the module that a call begins with.
    pub(crate) fn load_root(&mut self, specifier: &str) -> Result<String, Failure> {
        let referrer = self.referrer.clone();
        REALM
            .with(|realm| realm.load(specifier, &referrer))
            .map(|module| self.add(module))
            .map_err(|error| error.into_failure(specifier))
    }

    /// Loads the JSX runtime: the realm's, or, where there is none, our copy.
    pub(crate) fn load_runtime(&mut self) -> String {
        let referrer = self.referrer.clone();
        let loaded = REALM.with(|realm| realm.load(JSX_RUNTIME, &referrer));
        let module = loaded.unwrap_or_else(|_| Module {
            url: BUILT_IN.into(),
            media_type: "text/javascript".into(),
            code: JSX_SOURCE.into(),
            source_map: None,
        });
        let url = self.add(module);
        self.runtime = Some(url.clone());
        url
    }

    fn add(&mut self, module: Module) -> String {
        let url = module.url.clone();
        // The first stays: the engine may have read it.
        self.modules.entry(url.clone()).or_insert(module);
        url
    }

    /// The canonical URL of what the module `base` imports as `specifier`; an error is the message of what is thrown.
    fn resolve(&mut self, base: &str, specifier: &str) -> Result<String, String> {
        if base.is_empty() && self.modules.contains_key(specifier) {
            return Ok(specifier.to_owned());
        }
        let key = (base.to_owned(), specifier.to_owned());
        if let Some(known) = self.resolved.get(&key) {
            return known.clone();
        }
        // Code of `eval` has a name that is no URL.
        let is_module = self.modules.contains_key(base);
        let referrer = if is_module { base } else { &self.referrer };
        let resolved = match REALM.with(|realm| realm.load(specifier, referrer)) {
            Ok(module) => Ok(self.add(module)),
            Err(error) => match &self.runtime {
                Some(url) if [JSX_RUNTIME, JSX_DEV_RUNTIME].contains(&specifier) => Ok(url.clone()),
                _ => Err(self.refuse(base, specifier, error)),
            },
        };
        if let (Ok(url), true) = (&resolved, is_module) {
            self.imports.push((base.to_owned(), url.clone()));
        }
        self.resolved.insert(key, resolved.clone());
        resolved
    }

    /// Keeps what is wrong with an import, and gives the message of the error that the importing module sees.
    fn refuse(&mut self, base: &str, specifier: &str, error: LoadError) -> String {
        let importer = self.path(base);
        let message = format!("cannot import `{specifier}` from {importer}");
        let failure = match error {
            LoadError::Unreadable(error) => {
                let (why, help) = match error {
                    ReadError::NotFound => (
                        "there is no such module",
                        "create it, or mend the specifier: it is relative to the module that imports it",
                    ),
                    ReadError::Forbidden => (
                        "it is in a realm that not everyone may read",
                        "import from this realm or from a public one",
                    ),
                    ReadError::Outside => (
                        "it is in no realm here, and not in the import map",
                        "name it under `imports` in realm.json, or import it from a realm",
                    ),
                    ReadError::TooLarge => ("it is too large", "make the module smaller"),
                };
                Diagnostic::error(format!("{message}: {why}"))
                    .code("card-import")
                    .within(self.import_span(base, specifier))
                    .help(help)
                    .into()
            }
            LoadError::Invalid(mut diagnostics) => {
                diagnostics.push(
                    Diagnostic::hint(format!("imported as `{specifier}` by {importer}"))
                        .code("card-import")
                        .within(self.import_span(base, specifier)),
                );
                Failure::Invalid(diagnostics)
            }
        };
        self.failures.insert(message.clone(), failure);
        message
    }

    /// Where `base` says `specifier`.
    fn import_span(&self, base: &str, specifier: &str) -> Span {
        let code = self
            .modules
            .get(base)
            .map(|module| String::from_utf8_lossy(&module.code));
        let at = code.as_ref().and_then(|code| {
            let offset = ['"', '\'']
                .iter()
                .filter_map(|quote| code.find(&format!("{quote}{specifier}{quote}")))
                .min()?;
            Some(LineIndex::new(code).position(offset))
        });
        let place = at
            .and_then(|at| self.place(base, at.line, at.column))
            .unwrap_or_else(|| Place {
                path: self.path(base),
                line: 1,
                column: 1,
            });
        place.span()
    }

    /// The failure behind an error that a failed load threw.
    pub(crate) fn failure(&self, message: &str) -> Option<Failure> {
        self.failures.get(message).cloned()
    }

    /// The place in the source that a place in a module comes from; none for what is no author's. Line and column count
    /// from 1, columns in UTF-16 code units.
    pub(crate) fn place(&self, url: &str, line: u32, column: u32) -> Option<Place> {
        if self.runtime.as_deref() == Some(url) {
            return None;
        }
        let module = self.modules.get(url)?;
        let origin = module
            .source_map
            .as_deref()
            .and_then(SourceMap::parse)
            .and_then(|map| map.origin(line.saturating_sub(1), column.saturating_sub(1)));
        Some(match origin {
            Some(origin) => Place {
                path: match origin
                    .source
                    .and_then(|name| Url::parse(url).ok()?.join(&name).ok())
                {
                    Some(source) => self.path(source.as_str()),
                    None => self.path(url),
                },
                line: origin.line + 1,
                column: origin.column + 1,
            },
            None => Place {
                path: self.path(url),
                line,
                column,
            },
        })
    }

    /// The place of a character in a module, given as the engine counts: from 1, in bytes of UTF-8.
    pub(crate) fn engine_place(&self, url: &str, line: u32, column: u32) -> Option<Place> {
        let module = self.modules.get(url)?;
        let code = String::from_utf8_lossy(&module.code);
        let text = code
            .split('\n')
            .nth(line.saturating_sub(1) as usize)
            .unwrap_or_default();
        let before = &text[..text.floor_char_boundary(column.saturating_sub(1) as usize)];
        let units = before.chars().map(char::len_utf16).sum::<usize>();
        self.place(
            url,
            line,
            u32::try_from(units).unwrap_or(u32::MAX).saturating_add(1),
        )
    }

    /// The path inside the realm of a URL, or the URL.
    pub(crate) fn path(&self, url: &str) -> String {
        match url.strip_prefix(&self.root) {
            Some(path) => decode(path),
            None => url.to_owned(),
        }
    }

    /// Modules with code of an author's, imported ones before those that import them, as far as cycles let them.
    pub(crate) fn in_order(&self, root: &str) -> Vec<String> {
        let mut order = Vec::new();
        let mut seen = HashSet::new();
        let mut stack = vec![(root, false)];
        while let Some((url, done)) = stack.pop() {
            if done {
                order.push(url.to_owned());
            } else if seen.insert(url) {
                stack.push((url, true));
                let imported = self.imports.iter().filter(|(from, _)| from == url);
                stack.extend(imported.map(|(_, to)| (to.as_str(), false)).rev());
            }
        }
        order.retain(|url| {
            self.runtime.as_deref() != Some(url)
                && self.modules.get(url).is_some_and(|module| !is_json(module))
        });
        order
    }
}

impl Place {
    pub(crate) fn span(&self) -> Span {
        Span {
            path: self.path.clone(),
            start: realm_guest_sdk::Position {
                line: self.line,
                column: self.column,
            },
            end: None,
        }
    }
}

/// The URL that the paths of a file's realm are relative to.
pub(crate) fn root_of(file: &File) -> String {
    file.url_of("")
}

fn is_json(module: &Module) -> bool {
    module.media_type == "application/json"
}

/// Decodes `%XX` of a path.
fn decode(path: &str) -> String {
    // `a=` makes a query of it, in which a `+` is a blank.
    let query = format!(
        "a={}",
        path.replace('+', "%2B")
            .replace('&', "%26")
            .replace(['?', '#'], "%3F")
    );
    url::form_urlencoded::parse(query.as_bytes())
        .next()
        .map_or_else(|| path.to_owned(), |(_, value)| value.into_owned())
}

/// The engine's end of a graph.
#[derive(Clone, Debug)]
pub(super) struct Modules(pub(super) Rc<RefCell<Graph>>);

impl Resolver for Modules {
    fn resolve<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        base: &str,
        name: &str,
        _attributes: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<String> {
        let resolved = self.0.borrow_mut().resolve(base, name);
        resolved.map_err(|message| throw(ctx, &message))
    }
}

impl Loader for Modules {
    fn load<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        name: &str,
        attributes: Option<ImportAttributes<'js>>,
    ) -> rquickjs::Result<rquickjs::Module<'js, Declared>> {
        let (code, json) = {
            let graph = self.0.borrow();
            let Some(module) = graph.modules.get(name) else {
                return Err(throw(ctx, &format!("there is no module {name}")));
            };
            (module.code.clone(), is_json(module))
        };
        let kind = attributes.and_then(|attributes| attributes.get_type().ok().flatten());
        match kind.as_deref() {
            None => {}
            Some("json") if json => {}
            Some("json") => {
                return Err(throw(
                    ctx,
                    &format!("{} is imported as JSON, and is not JSON", self.path(name)),
                ));
            }
            Some(other) => {
                let path = self.path(name);
                return Err(throw(
                    ctx,
                    &format!("{path} is imported with the type `{other}`: only `json` is known"),
                ));
            }
        }
        if json {
            return self.load_json(ctx, name, &code);
        }
        let module = rquickjs::Module::declare(ctx.clone(), name, code)?;
        module.meta()?.set("url", name)?;
        Ok(module)
    }
}

impl Modules {
    fn path(&self, url: &str) -> String {
        self.0.borrow().path(url)
    }

    /// A module whose default export is what the JSON says. It is parsed here: `__proto__` is a key like any other in JSON,
    /// and not in a literal.
    fn load_json<'js>(
        &self,
        ctx: &Ctx<'js>,
        name: &str,
        code: &[u8],
    ) -> rquickjs::Result<rquickjs::Module<'js, Declared>> {
        let text = String::from_utf8_lossy(code);
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
            let path = self.path(name);
            let message = format!("{path} is not JSON: {error}");
            let column = u32::try_from(error.column().max(1)).unwrap_or(u32::MAX);
            let line = u32::try_from(error.line().max(1)).unwrap_or(u32::MAX);
            let diagnostic = Diagnostic::error(&message)
                .code("card-json-module")
                .at(path, line, column)
                .help("what a module imports as JSON has to be well-formed");
            self.0
                .borrow_mut()
                .failures
                .insert(message.clone(), diagnostic.into());
            return Err(throw(ctx, &message));
        }
        let value = ctx.json_parse(text)?;
        let module =
            rquickjs::Module::declare(ctx.clone(), name, "export default import.meta.json;")?;
        let meta = module.meta()?;
        meta.set("url", name)?;
        meta.set("json", value)?;
        Ok(module)
    }
}

fn throw(ctx: &Ctx<'_>, message: &str) -> rquickjs::Error {
    match Exception::from_message(ctx.clone(), message) {
        Ok(exception) => exception.throw(),
        Err(error) => error,
    }
}
