//! The same directives, asked of a prerenderer.

use realm_guest_sdk::{
    Definition, Description, Failure, LoadError, Prerenderer, Realm, RenderRequest, Rendition,
    Transpiler,
};
use serde_json::{Value, json};

use crate::{Directive, Misbehave, abuse, invalid, observe, parse};

impl Prerenderer for Misbehave {
    fn describe() -> Description {
        <Self as Transpiler>::describe()
    }

    fn render(request: RenderRequest, realm: &dyn Realm) -> Result<Rendition, Failure> {
        let document = &request.document;
        let text = document.text()?;
        let line = text.lines().next().unwrap_or_default();
        let mut types = Vec::new();
        let shown: Value = match parse(line, text, &document.path)? {
            Directive::Spin => abuse::spin(),
            Directive::Allocate => abuse::allocate(),
            Directive::Recurse => abuse::recurse(0).into(),
            Directive::Huge(bytes) => " ".repeat(bytes).into(),
            Directive::Log(bytes) => {
                abuse::log(bytes);
                bytes.into()
            }
            Directive::Panic(message) => panic!("{message}"),
            Directive::State => observe::state().into(),
            Directive::Read(specifiers) => observe::read(realm, &document.url, &specifiers),
            Directive::Load(specifiers) => {
                let loaded = specifiers.iter().map(|specifier| {
                    let loaded = load(realm, specifier, &document.url);
                    if let (true, Some(url)) = (types.is_empty(), loaded["url"].as_str()) {
                        types.push(format!("{url}/default"));
                    }
                    loaded
                });
                loaded.collect()
            }
            Directive::SpinIf(specifier, needle) => {
                let contents = observe::contents(realm, &document.url, specifier)?;
                if contents.contains(needle) {
                    abuse::spin()
                }
                contents.into()
            }
            Directive::SpinAfterRead(specifier) => {
                observe::read(realm, &document.url, &[specifier]);
                abuse::spin()
            }
            Directive::Sleep(duration) => {
                std::thread::sleep(duration);
                "awake".into()
            }
            Directive::Clock => observe::clock(),
            Directive::Reads(count) => observe::reads(realm, &document.url, count).into(),
            Directive::Echo(text) => text.into(),
            Directive::Declined => return Err(Failure::Declined),
            Directive::Invalid => return Err(invalid(line, text, &document.path)),
            Directive::Room(bytes) => observe::room(bytes).into(),
            Directive::Hoard(specifier) => observe::hoard(realm, &document.url, text, specifier)?,
            Directive::Asset => "documents have none".into(),
        };
        let html = shown.to_string().replace('&', "&amp;").replace('<', "&lt;");
        let mut rendition = Rendition::new().rendering("isolated", format!("<pre>{html}</pre>"));
        rendition.title = Some(line.to_owned());
        rendition.types = types;
        rendition.search_document = json!({ "directive": line, "shown": shown }).to_string();
        Ok(rendition)
    }

    fn definitions(
        url: &str,
        _options: &str,
        realm: &dyn Realm,
    ) -> Result<Vec<Definition>, Failure> {
        let loaded = load(realm, url, url);
        if loaded["error"].is_string() {
            return Err(realm_guest_sdk::Diagnostic::error(loaded.to_string()).into());
        }
        Ok(vec![Definition {
            export_name: "default".to_owned(),
            kind: "misbehave".to_owned(),
            schema: json!({ "code": loaded["code"] }).to_string(),
        }])
    }
}

/// `{"specifier", "url", "mediaType", "code"}`, with `sourceMap` where there is one, or `{"specifier", "error"}`.
fn load(realm: &dyn Realm, specifier: &str, referrer: &str) -> Value {
    match realm.load(specifier, referrer) {
        Ok(module) => {
            let code = String::from_utf8_lossy(&module.code);
            let mut shown = json!({ "specifier": specifier, "url": module.url, "mediaType": module.media_type, "code": code });
            if let Some(map) = module.source_map {
                shown["sourceMap"] = map.into();
            }
            shown
        }
        Err(LoadError::Unreadable(error)) => {
            json!({ "specifier": specifier, "error": observe::name(error) })
        }
        Err(LoadError::Invalid(diagnostics)) => {
            let first = diagnostics.first().map(|first| first.message.clone());
            json!({ "specifier": specifier, "error": first })
        }
    }
}
