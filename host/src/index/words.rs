use std::cell::RefCell;
use std::collections::HashSet;

use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use serde_json::Value;

use crate::realm::plain_words;

/// The most bytes of an entry's words: what comes after is not found. Postgres keeps at most 1 MiB of an entry's.
pub const MAX_WORDS_BYTES: usize = 512 << 10;

/// The words of an entry, each once, with a space between them, for full-text search: those of its title first, of every
/// text in its search document, of its HTML as it is read, without tags, scripts and styles.
#[must_use]
pub fn words(title: Option<&str>, search_document: &Value, html: Option<&str>) -> String {
    let mut words = Words::default();
    words.add(title.unwrap_or_default());
    words.value(search_document);
    if let Some(html) = html {
        words.add(&text(html));
    }
    words.text
}

#[derive(Default)]
struct Words {
    seen: HashSet<String>,
    text: String,
    is_full: bool,
}

impl Words {
    fn add(&mut self, text: &str) {
        if self.is_full {
            return;
        }
        for word in plain_words(text) {
            if self.seen.contains(&word) {
                continue;
            }
            if self.text.len() + 1 + word.len() > MAX_WORDS_BYTES {
                self.is_full = true;
                return;
            }
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(&word);
            self.seen.insert(word);
        }
    }

    /// Every text in a value, however deep: nothing here is deeper than the parser of JSON lets it be.
    fn value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(members) => members.iter().for_each(|member| self.value(member)),
            Value::Object(keys) => keys.values().for_each(|value| self.value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// The text of some HTML, as far as a browser shows it.
fn text(html: &str) -> String {
    let sink = Text::default();
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from_slice(html));
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.text.into_inner()
}

/// Gathers what stands between tags.
#[derive(Default)]
struct Text {
    text: RefCell<String>,
    /// Whether that is a script or a style.
    is_hidden: RefCell<bool>,
}

/// Elements inside which a word may go on.
const INLINE: [&str; 27] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins",
    "kbd", "mark", "q", "ruby", "s", "samp", "small", "span", "strong", "sub", "sup", "u", "wbr",
];

impl TokenSink for Text {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::CharacterTokens(text) if !*self.is_hidden.borrow() => {
                self.text.borrow_mut().push_str(&text);
            }
            Token::TagToken(tag) => return self.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Text {
    fn tag(&self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        if !INLINE.contains(&name) {
            self.text.borrow_mut().push(' ');
        }
        // What stands in these is no HTML.
        let (kind, is_hidden) = match name {
            "script" => (RawKind::ScriptData, true),
            "style" | "iframe" | "noembed" | "noframes" => (RawKind::Rawtext, true),
            "xmp" => (RawKind::Rawtext, false),
            "title" | "textarea" => (RawKind::Rcdata, false),
            _ => return TokenSinkResult::Continue,
        };
        let opens = tag.kind == TagKind::StartTag;
        *self.is_hidden.borrow_mut() = opens && is_hidden;
        if opens {
            TokenSinkResult::RawData(kind)
        } else {
            TokenSinkResult::Continue
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MAX_WORDS_BYTES, words};

    #[test]
    fn an_entry_is_found_by_its_title_its_attributes_and_its_text() {
        let document =
            json!({ "name": "Ann", "tags": ["ß", { "deep": "Fünf" }], "age": 7, "x": null });
        let html = "<h1>Title</h1><p>one<br>two &amp; th<b>re</b>e &eacute;t&eacute;</p><!-- no --><ul><li>a<li>b</ul>";
        assert_eq!(
            words(Some("The Title"), &document, Some(html)),
            "the title ann ss funf one two three ete a b"
        );
        assert_eq!(words(None, &json!({}), None), "");
    }

    #[test]
    fn tags_scripts_and_styles_are_no_words() {
        for (html, expected) in [
            (
                "<script>let a = '<b>';</script>x<style>p { c: d }</style>y",
                "x y",
            ),
            ("<p class=\"k\" title='t > u'>x</p>", "x"),
            ("<SCRIPT>a</SCRIPT >x<script>b", "x"),
            ("a < b <3 x<p", "a b 3 x"),
            ("<textarea><b>raw</b></textarea>x", "b raw x"),
            ("<svg><title>t</title></svg>\0x", "t x"),
            ("<script><!--<script></script>--></script>x", "x"),
        ] {
            assert_eq!(words(None, &json!({}), Some(html)), expected, "{html}");
        }
    }

    #[test]
    fn the_words_of_an_entry_are_bounded() {
        let many: String = (0..200_000).map(|number| format!("w{number} ")).collect();
        let found = words(Some("first"), &json!({ "a": many }), Some("<p>last"));
        assert!(found.len() <= MAX_WORDS_BYTES && found.len() > MAX_WORDS_BYTES - 16);
        assert!(found.starts_with("first w0 ") && !found.contains("last"));
    }
}
