//! `{{name}}`: INI files as JavaScript modules. `import settings from "./site.ini"` gives an object of sections.

use realm_guest_sdk::{
    Description, Diagnostic, Failure, Files, LineIndex, Output, Request, Rule, Transpiler,
    export_transpiler,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

/// What a realm may ask for in its `realm.json`, as the schema in `describe` says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    lowercase: bool,
}

impl Transpiler for Plugin {
    fn describe() -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "INI files as JavaScript modules")
            .options_schema(
                r#"{ "type": "object", "additionalProperties": false, "properties": {
                    "lowercase": { "type": "boolean", "description": "names in small letters" } } }"#,
            )
            .transpiles([Rule::new(".ini", ".js", "text/javascript")])
    }

    fn transpile(request: Request, _realm: &dyn Files) -> Result<Output, Failure> {
        let options: Options = request.parse_options()?;
        let (values, diagnostics) = parse(&request, &options)?;
        let json = serde_json::to_string_pretty(&values).expect("names and texts");
        Ok(Output {
            diagnostics,
            ..Output::new(format!("export default {json};\n"))
        })
    }
}

/// The values, and what deserves a warning.
fn parse(request: &Request, options: &Options) -> Result<(Value, Vec<Diagnostic>), Failure> {
    let path = &request.input.path;
    let text = request.input.text()?;
    let index = LineIndex::new(text);
    // The first one is what stands before any section.
    let (mut sections, mut section) = (vec![(String::new(), Map::new())], 0);
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    let mut begin = 0;
    for whole in text.split('\n') {
        let line = whole.trim();
        let start = begin + (whole.len() - whole.trim_start().len());
        let span = || index.span(path, start..start + line.len());
        let name = |text: &str| match options.lowercase {
            true => text.trim().to_lowercase(),
            false => text.trim().to_owned(),
        };
        begin += whole.len() + 1;
        if line.is_empty() || line.starts_with([';', '#']) {
            continue;
        }
        if let Some(inner) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let inner = name(inner);
            let known = sections.iter().skip(1).position(|(known, _)| *known == inner);
            section = known.map_or(sections.len(), |known| known + 1);
            if known.is_none() {
                sections.push((inner, Map::new()));
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|(key, _)| !key.trim().is_empty())
        else {
            let error = Diagnostic::error("neither a section nor a value").code("syntax");
            errors.push(error.within(span()).help("write `[section]` or `name = value`"));
            continue;
        };
        let key = name(key);
        let values = &mut sections[section].1;
        if values.insert(key.clone(), value.trim().into()).is_some() {
            let warning = format!("`{key}` is there twice; the last one holds");
            let warning = Diagnostic::warning(warning);
            warnings.push(warning.code("twice").within(span()));
        }
    }
    if !errors.is_empty() {
        errors.extend(warnings);
        return Err(errors.into());
    }
    let mut sections = sections.into_iter();
    let mut values = sections.next().unwrap_or_default().1;
    values.extend(sections.map(|(name, section)| (name, section.into())));
    Ok((values.into(), warnings))
}

export_transpiler!(Plugin);

#[cfg(test)]
mod tests {
    use realm_guest_sdk::Transpiler;
    use realm_guest_sdk::testing::MemoryFiles;

    use super::Plugin;

    #[test]
    fn a_native_test_needs_no_host() {
        let realm = MemoryFiles::new().with("a.ini", "[a]\nb = c");
        let output = Plugin::transpile(realm.request("a.ini"), &realm).unwrap();
        let module = String::from_utf8(output.contents).unwrap();
        assert_eq!(module, "export default {\n  \"a\": {\n    \"b\": \"c\"\n  }\n};\n");
    }
}
