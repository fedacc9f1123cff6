//! What GitHub has beside CommonMark, and the ids and classes of pages.

use crate::{body, body_with_html};

#[test]
fn tables() {
    assert_eq!(
        body("| a | b |\n|:--|--:|\n| `x\\|y` | **c** |\n"),
        "<table>\n<thead>\n<tr>\n<th align=\"left\">a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n<tbody>\n\
         <tr>\n<td align=\"left\"><code>x|y</code></td>\n<td align=\"right\"><strong>c</strong></td>\n</tr>\n</tbody>\n\
         </table>\n"
    );
}

#[test]
fn strikethrough() {
    assert_eq!(body("~~a~~ ~b~"), "<p><del>a</del> <del>b</del></p>\n");
}

#[test]
fn task_lists() {
    assert_eq!(
        body("- [ ] a\n- [x] b\n"),
        "<ul>\n<li><input type=\"checkbox\" disabled=\"\" /> a</li>\n\
         <li><input type=\"checkbox\" checked=\"\" disabled=\"\" /> b</li>\n</ul>\n"
    );
}

#[test]
fn autolinks() {
    assert_eq!(
        body("www.a.org/b. https://c.org?d=e&f a@b.org"),
        "<p><a href=\"http://www.a.org/b\">www.a.org/b</a>. <a href=\"https://c.org?d=e&amp;f\">https://c.org?d=e&amp;f</a> \
         <a href=\"mailto:a@b.org\">a@b.org</a></p>\n"
    );
}

#[test]
fn footnotes() {
    let html = body("# fn a\n\n# fnref a 2\n\nx[^a] y[^a]\n\n[^a]: z\n");
    for part in [
        "<h1 id=\"fn-a-1\">",
        "<h1 id=\"fnref-a-2-1\">",
        "id=\"fnref-a\"",
        "id=\"fnref-a-2\"",
        "<li id=\"fn-a\">",
        "href=\"#fn-a\"",
        "href=\"#fnref-a-2\"",
    ] {
        assert_eq!(
            html.matches(part).count(),
            if part.starts_with("href=\"#fn-") {
                2
            } else {
                1
            },
            "{part}: {html}"
        );
    }
}

#[test]
fn alerts() {
    assert_eq!(
        body("> [!NOTE]\n> a\n"),
        "<div class=\"markdown-alert markdown-alert-note\">\n<p class=\"markdown-alert-title\">Note</p>\n<p>a</p>\n</div>\n"
    );
}

#[test]
fn headings_have_ids_of_their_own() {
    assert_eq!(
        body("# A *b* `c.d`\n\n## A b cd\n\n### !\n\nÜ\n===\n"),
        "<h1 id=\"a-b-cd\">A <em>b</em> <code>c.d</code></h1>\n<h2 id=\"a-b-cd-1\">A b cd</h2>\n<h3>!</h3>\n\
         <h1 id=\"ü\">Ü</h1>\n"
    );
}

#[test]
fn code_says_its_language() {
    assert_eq!(
        body("```rust ignore\n<a>\n```\n\n```\nb\n```\n\n    c\n"),
        "<pre><code class=\"language-rust\">&lt;a&gt;\n</code></pre>\n<pre><code>b\n</code></pre>\n<pre><code>c\n</code></pre>\n"
    );
}

#[test]
fn links_to_other_documents_stay_as_they_are_written() {
    assert_eq!(
        body("[a](../b/c.md#d) [e]\n\n[e]: ./f.md?g \"h\"\n"),
        "<p><a href=\"../b/c.md#d\">a</a> <a href=\"./f.md?g\" title=\"h\">e</a></p>\n"
    );
}

#[test]
fn html_is_text_unless_an_option_lets_it_pass() {
    let text = "<div id=\"x\">\n\na <b>c</b> <!-- d -->\n\n</div>\n\n<!-- e\n\n-->\n";
    assert_eq!(
        body(text),
        "<p>&lt;div id=&quot;x&quot;&gt;</p>\n<p>a &lt;b&gt;c&lt;/b&gt; </p>\n<p>&lt;/div&gt;</p>\n"
    );
    assert_eq!(
        body_with_html(text),
        "<div id=\"x\">\n<p>a <b>c</b> <!-- d --></p>\n</div>\n<!-- e\n\n-->\n"
    );
    assert_eq!(
        body("<!-- a --> <i>b</i> <!-- c -->\n"),
        "<p>&lt;!-- a --&gt; &lt;i&gt;b&lt;/i&gt; &lt;!-- c --&gt;</p>\n",
        "what stands between comments is no comment"
    );
}
