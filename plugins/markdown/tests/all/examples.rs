//! CommonMark's own examples, with HTML let pass, and real documents.
//!
//! The specification is fetched, pinned by its hash, by `tests/corpus/commonmark.mjs`: that takes Node and npm, once.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{body_with_html, render_with};

/// One example of the specification.
struct Example {
    number: usize,
    markdown: String,
    html: String,
}

/// Examples whose pages differ, and why that is right. Nothing else may differ, and these must.
const EXCEPTIONS: [(usize, &str); 5] = [
    (
        98,
        "`---` twice at the very beginning is empty front matter",
    ),
    (602, "GitHub's extension makes a link of a bare address"),
    (608, "GitHub's extension makes a link of a bare address"),
    (611, "GitHub's extension makes a link of a bare address"),
    (612, "GitHub's extension makes a link of a bare address"),
];

fn specification() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus/commonmark.mjs");
    let output = Command::new("node")
        .arg(script)
        .output()
        .expect("Node, which fetches CommonMark's examples, can be started");
    assert!(
        output.status.success(),
        "CommonMark's examples cannot be fetched: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let path = String::from_utf8(output.stdout).expect("a path in UTF-8");
    std::fs::read_to_string(path.trim()).expect("the specification")
}

/// An example is what stands between two fences of 32 backticks, Markdown and HTML with a `.` between them.
fn examples(specification: &str) -> Vec<Example> {
    let fence = "`".repeat(32);
    let mut examples = Vec::new();
    let mut lines = specification.lines();
    while let Some(line) = lines.next() {
        if line.strip_prefix(&fence).map(str::trim) != Some("example") {
            continue;
        }
        let mut part = |end: &str| {
            lines
                .by_ref()
                .take_while(|line| *line != end)
                .map(|line| line.replace('→', "\t") + "\n")
                .collect::<String>()
        };
        let (markdown, html) = (part("."), part(&fence));
        examples.push(Example {
            number: examples.len() + 1,
            markdown,
            html,
        });
    }
    examples
}

/// CommonMark knows of no ids of headings.
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

#[test]
fn commonmarks_examples_are_what_it_says() {
    let examples = examples(&specification());
    assert_eq!(examples.len(), 652, "of CommonMark 0.31.2");
    let differing: Vec<_> = examples
        .iter()
        .filter(|example| without_ids(&body_with_html(&example.markdown)) != example.html)
        .collect();
    for example in &differing {
        if !EXCEPTIONS
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
    let numbers: Vec<_> = differing.iter().map(|example| example.number).collect();
    assert_eq!(numbers, EXCEPTIONS.map(|(number, _)| number));
}

#[test]
fn commonmarks_examples_pass_no_html_on_by_default() {
    for example in examples(&specification()) {
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
