//! Which files are documents, and what is wrong with those that are almost.

use realm_guest_sdk::testing::MemoryFiles;
use realm_guest_sdk::{Failure, Prerenderer, Rendition};
use realm_plugin_cards::Cards;
use serde_json::{Value, json};

use crate::{error, render};

fn page(text: &str) -> Rendition {
    let realm = MemoryFiles::new().with("page.html", text);
    Cards::render(
        realm.render_request("page.html", ["head", "isolated", "embedded"]),
        &realm,
    )
    .unwrap()
}

#[test]
fn other_json_is_declined() {
    for other in [
        "{}",
        "[1]",
        "null",
        r#"{"data":{"type":"person"}}"#,
        r#"{"data":[]}"#,
        "{ // a comment\n}",
        "",
    ] {
        let realm = MemoryFiles::new().with("card.json", other);
        assert_eq!(
            render(&realm, &["isolated"]),
            Err(Failure::Declined),
            "{other}"
        );
    }
}

#[test]
fn a_card_that_is_not_json_is_told_where() {
    let text =
        "{\n  \"data\": { \"type\": \"card\",\n  \"é\": 1,, \"meta\": { \"adoptsFrom\": {} } }\n}";
    let (at, message) = error(render(&MemoryFiles::new().with("card.json", text), &[]));
    assert_eq!(at, "card-json card.json:3:10");
    assert_eq!(message, "key must be a string");
}

#[test]
fn a_card_without_what_a_card_has_is_told_where() {
    let place = |text: &str| error(render(&MemoryFiles::new().with("card.json", text), &[]));
    let (at, message) =
        place("{\"data\":{\"type\":\"card\",\n\"meta\":{\"adoptsFrom\":{\"module\":\"./a\"}}}}");
    assert_eq!(
        (at.as_str(), message.as_str()),
        ("card-document card.json:2:37", "missing field `name`")
    );
    let (at, message) = place("{\"data\":{\"type\":\"card\",\"attributes\":[],\"meta\":{}}}");
    assert_eq!(at, "card-document card.json:1:36");
    assert!(message.starts_with("invalid type: sequence"), "{message}");
}

#[test]
fn html_stays_as_it_is_written() {
    let rendition = page(
        "<!doctype html><html lang=en><head><title> A  &amp; B </title><meta name=description content='x &lt; y'><link rel=icon href=i></head><body class=x><h1>Hi</h1><script>if (a < b && c) '</p>'</script></body></html>",
    );
    assert_eq!(
        rendition.get("head"),
        Some(
            r#"<title> A  &amp; B </title><meta name="description" content="x &lt; y"><link rel="icon" href="i">"#
        )
    );
    assert_eq!(
        rendition.get("isolated"),
        Some("<h1>Hi</h1><script>if (a < b && c) '</p>'</script>")
    );
    assert_eq!(rendition.get("embedded"), None);
    assert_eq!(rendition.title.as_deref(), Some("A & B"));
    let search: Value = serde_json::from_str(&rendition.search_document).unwrap();
    assert_eq!(search, json!({ "title": "A & B", "description": "x < y" }));
    assert!(rendition.types.is_empty());
}

#[test]
fn a_fragment_is_a_page_too() {
    let rendition = page("<p>one<p>two");
    assert_eq!(rendition.get("isolated"), Some("<p>one</p><p>two</p>"));
    assert_eq!(
        (rendition.title, rendition.search_document.as_str()),
        (None, "{}")
    );
    assert_eq!(page("").get("isolated"), Some(""));
}

#[test]
fn html_that_nests_without_an_end_is_rendered() {
    let rendition = page(&"<div>".repeat(4_000));
    assert_eq!(
        rendition.get("isolated").unwrap().len(),
        4_000 * "<div></div>".len()
    );
}

#[test]
fn html_that_grows_as_it_is_parsed_is_refused() {
    // Each paragraph has all of the first one's elements again, since nothing closes them.
    let open: String = (0..50).map(|n| format!("<b id={n}>")).collect();
    let text = format!("<p>{open}x</p>{}", "<p>x</p>".repeat(1_000));
    let realm = MemoryFiles::new().with("page.html", text);
    let mut request = realm.render_request("page.html", ["isolated"]);
    request.options = r#"{"outputBytes":100000}"#.into();
    let (at, _) = error(Cards::render(request, &realm));
    assert_eq!(at, "html-too-large page.html:1:1");
}
