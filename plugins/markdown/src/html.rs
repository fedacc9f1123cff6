//! The HTML of a document: comrak's, but for headings, HTML of the author's own, and links that lead nowhere.

use std::fmt::{self, Write};

use comrak::Options;
use comrak::html::{ChildRendering, Context, format_document_with_formatter, format_node_default};
use comrak::nodes::{Node, NodeValue};
use comrak::options::Plugins;

/// What the pages' formatter has to know beside the document.
struct State {
    /// The headings' ids, the next one last.
    ids: Vec<Option<String>>,
    html: bool,
}

/// The page's HTML; `ids` are those of its headings, in order.
pub(crate) fn format(
    root: Node<'_>,
    options: &Options<'_>,
    mut ids: Vec<Option<String>>,
    html: bool,
) -> String {
    ids.reverse();
    let mut output = String::new();
    let plugins = Plugins::default();
    let state = State { ids, html };
    format_document_with_formatter(root, options, &mut output, &plugins, node, state)
        .expect("a string takes all that is written");
    output
}

/// Text as HTML, in an attribute's quotes too.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    comrak::html::escape(&mut html, text).expect("a string takes all that is written");
    html
}

fn node(
    context: &mut Context<'_, '_, State>,
    node: Node<'_>,
    entering: bool,
) -> Result<ChildRendering, fmt::Error> {
    match &node.data().value {
        NodeValue::Heading(heading) => {
            let level = heading.level;
            if entering {
                context.cr()?;
                write!(context, "<h{level}")?;
                if let Some(id) = context.user.ids.pop().flatten() {
                    context.write_str(" id=\"")?;
                    context.escape(&id)?;
                    context.write_str("\"")?;
                }
                context.write_str(">")?;
            } else {
                writeln!(context, "</h{level}>")?;
            }
        }
        NodeValue::HtmlBlock(block) if !context.user.html => {
            let literal = block.literal.trim_end();
            if entering && !is_comment(literal) {
                context.cr()?;
                context.write_str("<p>")?;
                context.escape(literal)?;
                context.write_str("</p>\n")?;
            }
        }
        NodeValue::HtmlInline(literal) if !context.user.html => {
            if entering && !is_comment(literal) {
                context.escape(literal)?;
            }
        }
        _ => return format_node_default(context, node, entering),
    }
    Ok(ChildRendering::HTML)
}

/// Nothing but one comment, which nobody was to see.
fn is_comment(html: &str) -> bool {
    html.trim()
        .strip_prefix("<!--")
        .and_then(|rest| rest.strip_suffix("-->"))
        .is_some_and(|inside| !inside.contains("-->"))
}
