//! A document's body: its HTML, and what is listed and searched of it.

use comrak::nodes::{Node, NodeValue, Sourcepos};
use comrak::{Arena, Options, parse_document};
use realm_guest_sdk::{Diagnostic, LineIndex};

use crate::front_matter::FrontMatter;
use crate::ids::Ids;
use crate::text::{self, Bounded};
use crate::{html, urls};

/// How much of a document's text is searched; in bytes.
const SEARCHED: usize = 100 << 10;
/// How many links a rendition complains about.
const WARNINGS: usize = 100;

/// What there is to a document beside its front matter.
pub(crate) struct Document {
    pub(crate) html: String,
    /// The first heading of the first level.
    pub(crate) title: Option<String>,
    pub(crate) headings: Vec<String>,
    /// The beginning of the first paragraph.
    pub(crate) summary: Option<String>,
    pub(crate) text: String,
    pub(crate) warnings: Vec<Diagnostic>,
}

impl Document {
    /// Parses the body of `source`, the text of the file at `path`.
    pub(crate) fn parse(
        source: &str,
        front_matter: &FrontMatter<'_>,
        path: &str,
        html: bool,
    ) -> Self {
        let arena = Arena::new();
        let options = options(html);
        let root = parse_document(&arena, front_matter.body, &options);
        let first_line = LineIndex::new(source).position(source.len() - front_matter.body.len());
        let mut walk = Walk {
            ids: Ids::default(),
            heading_ids: Vec::new(),
            title: None,
            headings: Vec::new(),
            summary: None,
            text: Bounded::new(SEARCHED),
            links: Links {
                lines: source.split_inclusive('\n').collect(),
                before: first_line.line as usize - 1,
                path,
                warnings: Vec::new(),
            },
        };
        walk.reserve_footnotes(root);
        for node in root.descendants() {
            walk.visit(node);
        }
        Self {
            html: html::format(root, &options, walk.heading_ids, html),
            title: walk.title,
            headings: walk.headings,
            summary: walk.summary,
            text: walk.text.finish(),
            warnings: walk.links.warnings,
        }
    }
}

/// CommonMark, and what GitHub has beside it.
fn options(html: bool) -> Options<'static> {
    let mut options = Options::default();
    options.extension.autolink = true;
    options.extension.alerts = true;
    options.extension.footnotes = true;
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.tasklist = true;
    // comrak's own precautions come second: HTML never reaches them, and of URLs they know less than `urls`.
    options.render.r#unsafe = html;
    options
}

struct Walk<'a> {
    ids: Ids,
    heading_ids: Vec<Option<String>>,
    title: Option<String>,
    headings: Vec<String>,
    summary: Option<String>,
    text: Bounded,
    links: Links<'a>,
}

impl Walk<'_> {
    /// The ids that comrak gives to footnotes are no heading's.
    fn reserve_footnotes(&mut self, root: Node<'_>) {
        for node in root.descendants() {
            if let NodeValue::FootnoteDefinition(note) = &node.data().value {
                self.ids.reserve(format!("fn-{}", note.name));
                self.ids.reserve(format!("fnref-{}", note.name));
                for number in 2..=note.total_references {
                    self.ids.reserve(format!("fnref-{}-{number}", note.name));
                }
            }
        }
    }

    fn visit(&mut self, node: Node<'_>) {
        let place = node.data().sourcepos;
        match &mut node.data_mut().value {
            NodeValue::Link(link) => self.links.check(&mut link.url, false, place),
            NodeValue::Image(image) => self.links.check(&mut image.url, true, place),
            NodeValue::CodeBlock(code) => self.text.line(&code.literal),
            _ => {}
        }
        match &node.data().value {
            NodeValue::Heading(heading) => {
                let text = text::inline(node);
                self.heading_ids.push(self.ids.of(&text));
                self.text.line(&text);
                let text = text.trim();
                if !text.is_empty() {
                    if heading.level == 1 {
                        self.title.get_or_insert_with(|| text.to_owned());
                    }
                    self.headings.push(text.to_owned());
                }
            }
            NodeValue::Paragraph | NodeValue::TableCell => {
                let text = text::inline(node);
                let at_top = node
                    .parent()
                    .is_some_and(|parent| matches!(parent.data().value, NodeValue::Document));
                if at_top && self.summary.is_none() {
                    self.summary = text::summary(&text);
                }
                self.text.line(&text);
            }
            _ => {}
        }
    }
}

/// The links of a document, of which those that would run something are taken out.
struct Links<'a> {
    lines: Vec<&'a str>,
    /// How many lines are before the body.
    before: usize,
    path: &'a str,
    warnings: Vec<Diagnostic>,
}

impl Links<'_> {
    fn check(&mut self, url: &mut String, is_image: bool, place: Sourcepos) {
        if !urls::is_dangerous(url, is_image) {
            return;
        }
        if self.warnings.len() < WARNINGS {
            let scheme = url.split(':').next().unwrap_or_default().trim();
            let what = if is_image { "a picture" } else { "a link" };
            let (line, column) = self.position(place);
            self.warnings.push(
                Diagnostic::warning(format!("{what} may not lead to a `{scheme}:` URL"))
                    .code("url")
                    .at(self.path, line, column)
                    .help("the page has it without its target"),
            );
        }
        url.clear();
    }

    /// comrak counts columns in bytes.
    fn position(&self, place: Sourcepos) -> (u32, u32) {
        let line = self.before + place.start.line;
        let text = self.lines.get(line - 1).copied().unwrap_or_default();
        let before = &text[..text.floor_char_boundary(place.start.column.saturating_sub(1))];
        let column = before.chars().map(char::len_utf16).sum::<usize>() + 1;
        let saturate = |number| u32::try_from(number).unwrap_or(u32::MAX);
        (saturate(line), saturate(column))
    }
}
