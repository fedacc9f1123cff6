//! Documents in, pages out: the plugin against a realm in memory, its modules transpiled by the plugin `typescript`.

mod cards;
mod corpus;
mod definitions;
mod documents;
mod engine;
mod errors;
mod hostile;
mod jsx;
mod shims;

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Diagnostic, Failure, Prerenderer, Realm, Rendition, Transpiler};
use realm_plugin_cards::Cards;
use realm_plugin_typescript::TypeScript;
use serde_json::{Value, json};

/// A realm of these files; those of TypeScript are modules with source maps.
fn realm(files: &[(&str, &str)]) -> MemoryFiles {
    let mut realm = MemoryFiles::new();
    for (path, source) in files {
        realm = realm.with(*path, source);
        if path.ends_with(".ts") || path.ends_with(".tsx") {
            let output = TypeScript::transpile(realm.request(path), &realm)
                .unwrap_or_else(|failure| panic!("{path}: {failure:?}"));
            let code = output.contents;
            realm = match output.source_map {
                Some(map) => realm.with_module_map(*path, code, map),
                None => realm.with_module(*path, code),
            };
        }
    }
    realm
}

/// A card document.
fn document(module: &str, name: &str, attributes: &Value) -> String {
    let meta = json!({ "adoptsFrom": { "module": module, "name": name } });
    json!({ "data": { "type": "card", "attributes": attributes, "meta": meta } }).to_string()
}

/// Renders the document at `card.json`.
fn render(realm: &MemoryFiles, formats: &[&str]) -> Result<Rendition, Failure> {
    Cards::render(
        realm.render_request("card.json", formats.iter().copied()),
        realm,
    )
}

/// `isolated` of a card whose class is `Card` of the module `card.tsx`.
fn isolated(source: &str, attributes: &Value) -> Result<String, Failure> {
    let card = document("./card.tsx", "Card", attributes);
    let realm = realm(&[("card.tsx", source), ("card.json", &card)]);
    render(&realm, &["isolated"])
        .map(|rendition| rendition.get("isolated").unwrap_or_default().to_owned())
}

/// The HTML of an expression, in a module that has `raw` and the attributes `a`.
fn html(expression: &str, attributes: &Value) -> Result<String, Failure> {
    let source = format!(
        "import {{ raw }} from 'realm/jsx-runtime';\nvoid raw;\nexport class Card {{ static isolated = (a: any) => {expression}; }}"
    );
    isolated(&source, attributes)
}

/// The diagnostics of a failure that is `invalid`.
fn diagnostics<T: std::fmt::Debug>(result: Result<T, Failure>) -> Vec<Diagnostic> {
    match result {
        Err(Failure::Invalid(diagnostics)) => diagnostics,
        other => panic!("expected diagnostics, not {other:?}"),
    }
}

/// The first diagnostic, its code and place as text, and its message.
fn error<T: std::fmt::Debug>(result: Result<T, Failure>) -> (String, String) {
    let diagnostic = diagnostics(result).swap_remove(0);
    assert!(diagnostic.help.is_some(), "no help: {diagnostic:?}");
    let span = diagnostic.span.expect("a place");
    let at = format!(
        "{} {}:{}:{}",
        diagnostic.code.expect("a code"),
        span.path,
        span.start.line,
        span.start.column
    );
    (at, diagnostic.message)
}

/// What a plugin's author calls.
fn definitions(realm: &dyn Realm, url: &str) -> Result<Vec<(String, Value)>, Failure> {
    let definitions = Cards::definitions(url, "{}", realm)?;
    Ok(definitions
        .into_iter()
        .map(|definition| {
            assert_eq!(definition.kind, "card");
            (
                definition.export_name,
                serde_json::from_str(&definition.schema).expect("JSON"),
            )
        })
        .collect())
}
