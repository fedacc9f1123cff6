//! What a document says, without its marks.

use comrak::nodes::{Node, NodeValue};

/// How much of a description is worth showing; in characters.
const SUMMARY: usize = 300;

/// The text below `node` in one line, without pictures and HTML.
pub(crate) fn inline(node: Node<'_>) -> String {
    let mut text = String::new();
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        match &node.data().value {
            NodeValue::Text(literal) => text.push_str(literal),
            NodeValue::Code(code) => text.push_str(&code.literal),
            NodeValue::LineBreak | NodeValue::SoftBreak => text.push(' '),
            NodeValue::Image(_) | NodeValue::FootnoteReference(_) => {}
            _ => stack.extend(node.reverse_children()),
        }
    }
    text
}

/// At most [`SUMMARY`] characters of `text`, cut between words where that is possible; none of nothing.
pub(crate) fn summary(text: &str) -> Option<String> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((end, _)) = text.char_indices().nth(SUMMARY) else {
        return (!text.is_empty()).then_some(text);
    };
    let end = text[..end].rfind(' ').unwrap_or(end);
    Some(format!("{}…", &text[..end]))
}

/// Text up to a number of bytes; whatever is more is left out.
#[derive(Default)]
pub(crate) struct Bounded {
    text: String,
    limit: usize,
}

impl Bounded {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            text: String::new(),
            limit,
        }
    }

    /// Adds a block's text as a line of its own.
    pub(crate) fn line(&mut self, line: &str) {
        let line = line.trim_end();
        if line.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.push("\n");
        }
        self.push(line);
    }

    fn push(&mut self, text: &str) {
        let end = text.floor_char_boundary(self.limit - self.text.len());
        self.text.push_str(&text[..end]);
        if end < text.len() {
            // Nothing is added after a gap.
            self.limit = self.text.len();
        }
    }

    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Bounded, SUMMARY, summary};

    #[test]
    fn a_summary_ends_between_words() {
        assert_eq!(summary(" a\n b "), Some("a b".into()));
        assert_eq!(summary(" \n"), None);
        let long = summary(&"wörd ".repeat(100)).unwrap();
        assert!(
            long.chars().count() <= SUMMARY && long.ends_with("wörd…"),
            "{long}"
        );
        assert_eq!(
            summary(&"é".repeat(999)).unwrap().chars().count(),
            SUMMARY + 1
        );
    }

    #[test]
    fn text_is_bounded_between_characters() {
        let mut text = Bounded::new(6);
        for line in ["ab", "", "éé", "c"] {
            text.line(line);
        }
        assert_eq!(text.finish(), "ab\né");
    }
}
