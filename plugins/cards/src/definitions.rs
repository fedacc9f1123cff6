//! What a module defines: each of its exports that cards can adopt from.

use realm_guest_sdk::{Definition, Diagnostic, Failure, Realm};
use rquickjs::Value;
use serde_json::json;

use crate::engine::{self, Call, Graph};
use crate::members::{FIELDS, FORMATS};
use crate::options::Options;

const FIELDS_UNITS: usize = 1 << 20;

/// The definitions of the module at `url`, by the names of their exports.
pub(crate) fn read(
    url: &str,
    options: Options,
    realm: &dyn Realm,
) -> Result<Vec<Definition>, Failure> {
    // Nobody says where the realm begins: paths are relative to the module's folder, and so are those of its imports.
    let root = url.rsplit_once('/').map_or("", |(folder, _)| folder);
    let graph = Graph::new(format!("{root}/"), url.to_owned());
    let path = graph.path(url);
    engine::run(realm, graph, &path, options, |call| {
        call.jsx_render()?;
        let (url, namespace) = call.load(url)?;
        let what = "the module's exports were read";
        let mut names = Vec::new();
        for key in namespace.keys::<String>() {
            names.push(key.map_err(|error| call.failure(&error, what))?);
        }
        names.sort();
        let mut definitions = Vec::new();
        for name in names {
            let value: Value<'_> = namespace
                .get(name.as_str())
                .map_err(|error| call.failure(&error, what))?;
            if value.is_object() {
                definitions.extend(define(call, &url, &name, &value)?);
            }
        }
        Ok(definitions)
    })
}

/// What an export defines; none when it has no member of a card's class.
fn define<'js>(
    call: &Call<'js>,
    url: &str,
    name: &str,
    value: &Value<'js>,
) -> Result<Option<Definition>, Failure> {
    let what = format!("`{name}` was read");
    let check = |error: rquickjs::Error| call.failure(&error, &what);
    let chain = call.chain(value).map_err(check)?;
    let mut formats = Vec::new();
    for format in FORMATS {
        if has(call, &chain, format).map_err(check)? {
            formats.push(format);
        }
    }
    let mut fields = None;
    for member in FIELDS {
        if fields.is_none() && has(call, &chain, member).map_err(check)? {
            fields = Some(fields_of(call, &chain, member, &what)?);
        }
    }
    if formats.is_empty() && fields.is_none() {
        return Ok(None);
    }
    let ancestors: Vec<_> = call
        .type_names(url, &chain)?
        .into_iter()
        .skip(1)
        .flatten()
        .collect();
    let schema = json!({
        "name": name,
        "ancestors": ancestors,
        "formats": formats,
        "fields": fields,
    });
    Ok(Some(Definition::new(name, "card", &schema)))
}

fn has<'js>(call: &Call<'js>, chain: &[Value<'js>], member: &str) -> rquickjs::Result<bool> {
    for holder in chain {
        if call.owns(holder, member)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What `fields` or `schema` says, or gives when it is a function.
fn fields_of<'js>(
    call: &Call<'js>,
    chain: &[Value<'js>],
    member: &str,
    what: &str,
) -> Result<serde_json::Value, Failure> {
    let check = |error: rquickjs::Error| call.failure(&error, what);
    let wrong = |why: &str| -> Failure {
        Diagnostic::error(format!("`{member}` {why} (while {what})"))
            .code("card-fields")
            .within(call.document_span())
            .help("let it be a value that JSON can say, or a function that gives one")
            .into()
    };
    let value = call.member(chain, member).map_err(check)?;
    let Some(mut value) = value else {
        return Ok(serde_json::Value::Null);
    };
    // A class is a function too, and no function of ours.
    if let Some(function) = value.as_function() {
        let nothing = Value::new_undefined(call.ctx.clone());
        value = call
            .invoke(function, &chain[0], (nothing.clone(), nothing))
            .map_err(check)?;
    }
    let value = call.settle(value).map_err(check)?;
    let json = call.ctx.json_stringify(value).map_err(check)?;
    let Some(json) = json else {
        return Err(wrong("is what JSON has no words for"));
    };
    let Some(json) = call.text(json.into_value(), FIELDS_UNITS).map_err(check)? else {
        return Err(wrong("is too large"));
    };
    serde_json::from_str(&json).map_err(|error| wrong(&format!("is no JSON: {error}")))
}
