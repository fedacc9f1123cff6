//! What a document is in each format, and what is listed and searched of it.

use realm_guest_sdk::Prerenderer;
use realm_plugin_markdown::Markdown;
use serde_json::json;

use crate::{render, render_with, search_document};

const PAGE: &str = "---\ntitle: Cats & <dogs>\ntags: [a, b]\n---\n# Other\n\n![x](x.png)\n\nThey *purr* `&`\nscratch[^1].\n\n## Care\n\n- food\n\n[^1]: Often.\n";

#[test]
fn a_page_has_every_format_but_an_icon() {
    let page = render(PAGE);
    let formats: Vec<_> = page
        .renderings
        .iter()
        .map(|it| it.format.as_str())
        .collect();
    assert_eq!(
        formats,
        ["isolated", "embedded", "fitted", "atom", "head", "markdown"]
    );
    assert!(page.renderings.iter().all(|it| it.as_type.is_empty()));
    let card = "<article>\n<h2>Cats &amp; &lt;dogs&gt;</h2>\n<p>They purr &amp; scratch.</p>\n</article>\n";
    assert_eq!(page.get("embedded"), Some(card));
    assert_eq!(page.get("fitted"), Some(card));
    assert_eq!(page.get("atom"), Some("Cats &amp; &lt;dogs&gt;"));
    assert_eq!(
        page.get("head"),
        Some(
            "<title>Cats &amp; &lt;dogs&gt;</title>\n<meta name=\"description\" content=\"They purr &amp; scratch.\">\n"
        )
    );
    assert!(page.get("markdown").unwrap().starts_with("# Other\n"));
    assert!(
        page.get("isolated")
            .unwrap()
            .contains("<h1 id=\"other\">Other</h1>")
    );
}

#[test]
fn only_what_is_asked_for_is_given() {
    use realm_guest_sdk::testing::MemoryFiles;
    let realm = MemoryFiles::new().with("a.md", "# A");
    let request = realm.render_request("a.md", ["atom", "icon", "hologram"]);
    let page = Markdown::render(request, &realm).unwrap();
    assert_eq!(page.renderings.len(), 1);
    assert_eq!(page.get("atom"), Some("A"));
}

#[test]
fn the_search_document_is_front_matter_and_what_the_document_says() {
    let page = render(PAGE);
    assert_eq!(page.title.as_deref(), Some("Cats & <dogs>"));
    assert_eq!(page.types, Vec::<String>::new());
    assert_eq!(
        search_document(&page),
        json!({
            "title": "Cats & <dogs>",
            "tags": ["a", "b"],
            "description": "They purr & scratch.",
            "headings": ["Other", "Care"],
            "text": "Other\nThey purr & scratch.\nCare\nfood\nOften.",
        })
    );
}

#[test]
fn the_title_is_the_front_matters_or_the_first_heading_of_the_first_level() {
    for (text, title) in [
        ("# *A* `b`\n# C", Some("A b")),
        ("## A\n\nB\n===\n", Some("B")),
        ("---\ntitle: 2024\n---\n# A", Some("2024")),
        ("---\ntitle: \n---\n# A", Some("A")),
        ("---\ntitle: [x]\n---\n# A", Some("A")),
        ("#\n\n# ![x](y)\n\n## A", None),
        ("", None),
    ] {
        let page = render(text);
        assert_eq!(page.title.as_deref(), title, "{text:?}");
        assert_eq!(
            search_document(&page).get("title").is_some(),
            title.is_some()
        );
    }
}

#[test]
fn a_document_without_a_title_is_called_by_its_name() {
    let page = render("text");
    assert_eq!(page.get("atom"), Some("page"));
    assert_eq!(
        page.get("head"),
        Some("<title>page</title>\n<meta name=\"description\" content=\"text\">\n")
    );
    assert_eq!(
        render("").get("embedded"),
        Some("<article>\n<h2>page</h2>\n</article>\n")
    );
}

#[test]
fn the_searched_text_is_bounded() {
    let page = render(&format!("# A\n\n{}", "wörd ".repeat(100_000)));
    let text = search_document(&page)["text"].as_str().unwrap().len();
    assert!((100 << 10) - 4 < text && text <= 100 << 10, "{text}");
    assert!(page.get("embedded").unwrap().len() < 1000);
}

#[test]
fn headings_and_text_are_the_documents_whatever_front_matter_says() {
    let page = render("---\nheadings: 1\ntext: {a: b}\ndescription: D\n---\n# A\n\nb");
    assert_eq!(
        search_document(&page),
        json!({ "title": "A", "headings": ["A"], "text": "A\nb", "description": "D" })
    );
}

#[test]
fn options_are_as_the_schema_says() {
    let schema = Markdown::describe().options_schema.unwrap();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let options: Vec<_> = schema["properties"].as_object().unwrap().keys().collect();
    assert_eq!(options, ["html"]);
    assert!(render_with("", "{}").is_ok());
    assert!(render_with("", r#"{"html": false}"#).is_ok());
    assert!(render_with("", r#"{"htm": true}"#).is_err());
    assert!(render_with("", r#"{"html": "yes"}"#).is_err());
}
