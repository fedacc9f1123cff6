//! A plugin that uses all of the contract: every function, every import, every kind of answer. A build of it is kept for each
//! released version (`tests/fixtures/plugins`), and every host to come has to run it.

use realm_guest_sdk::{
    Asset, Definition, Description, Diagnostic, Failure, Files, LoadError, Output, Prerenderer,
    ReadError, Realm, RenderRequest, Rendition, Request, Rule, Transpiler, export_plugin, log,
};

/// The plugin.
#[derive(Debug)]
pub struct Released;

impl Transpiler for Released {
    fn describe() -> Description {
        Description::new("released", "0.1.0", "All of the contract")
            .options_schema(r#"{"type":"object"}"#)
            .transpiles([Rule::new(".released", ".js", "text/javascript")])
            .renders([".document"])
    }

    /// The first line says what to do.
    fn transpile(request: Request, realm: &dyn Files) -> Result<Output, Failure> {
        let (input, options) = (&request.input, &request.options);
        log::info(format!("transpiling {}", input.path));
        let line = input.text()?.lines().next().unwrap_or_default();
        let read = match line.split_once(' ').unwrap_or((line, "")) {
            ("read", specifier) => {
                said(realm.read(specifier, &input.url).map(|file| file.contents))
            }
            ("invalid", _) => {
                let wrong = Diagnostic::error("it says so itself").code("R1");
                let wrong = wrong.at(&*input.path, 1, 3).help("write something else");
                return Err(wrong.into());
            }
            ("unreadable", specifier) => {
                return Err(Failure::unreadable(specifier, ReadError::NotFound));
            }
            ("decline", _) => return Err(Failure::Declined),
            _ => line.to_owned(),
        };
        let text = format!(
            "export default `{read}`; // {:?} {options}\n",
            request.purpose
        );
        let map = r#"{"version":3,"sources":["a"],"names":[],"mappings":"AAAA"}"#;
        let mut output = Output::new(text).asset(Asset::new(".css", "text/css", "a {}\n"));
        output.source_map = Some(map.to_owned());
        output.diagnostics.push(Diagnostic::warning("a warning"));
        Ok(output)
    }
}

impl Prerenderer for Released {
    fn describe() -> Description {
        <Self as Transpiler>::describe()
    }

    /// Shows the module that the document names.
    fn render(request: RenderRequest, realm: &dyn Realm) -> Result<Rendition, Failure> {
        let document = &request.document;
        let specifier = document.text()?.trim();
        let module = match realm.load(specifier, &document.url) {
            Ok(module) => String::from_utf8_lossy(&module.code).into_owned(),
            Err(LoadError::Unreadable(error)) => return Err(Failure::unreadable(specifier, error)),
            Err(LoadError::Invalid(diagnostics)) => return Err(Failure::Invalid(diagnostics)),
        };
        let module = module.replace('<', "&lt;");
        let mut rendition = Rendition::new()
            .title("A document")
            .types(["https://realm.invalid/a/Document"]);
        if request.wants("isolated") {
            rendition = rendition.rendering("isolated", format!("<pre>{module}</pre>"));
        }
        Ok(rendition.rendering_as("embedded", "https://realm.invalid/a/Document", "<p>a</p>"))
    }

    fn definitions(url: &str, _: &str, realm: &dyn Realm) -> Result<Vec<Definition>, Failure> {
        log::debug(format!("definitions of {url}"));
        Ok(match realm.load(url, url) {
            Ok(_) => vec![Definition {
                export_name: "default".to_owned(),
                kind: "text".to_owned(),
                schema: "{}".to_owned(),
            }],
            Err(_) => Vec::new(),
        })
    }
}

fn said(read: Result<Vec<u8>, ReadError>) -> String {
    match read {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim_end().to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

export_plugin!(Released);
