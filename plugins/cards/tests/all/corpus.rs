//! The generated realm of cards that benches and the host's tests take: every document renders.

use std::fs;
use std::path::Path;
use std::process::Command;

use realm_guest_sdk::Prerenderer;
use realm_plugin_cards::Cards;

use crate::realm;

const FORMATS: [&str; 6] = ["isolated", "embedded", "fitted", "atom", "head", "icon"];

#[test]
fn every_document_of_the_generated_realm_renders() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("realm-of-cards");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/cards.mjs");
    let made = Command::new("node")
        .arg(script)
        .arg(&folder)
        .args(["--documents", "150"])
        .status()
        .expect("node, which scripts/install-test-tools installs");
    assert!(made.success());

    let mut files = Vec::new();
    read(&folder, "", &mut files);
    let modules = files
        .iter()
        .filter(|(path, _)| path.contains(".ts"))
        .count();
    let documents: Vec<_> = files
        .iter()
        .filter(|(path, _)| path.starts_with("documents/"))
        .map(|(path, _)| path.clone())
        .collect();
    assert_eq!((modules, documents.len()), (40, 150));
    let borrowed: Vec<_> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let realm = realm(&borrowed);

    let mut longest = 0;
    for path in documents {
        let rendition = Cards::render(realm.render_request(&path, FORMATS), &realm)
            .unwrap_or_else(|failure| panic!("{path}: {failure:?}"));
        assert!(
            rendition.title.is_some_and(|title| !title.is_empty()),
            "{path}"
        );
        for rendering in &rendition.renderings {
            assert!(
                !rendering.contents.is_empty() && !rendering.contents.contains("<b>bold</b>"),
                "{path}: {rendering:?}"
            );
        }
        let types = rendition.types.len();
        assert_eq!(rendition.renderings.len(), 4 + 2 * types, "{path}");
        assert!(
            rendition.types[types - 1].ends_with("/base/card.tsx/Card"),
            "{path}: {:?}",
            rendition.types
        );
        longest = longest.max(types);
    }
    assert!(longest >= 5, "chains of types are at most {longest} long");
}

fn read(folder: &Path, under: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{under}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            read(&entry.path(), &format!("{path}/"), files);
        } else {
            files.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}
