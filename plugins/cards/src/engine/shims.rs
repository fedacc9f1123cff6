//! What modules expect of a browser and the engine has not: small, and made only when a module first asks for it.

use realm_guest_sdk::{Level, log};
use rquickjs::function::Opt;
use rquickjs::{Coerced, Ctx, Function, Object, Result, TypedArray, Value};
use url::{Url, form_urlencoded, quirks};

use super::Natives;

const CORE: &str = include_str!("../shims/core.js");

/// Sources by name; each is a function of the natives that gives globals.
const PARTS: [(&str, &str); 7] = [
    ("clone", include_str!("../shims/clone.js")),
    ("console", include_str!("../shims/console.js")),
    ("dates", include_str!("../shims/dates.js")),
    ("intl", include_str!("../shims/intl.js")),
    ("text", include_str!("../shims/text.js")),
    ("timers", include_str!("../shims/timers.js")),
    ("url", include_str!("../shims/url.js")),
];

/// Installs the shims, and takes what the plugin itself needs of the engine.
pub(super) fn install<'js>(ctx: &Ctx<'js>) -> Result<Natives<'js>> {
    let shared = Object::new_proto(ctx.clone(), None)?;
    let native = |name: &str, function: Function<'js>| shared.set(name, function);
    native("part", Function::new(ctx.clone(), part)?)?;
    native("log", Function::new(ctx.clone(), write)?)?;
    native("parseUrl", Function::new(ctx.clone(), parse_url)?)?;
    native("setUrl", Function::new(ctx.clone(), set_url)?)?;
    native("parseQuery", Function::new(ctx.clone(), parse_query)?)?;
    native("formatQuery", Function::new(ctx.clone(), format_query)?)?;
    native("encode", Function::new(ctx.clone(), encode)?)?;
    native("decode", Function::new(ctx.clone(), decode)?)?;
    let core: Function<'js> = ctx.eval(CORE)?;
    let taken: Object<'js> = core.call((shared.clone(),))?;
    Ok(Natives {
        parent: taken.get("parent")?,
        has: taken.get("has")?,
        same: taken.get("same")?,
        text: taken.get("text")?,
        kind: taken.get("kind")?,
        shared,
    })
}

/// A part of the shims, as a function.
fn part<'js>(ctx: Ctx<'js>, name: String) -> Result<Value<'js>> {
    let source = PARTS.iter().find(|(known, _)| *known == name);
    ctx.eval(source.map_or("undefined", |(_, source)| source))
}

fn write(level: String, message: Coerced<String>) {
    let level = match level.as_str() {
        "trace" => Level::Trace,
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    };
    log::log(level, message.0);
}

/// `href` and its parts, in the order of the shim; none for what is no URL.
fn parse_url(href: String, base: Opt<String>) -> Option<Vec<String>> {
    let base = match base.0 {
        Some(base) => Some(Url::parse(&base).ok()?),
        None => None,
    };
    let url = Url::options().base_url(base.as_ref()).parse(&href).ok()?;
    Some(parts(&url))
}

fn set_url(href: String, part: String, value: String) -> Option<Vec<String>> {
    let mut url = Url::parse(&href).ok()?;
    // Setters ignore what they cannot take.
    let _ = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        "pathname" => {
            quirks::set_pathname(&mut url, &value);
            Ok(())
        }
        "search" => {
            quirks::set_search(&mut url, &value);
            Ok(())
        }
        "hash" => {
            quirks::set_hash(&mut url, &value);
            Ok(())
        }
        _ => Err(()),
    };
    Some(parts(&url))
}

fn parts(url: &Url) -> Vec<String> {
    vec![
        quirks::href(url).to_owned(),
        quirks::origin(url),
        quirks::protocol(url).to_owned(),
        quirks::username(url).to_owned(),
        quirks::password(url).to_owned(),
        quirks::host(url).to_owned(),
        quirks::hostname(url).to_owned(),
        quirks::port(url).to_owned(),
        quirks::pathname(url).to_owned(),
        quirks::search(url).to_owned(),
        quirks::hash(url).to_owned(),
    ]
}

fn parse_query(query: String) -> Vec<Vec<String>> {
    form_urlencoded::parse(query.as_bytes())
        .map(|(key, value)| vec![key.into_owned(), value.into_owned()])
        .collect()
}

fn format_query(pairs: Vec<Vec<String>>) -> String {
    let pairs = pairs
        .iter()
        .filter_map(|pair| Some((pair.first()?, pair.get(1)?)));
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

fn encode<'js>(ctx: Ctx<'js>, text: String) -> Result<TypedArray<'js, u8>> {
    TypedArray::new(ctx, text)
}

/// The text of UTF-8, given as a string whose characters are the bytes; none where it is not, and `fatal`.
fn decode(bytes: String, fatal: bool) -> Option<String> {
    let bytes: Vec<u8> = bytes
        .chars()
        .filter_map(|byte| u8::try_from(byte).ok())
        .collect();
    if fatal {
        String::from_utf8(bytes).ok()
    } else {
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}
