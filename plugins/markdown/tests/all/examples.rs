//! The examples of the specifications of CommonMark and of GitHub's extensions, and real documents.
//!
//! The specifications are fetched, pinned by their hashes, by `tests/corpus/examples.mjs`: that takes Node and npm, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::{body_with_html, render_with};

#[derive(Deserialize)]
struct Examples {
    commonmark: Vec<Example>,
    /// Of GitHub's specification, what is about its extensions.
    gfm: Vec<Example>,
}

#[derive(Deserialize)]
struct Example {
    number: u32,
    markdown: String,
    html: String,
}

/// Examples whose pages differ, and why that is right. Nothing else may differ, and these must.
type Exceptions<'a> = &'a [(u32, &'a str)];

const COMMONMARK: Exceptions<'_> = &[
    (
        98,
        "`---` twice at the very beginning is empty front matter",
    ),
    (602, "GitHub's extension makes a link of a bare address"),
    (608, "GitHub's extension makes a link of a bare address"),
    (611, "GitHub's extension makes a link of a bare address"),
    (612, "GitHub's extension makes a link of a bare address"),
];

const GFM: Exceptions<'_> = &[
    (
        279,
        "the same boxes, with their attributes in another order",
    ),
    (
        280,
        "the same boxes, with their attributes in another order",
    ),
    (634, "comrak ends an xmpp address at its second `@`"),
    (635, "comrak keeps all of an xmpp address's path"),
    (657, "the option `html` lets every element pass"),
];

fn examples() -> Examples {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/examples.mjs");
    let output = Command::new("node")
        .arg(script)
        .output()
        .expect("Node, which fetches the examples, can be started");
    assert!(
        output.status.success(),
        "the examples cannot be fetched: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
    let json = std::fs::read(path.trim()).expect("the examples");
    serde_json::from_slice(&json).expect("examples")
}

/// The specifications know of no ids of headings.
fn without_ids(html: &str) -> String {
    let mut rest = html;
    let mut plain = String::new();
    while let Some(at) = rest.find(" id=\"") {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let of_heading = matches!(before.as_bytes(), [.., b'<', b'h', b'1'..=b'6']);
        let end = from[5..].find('"').map_or(from.len(), |end| end + 6);
        if !of_heading {
            plain.push_str(&from[..end]);
        }
        rest = &from[end..];
    }
    plain + rest
}

#[track_caller]
fn check(examples: &[Example], exceptions: Exceptions<'_>) {
    let differing: Vec<_> = examples
        .iter()
        .filter(|example| without_ids(&body_with_html(&example.markdown)) != example.html)
        .collect();
    for example in &differing {
        if !exceptions
            .iter()
            .any(|(number, _)| *number == example.number)
        {
            eprintln!(
                "example {}\n{}is\n{}and not\n{}",
                example.number,
                example.markdown,
                body_with_html(&example.markdown),
                example.html
            );
        }
    }
    let differing: Vec<_> = differing.iter().map(|example| example.number).collect();
    let excepted: Vec<_> = exceptions.iter().map(|(number, _)| *number).collect();
    assert_eq!(differing, excepted);
}

#[test]
fn commonmarks_examples_are_what_it_says() {
    let examples = examples().commonmark;
    assert_eq!(examples.len(), 652, "of CommonMark 0.31.2");
    check(&examples, COMMONMARK);
}

#[test]
fn githubs_examples_are_what_it_says() {
    let examples = examples().gfm;
    assert_eq!(examples.len(), 28, "of GitHub's extensions");
    check(&examples, GFM);
}

#[test]
fn no_example_passes_html_on_by_default() {
    let Examples { commonmark, gfm } = examples();
    for example in commonmark.iter().chain(&gfm) {
        let page = render_with(&example.markdown, "{}").expect("a page");
        let html = page.get("isolated").expect("an article");
        for tag in [
            "<script",
            "<style",
            "<!--",
            "<?",
            "<![",
            "<bab",
            "<responsive-image",
            "<xmp",
        ] {
            assert!(!html.contains(tag), "example {}: {html}", example.number);
        }
    }
}

#[test]
#[ignore = "needs REALM_CORPUS, a folder of Markdown: tests/corpus/markdown.mjs makes one"]
fn every_document_of_the_corpus_becomes_a_page() {
    let folder = std::env::var("REALM_CORPUS").expect("REALM_CORPUS names a folder");
    let mut files = Vec::new();
    documents(Path::new(&folder), &mut files);
    assert!(!files.is_empty(), "no Markdown below {folder}");
    let mut failed = Vec::new();
    let mut bytes = 0;
    let began = std::time::Instant::now();
    for file in &files {
        let text = std::fs::read_to_string(file).expect("a file that can be read");
        bytes += text.len();
        match render_with(&text, "{}") {
            Ok(page) if page.diagnostics.is_empty() => {}
            Ok(page) => failed.push(format!("{}: {:?}", file.display(), page.diagnostics)),
            Err(failure) => failed.push(format!("{}: {failure:?}", file.display())),
        }
    }
    eprintln!(
        "{} documents, {bytes} bytes, {:?}",
        files.len(),
        began.elapsed()
    );
    assert_eq!(failed, Vec::<String>::new());
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            documents(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}
