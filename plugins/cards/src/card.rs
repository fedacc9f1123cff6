//! One card: its class's members, in the formats that are asked for.

use realm_guest_sdk::{Diagnostic, Failure, Realm, RenderRequest, Rendition};
use rquickjs::{Ctx, Function, Value};
use serde_json::json;

use crate::document::Card;
use crate::engine::{self, Call, Graph, root_of};
use crate::members::{BY_TYPE, FORMATS, SEARCH_DOCUMENT, TITLE};
use crate::options::Options;

const TITLE_UNITS: usize = 10_000;

/// Renders `card`, which is the request's document.
pub(crate) fn render(
    request: &RenderRequest,
    card: &Card,
    options: Options,
    realm: &dyn Realm,
) -> Result<Rendition, Failure> {
    let document = &request.document;
    let graph = Graph::new(root_of(document), document.url.clone());
    engine::run(realm, graph, &document.path, options, |call| {
        // Before any module of an author's.
        let jsx_render = call.jsx_render()?;
        let (url, namespace) = call.load(&card.module)?;
        let class = export(call, &namespace, card)?;
        let chain = call
            .chain(&class)
            .map_err(|error| call.failure(&error, "the ancestors of the card's class were read"))?;
        let types = call.type_names(&url, &chain)?;
        let page = Page {
            call,
            jsx_render,
            card,
            url: &document.url,
            attributes: json!(card.attributes).to_string(),
            left: std::cell::Cell::new(options.output_bytes as usize),
        };
        page.render(request, &chain, &types)
    })
}

/// The export that the card's class is.
fn export<'js>(
    call: &Call<'js>,
    namespace: &rquickjs::Object<'js>,
    card: &Card,
) -> Result<Value<'js>, Failure> {
    let Card { module, name, .. } = card;
    let wrong = |message: String, help: &str| -> Failure {
        Diagnostic::error(message)
            .code("card-export")
            .within(call.document_span())
            .help(help)
            .into()
    };
    let mut exports = Vec::new();
    for key in namespace.keys::<String>() {
        exports.push(key.map_err(|error| call.failure(&error, "the module's exports were read"))?);
    }
    if !exports.contains(name) {
        let known = if exports.is_empty() {
            "nothing".to_owned()
        } else {
            format!("`{}`", exports.join("`, `"))
        };
        return Err(wrong(
            format!("`{module}` does not export `{name}`: it exports {known}"),
            "export it, or mend `adoptsFrom` in the document",
        ));
    }
    let value: Value<'js> = namespace
        .get(name.as_str())
        .map_err(|error| call.failure(&error, &format!("`{name}` was read")))?;
    if !value.is_object() {
        let kind = call.kind(&value).unwrap_or_default();
        return Err(wrong(
            format!("`{name}` of `{module}` is no class: its type is {kind}"),
            "a card adopts from a class, or from an object that has `isolated` and the like as members",
        ));
    }
    Ok(value)
}

/// A card that is being rendered.
struct Page<'a, 'js> {
    call: &'a Call<'js>,
    jsx_render: Function<'js>,
    card: &'a Card,
    url: &'a str,
    attributes: String,
    /// Bytes of output that may still be given.
    left: std::cell::Cell<usize>,
}

impl<'js> Page<'_, 'js> {
    fn render(
        &self,
        request: &RenderRequest,
        chain: &[Value<'js>],
        types: &[Option<String>],
    ) -> Result<Rendition, Failure> {
        let mut rendition = Rendition::new().types(types.iter().flatten());
        let mut done: Vec<&str> = Vec::new();
        for format in request.formats.iter().map(String::as_str) {
            if !FORMATS.contains(&format) || done.contains(&format) {
                continue;
            }
            done.push(format);
            if BY_TYPE.contains(&format) {
                for (i, name) in types.iter().enumerate() {
                    let Some(name) = name else { continue };
                    if let Some(contents) = self.contents(&chain[i..], format)? {
                        rendition = rendition.rendering_as(format, name, contents);
                    }
                }
            } else if let Some(contents) = self.contents(chain, format)? {
                rendition = rendition.rendering(format, contents);
            }
        }
        if let Some(title) = self.title(chain)? {
            rendition = rendition.title(title);
        }
        rendition.search_document = self.search_document(chain)?;
        Ok(rendition)
    }

    /// What the member named `format` gives; none where the class has no such member.
    fn contents(&self, chain: &[Value<'js>], format: &str) -> Result<Option<String>, Failure> {
        let what = format!("`{format}` was rendered");
        let Some(value) = self.member(chain, format, &what)? else {
            return Ok(None);
        };
        // A string is what its author wrote it to be; everything else goes through JSX, which escapes.
        let value = if value.is_string() {
            value
        } else {
            self.check(self.jsx_render.call((value,)), &what)?
        };
        self.string(value, self.left.get(), &what).map(Some)
    }

    /// A member's value: of a function, what it gives for the card's attributes; of a promise, what it settles to.
    fn member(
        &self,
        chain: &[Value<'js>],
        name: &str,
        what: &str,
    ) -> Result<Option<Value<'js>>, Failure> {
        let Some(value) = self.check(self.call.member(chain, name), what)? else {
            return Ok(None);
        };
        let value = match value.as_function() {
            Some(function) => {
                // Read anew for each: what one function does to its attributes, the next does not see.
                let attributes = self.check(self.call.parse(&self.attributes), what)?;
                let context = json!({
                    "url": self.url,
                    "format": name,
                    "relationships": self.card.relationships,
                });
                let context = self.check(self.call.parse(&context.to_string()), what)?;
                self.check(
                    self.call.invoke(function, &chain[0], (attributes, context)),
                    what,
                )?
            }
            None => value,
        };
        self.check(self.call.settle(value), what).map(Some)
    }

    fn title(&self, chain: &[Value<'js>]) -> Result<Option<String>, Failure> {
        let what = "`title` was made";
        if let Some(value) = self.member(chain, TITLE, what)? {
            let kind = self.check(self.call.kind(&value), what)?;
            match kind.as_str() {
                "string" => {
                    let title = self.string(value, TITLE_UNITS, what)?;
                    if !title.trim().is_empty() {
                        return Ok(Some(title.trim().to_owned()));
                    }
                }
                "number" => {
                    return Ok(self
                        .check(value.get::<rquickjs::Coerced<String>>(), what)
                        .ok()
                        .map(|text| text.0));
                }
                "undefined" | "null" => {}
                _ => {
                    return Err(Diagnostic::error(format!(
                        "`title` is to be text: its type is {kind}"
                    ))
                    .code("card-title")
                    .within(self.call.document_span())
                    .help("let the static member `title` be a string, or a function that gives one")
                    .into());
                }
            }
        }
        let text = |key: &str| {
            let title = self.card.attributes.get(key)?.as_str()?.trim();
            (!title.is_empty()).then(|| title.to_owned())
        };
        Ok(text("title").or_else(|| text("name")))
    }

    fn search_document(&self, chain: &[Value<'js>]) -> Result<String, Failure> {
        let what = "`searchDocument` was made";
        let Some(value) = self.member(chain, SEARCH_DOCUMENT, what)? else {
            return Ok(self.attributes.clone());
        };
        let wrong = |why: &str| -> Failure {
            Diagnostic::error(format!("`searchDocument` {why}"))
                .code("card-search-document")
                .within(self.call.document_span())
                .help("let it give an object of text, numbers, lists and objects")
                .into()
        };
        if !value.is_object() || value.is_array() || value.is_function() {
            return Err(wrong("is to give an object"));
        }
        let json = self.check(self.call.ctx.json_stringify(value), what)?;
        let Some(json) = json else {
            return Err(wrong("gives what JSON has no words for"));
        };
        let json = self.string(json.into_value(), self.left.get(), what)?;
        match serde_json::from_str::<serde_json::Value>(&json) {
            Ok(serde_json::Value::Object(_)) => Ok(json),
            Ok(_) => Err(wrong("is to give an object")),
            Err(error) => Err(wrong(&format!("gives what is no JSON: {error}"))),
        }
    }

    /// The text of a string, within what may still be given.
    fn string(&self, value: Value<'js>, limit: usize, what: &str) -> Result<String, Failure> {
        let text = self.check(self.call.text(value, limit), what)?;
        let left = self.left.get();
        match text {
            Some(text) if text.len() <= left => {
                self.left.set(left - text.len());
                Ok(text)
            }
            _ => Err(Diagnostic::error(format!(
                "the card's output is larger than {limit} bytes (while {what})"
            ))
            .code("card-too-large")
            .within(self.call.document_span())
            .help("show less, or raise the option `outputBytes` of the plugin `cards`")
            .into()),
        }
    }

    fn check<T>(&self, result: rquickjs::Result<T>, what: &str) -> Result<T, Failure> {
        result.map_err(|error| self.call.failure(&error, what))
    }
}

impl<'js> Call<'js> {
    /// The name of each type of a chain, `<module URL>/<export name>`; none for one that no module exports.
    ///
    /// A type is named after the module that it is written in, as far as that can be told: of those that export it, the
    /// one that is imported by the others.
    pub(crate) fn type_names(
        &self,
        root: &str,
        chain: &[Value<'js>],
    ) -> Result<Vec<Option<String>>, Failure> {
        let what = "the names of the card's types were read";
        let order = self.graph.borrow().in_order(root);
        let mut names: Vec<Option<String>> = vec![None; chain.len()];
        for url in order {
            if names.iter().all(Option::is_some) {
                break;
            }
            let Ok(namespace) = self.namespace(&url) else {
                continue;
            };
            let mut keys = Vec::new();
            for key in namespace.keys::<String>() {
                keys.push(key.map_err(|error| self.failure(&error, what))?);
            }
            // A name of its own rather than `default`.
            keys.sort_by_key(|key| (key == "default", key.clone()));
            for key in keys {
                let value = namespace.get::<_, Value<'js>>(key.as_str());
                let Some(value) = quiet(&self.ctx, value).filter(Value::is_object) else {
                    continue;
                };
                for (name, one) in names.iter_mut().zip(chain) {
                    let same = self
                        .same(one, &value)
                        .map_err(|error| self.failure(&error, what))?;
                    if name.is_none() && same {
                        *name = Some(format!("{url}/{key}"));
                    }
                }
            }
        }
        Ok(names)
    }
}

/// An export that is not there yet says so by throwing, which is no trouble here.
fn quiet<T>(ctx: &Ctx<'_>, result: rquickjs::Result<T>) -> Option<T> {
    if result.is_err() {
        ctx.catch();
    }
    result.ok()
}
