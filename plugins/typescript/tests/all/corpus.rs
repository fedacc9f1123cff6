//! Every TypeScript file below a folder, at several targets: none may panic. `REALM_CORPUS=<folder>` names the folder.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use crate::transpile_with;

const OPTIONS: [&str; 3] = [
    "{}",
    r#"{"target": "es2015", "emitDecoratorMetadata": true}"#,
    r#"{"target": "es2021", "useDefineForClassFields": true, "verbatimModuleSyntax": true}"#,
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
    {
        if entry.is_dir() {
            files(&entry, found);
        } else if matches!(
            entry.extension().and_then(|extension| extension.to_str()),
            Some("ts" | "tsx" | "mts" | "jsx" | "js" | "mjs")
        ) {
            found.push(entry);
        }
    }
}

#[test]
#[ignore = "needs REALM_CORPUS, a folder of TypeScript files"]
fn no_file_of_the_corpus_panics() {
    let folder = std::env::var("REALM_CORPUS").expect("REALM_CORPUS names a folder");
    let mut found = Vec::new();
    files(Path::new(&folder), &mut found);
    assert!(!found.is_empty(), "no TypeScript below {folder}");
    let mut panicked = Vec::new();
    for file in found {
        let text = std::fs::read(&file).expect("a file that can be read");
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        for options in OPTIONS {
            if catch_unwind(AssertUnwindSafe(|| transpile_with(&name, &text, options))).is_err() {
                panicked.push(format!("{} with {options}", file.display()));
            }
        }
    }
    assert_eq!(panicked, Vec::<String>::new());
}
