//! The plugin, as a host calls it: a document in, a rendition or a failure out.

mod examples;
mod extensions;
mod formats;
mod front_matter;
mod hostile;

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Diagnostic, Failure, Prerenderer, Rendition};
use realm_plugin_markdown::Markdown;
use serde_json::Value;

const FORMATS: [&str; 7] = [
    "isolated", "embedded", "fitted", "atom", "head", "icon", "markdown",
];

/// Renders `text` as the file `notes/page.md`, in every format that there is.
fn render_with(text: &str, options: &str) -> Result<Rendition, Failure> {
    let realm = MemoryFiles::new().with("notes/page.md", text);
    let mut request = realm.render_request("notes/page.md", FORMATS);
    request.options = options.into();
    let rendition = Markdown::render(request, &realm);
    assert_eq!(
        realm.reads(),
        [],
        "a document is all that its page is made of"
    );
    rendition
}

#[track_caller]
fn render(text: &str) -> Rendition {
    match render_with(text, "{}") {
        Ok(rendition) => rendition,
        Err(failure) => panic!("{failure:?}"),
    }
}

/// The HTML inside the article that `text` becomes.
#[track_caller]
fn body(text: &str) -> String {
    article(&render(text))
}

/// The same where the author's HTML is passed on.
#[track_caller]
fn body_with_html(text: &str) -> String {
    match render_with(text, r#"{"html": true}"#) {
        Ok(rendition) => article(&rendition),
        Err(failure) => panic!("{failure:?}"),
    }
}

#[track_caller]
fn article(rendition: &Rendition) -> String {
    rendition
        .get("isolated")
        .and_then(|html| html.strip_prefix("<article>\n"))
        .and_then(|html| html.strip_suffix("</article>\n"))
        .expect("an article")
        .to_owned()
}

#[track_caller]
fn search_document(rendition: &Rendition) -> Value {
    serde_json::from_str(&rendition.search_document).expect("JSON")
}

/// What is wrong with `text`.
#[track_caller]
fn error(text: &str) -> Diagnostic {
    match render_with(text, "{}") {
        Err(Failure::Invalid(mut diagnostics)) => diagnostics.remove(0),
        other => panic!("not invalid: {other:?}"),
    }
}

/// Where it is: line and column.
#[track_caller]
fn place(diagnostic: &Diagnostic) -> (u32, u32) {
    let span = diagnostic.span.as_ref().expect("a place");
    assert_eq!(span.path, "notes/page.md");
    (span.start.line, span.start.column)
}
