//! Front matter: what is one, what it says, and what is wrong with it.

use serde_json::json;

use crate::{body, error, place, render, search_document};

#[test]
fn yaml_becomes_json() {
    let page = render(
        "---\r\ntitle: \"A\"\r\ndate: 2024-05-01\r\ndraft: no\r\non: true\r\nn: 1.5\r\nx: ~\r\nlist:\r\n  - a: &b [1]\r\n  - *b\r\n---\r\ntext\r\n",
    );
    let mut document = search_document(&page);
    let document = document.as_object_mut().unwrap();
    for key in ["headings", "text", "description"] {
        assert!(document.remove(key).is_some(), "{key}");
    }
    assert_eq!(
        json!(document),
        json!({
            "title": "A", "date": "2024-05-01", "draft": "no", "on": true, "n": 1.5, "x": null,
            "list": [{ "a": [1] }, [1]],
        })
    );
    assert_eq!(page.get("markdown"), Some("text\r\n"));
}

#[test]
fn toml_becomes_json() {
    let page = render(
        "+++\ntitle = 'A'\ndate = 2024-05-01T10:00:00Z\nn = [1, 2.5]\nx = nan\n[extra]\na.b = true\n+++\n\n# B\n",
    );
    assert_eq!(page.title.as_deref(), Some("A"));
    assert_eq!(
        search_document(&page),
        json!({
            "title": "A", "date": "2024-05-01T10:00:00Z", "n": [1, 2.5], "x": null,
            "extra": { "a": { "b": true } }, "headings": ["B"], "text": "B",
        })
    );
}

#[test]
fn empty_front_matter_is_one() {
    for text in [
        "---\n---\nx",
        "---\n\n# only a comment\n---\nx",
        "+++\n+++\nx",
    ] {
        assert_eq!(body(text), "<p>x</p>\n", "{text:?}");
        assert_eq!(render(text).diagnostics, []);
    }
    assert_eq!(body("\u{feff}---\na: b\n---\nx"), "<p>x</p>\n");
    assert_eq!(body("---\na: b\n---"), "");
}

#[test]
fn a_line_across_the_page_is_no_front_matter() {
    for (text, html) in [
        ("---\n\ntext\n", "<hr />\n<p>text</p>\n"),
        ("---\n\ntext\n\n---\n", "<hr />\n<p>text</p>\n<hr />\n"),
        (
            "---\n- a\n---\n",
            "<hr />\n<ul>\n<li>a</li>\n</ul>\n<hr />\n",
        ),
        ("\n---\na: b\n---\n", "<hr />\n<h2 id=\"a-b\">a: b</h2>\n"),
        (" ---\na: b\n", "<hr />\n<p>a: b</p>\n"),
        ("+++\ntext\n", "<p>+++\ntext</p>\n"),
        ("----\na: b\n---\n", "<hr />\n<h2 id=\"a-b\">a: b</h2>\n"),
    ] {
        assert_eq!(body(text), html, "{text:?}");
    }
    let warning = &render("---\n\ntext\n\n---\n").diagnostics[0];
    assert_eq!(warning.code.as_deref(), Some("front-matter"));
    assert_eq!(place(warning), (1, 1));
}

#[test]
fn errors_are_told_at_their_place_in_the_document() {
    for (text, at, says) in [
        ("---\ntitle: a\nx: [1,\n---\n", (3, 4), "unclosed"),
        ("---\ntitle: a: b\n---\n", (2, 9), ""),
        ("---\r\na: 1\r\né𝒃: \"\\q\"\r\n---\r\n", (3, 6), ""),
        ("---\na: 1\nb: 2\na: 3\n---\n", (4, 1), "uplicate"),
        ("---\na: *b\n---\n", (2, 4), ""),
        ("+++\na = 1\nb = \n+++\n", (3, 5), ""),
        ("+++\na = 1\na = 2\n+++\n", (3, 1), "uplicate"),
    ] {
        let error = error(text);
        assert_eq!(error.code.as_deref(), Some("front-matter"), "{text:?}");
        assert_eq!(place(&error), at, "{text:?}: {}", error.message);
        assert!(error.message.contains(says), "{}", error.message);
        for word in ["\n", "line ", "column "] {
            assert!(!error.message.contains(word), "{}", error.message);
        }
    }
}

#[test]
fn front_matter_is_bounded() {
    let mut laughs = String::from("---\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..10 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        laughs += &format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", "));
    }
    let deep = (0..100).fold(String::new(), |text, level| {
        text + &" ".repeat(level) + "a:\n"
    });
    let brackets = "[".repeat(50_000);
    for (text, says) in [
        (laughs + "---\n", "repeats too much"),
        (format!("---\n{deep}---\n"), "too deep"),
        (format!("---\na: {brackets}\n---\n"), "recursion limit"),
        (format!("+++\na = {brackets}\n+++\n"), "recursion depth"),
    ] {
        let error = error(&text);
        assert_eq!(error.code.as_deref(), Some("front-matter"));
        assert!(error.message.contains(says), "{}", error.message);
        assert!(!error.message.contains("line "), "{}", error.message);
    }
}
