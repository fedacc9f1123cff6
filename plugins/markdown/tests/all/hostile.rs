//! Documents that mean harm.

use std::time::{Duration, Instant};

use crate::{body, body_with_html, place, render, render_with, search_document};

/// Markup that would run something if it got into a page as it is, and what must be in the page instead.
const SCRIPTS: [(&str, &str); 22] = [
    ("[a](javascript:alert(1))", "<p><a href=\"\">a</a></p>\n"),
    (
        "[a](JavaScript:alert(1) \"t\")",
        "<p><a href=\"\" title=\"t\">a</a></p>\n",
    ),
    (
        "[a](<java&Tab;script:alert(1)>)",
        "<p><a href=\"\">a</a></p>\n",
    ),
    (
        "[a](java&NewLine;script&colon;alert(1))",
        "<p><a href=\"\">a</a></p>\n",
    ),
    (
        "[a](&#106;&#x61;vascript:alert(1))",
        "<p><a href=\"\">a</a></p>\n",
    ),
    (
        "[a](<&#1; javascript:alert(1)>)",
        "<p><a href=\"\">a</a></p>\n",
    ),
    ("[a](javascript\\:alert(1))", "<p><a href=\"\">a</a></p>\n"),
    ("[a](vbscript:x)", "<p><a href=\"\">a</a></p>\n"),
    (
        "[a](data:text/html,<script>x</script>)",
        "<p><a href=\"\">a</a></p>\n",
    ),
    (
        "[a](data:image/png;base64,AA==)",
        "<p><a href=\"\">a</a></p>\n",
    ),
    ("[a]\n\n[a]: javascript:x", "<p><a href=\"\">a</a></p>\n"),
    (
        "[a][b]\n\n[b]: <java&Tab;script:x> 't'",
        "<p><a href=\"\" title=\"t\">a</a></p>\n",
    ),
    (
        "<javascript:alert(1)>",
        "<p><a href=\"\">javascript:alert(1)</a></p>\n",
    ),
    (
        "<data:text/html,x>",
        "<p><a href=\"\">data:text/html,x</a></p>\n",
    ),
    ("![a](javascript:x)", "<p><img src=\"\" alt=\"a\" /></p>\n"),
    (
        "![a](data:image/svg+xml,<svg>)",
        "<p><img src=\"\" alt=\"a\" /></p>\n",
    ),
    (
        "![a][b]\n\n[b]: vbscript:x",
        "<p><img src=\"\" alt=\"a\" /></p>\n",
    ),
    (
        "[![a](javascript:x)](javascript:y)",
        "<p><a href=\"\"><img src=\"\" alt=\"a\" /></a></p>\n",
    ),
    (
        "[a](\"onclick=x)",
        "<p><a href=\"%22onclick=x\">a</a></p>\n",
    ),
    (
        "[a](b '\" onclick=\"x')",
        "<p><a href=\"b\" title=\"&quot; onclick=&quot;x\">a</a></p>\n",
    ),
    (
        "![\"><script>x</script>](b)",
        "<p><img src=\"b\" alt=\"&quot;&gt;&lt;script&gt;x&lt;/script&gt;\" /></p>\n",
    ),
    (
        "```\"><script>x</script>\ny\n```",
        "<pre><code class=\"language-&quot;&gt;&lt;script&gt;x&lt;/script&gt;\">y\n</code></pre>\n",
    ),
];

#[test]
fn nothing_of_a_document_runs() {
    for (text, html) in SCRIPTS {
        assert_eq!(body(text), html, "{text}");
    }
}

#[test]
fn links_run_nothing_where_html_is_let_pass_either() {
    for (text, html) in SCRIPTS {
        if !text.starts_with("![\"><script>") {
            assert_eq!(body_with_html(text), html, "{text}");
        }
    }
}

#[test]
fn pictures_may_be_data() {
    assert_eq!(
        body("![a](data:image/png;base64,AA==)"),
        "<p><img src=\"data:image/png;base64,AA==\" alt=\"a\" /></p>\n"
    );
}

#[test]
fn html_of_every_kind_is_shown_as_text() {
    for text in [
        "<script>alert(1)</script>",
        "a <img src=x onerror=alert(1)> b",
        "<svg/onload=alert(1)>",
        "<style>\n@import 'x';\n</style>",
        "<!-- --><script>alert(1)</script> -->",
        "<!--><script>alert(1)</script>",
        "<?php x ?>",
        "<!DOCTYPE x>",
        "<![CDATA[ <script> ]]>",
        "- <iframe src=x>",
        "| a |\n|---|\n| <script>x</script> |",
        "[^1]\n\n[^1]: <script>x</script>",
        "# <script>x</script>",
        "> [!NOTE] <script>x</script>\n> y",
    ] {
        let html = body(text);
        for tag in [
            "<script",
            "<img src=x",
            "<svg",
            "<style",
            "<?",
            "<!",
            "<iframe",
        ] {
            assert!(!html.contains(tag), "{text}: {html}");
        }
    }
}

#[test]
fn ids_and_footnotes_stay_in_their_quotes() {
    let html = body("# \"><script>x</script>\n\na[^\"><b>]\n\n[^\"><b>]: y\n");
    assert!(
        html.starts_with("<h1 id=\"x\">&quot;&gt;&lt;script&gt;"),
        "{html}"
    );
    assert!(html.contains("id=\"fn-%22%3E%3Cb%3E\""), "{html}");
    assert!(!html.contains("<b>"), "{html}");
}

#[test]
fn front_matter_is_text_everywhere() {
    let page = render(
        "---\ntitle: '</title><script>x</script>\" onload=\"'\ndescription: '\"><script>y</script>'\n---\n",
    );
    for rendering in &page.renderings {
        assert!(!rendering.contents.contains("<script"), "{rendering:?}");
        assert!(!rendering.contents.contains("\" onload"), "{rendering:?}");
    }
    assert!(
        page.get("head")
            .unwrap()
            .contains("content=\"&quot;&gt;&lt;script&gt;")
    );
    assert_eq!(
        search_document(&page)["description"],
        "\"><script>y</script>"
    );
}

#[test]
fn links_that_are_taken_out_are_told_with_their_place() {
    let page = render("---\na: b\n---\n\n𝒃é [x](y) [a](JAVASCRIPT:x)\n");
    let [warning] = page.diagnostics.as_slice() else {
        panic!("{:?}", page.diagnostics)
    };
    assert_eq!(warning.code.as_deref(), Some("url"));
    // 𝒃 is two UTF-16 units.
    assert_eq!(place(warning), (5, 12));
    let many = render(&"[a](javascript:x)\n".repeat(1000));
    assert_eq!(many.diagnostics.len(), 100);
    assert!(!many.get("isolated").unwrap().contains("javascript"));
}

#[test]
fn what_makes_parsers_slow_or_deep_does_neither() {
    let n = 20_000;
    let start = Instant::now();
    for text in [
        "[".repeat(n),
        "[a](".repeat(n),
        "![".repeat(n) + &"](x)".repeat(n),
        "> ".repeat(n) + "a",
        "- ".repeat(n) + "a",
        "*a **a ".repeat(n),
        "*".repeat(n) + "a" + &"*".repeat(n),
        "`".repeat(n) + "a",
        "a**b".repeat(n) + &"c* ".repeat(n),
        "[a]: b\n".repeat(n) + "[a]",
        "<".repeat(n),
        "<!--".repeat(n),
        "<?".repeat(n),
        "&".repeat(n),
        "\\".repeat(n),
        "a@".repeat(n),
        "www.".repeat(n),
        "[^1]".repeat(n) + "\n\n[^1]: x",
        "# a\n".repeat(n),
        "|a".repeat(n) + "\n" + &"|-".repeat(n) + "\n" + &"|b\n".repeat(n / 100),
        "- [x] a\n".repeat(n),
        "\0".repeat(n),
        "```\n".repeat(n + 1),
        "~~a ".repeat(n),
    ] {
        let began = Instant::now();
        render_with(&text, "{}").unwrap();
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(20),
            "{took:?}: {:?}",
            &text[..40]
        );
    }
    assert!(start.elapsed() < Duration::from_secs(120));
}

#[test]
fn bad_input_never_panics() {
    let seed = "---\na: [b, {c: &d 'e'}]\n---\n# é <b>\n\n| a | `b` |\n|--|:-:|\n| [x](<j&Tab;> 't') | ~~y~~ |\n\n- [x] ![a][b]\n  > [!NOTE]\n\
        \n```r \"\n𝒃\n```\n\n[b]: data:image/png,x\n[^1]: <!-- --> www.a.b\n\n[^1] a@b.c <https://d> &#0; \\\n*c _d_ **e***\n+++\n";
    for (cut, _) in seed.char_indices() {
        for text in [&seed[..cut], &seed[cut..]] {
            let _ = render_with(text, "{}");
            let _ = render_with(text, r#"{"html": true}"#);
        }
    }
}
