//! HTML documents. What they hold is their author's, and stays as it is written: the host says which scripts run.

use std::io;

use html5ever::serialize::{SerializeOpts, TraversalScope, serialize};
use html5ever::tendril::TendrilSink;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{Handle, NodeData, RcDom, SerializableHandle};
use realm_guest_sdk::{Diagnostic, Failure, RenderRequest, Rendition};
use serde_json::{Map, Value};

use crate::options::Options;

/// Renders an HTML document or a fragment of one.
pub(crate) fn render(request: &RenderRequest, options: Options) -> Result<Rendition, Failure> {
    let text = request.document.text()?;
    let mut left = options.output_bytes as usize;
    let too_large = || -> Failure {
        Diagnostic::error(format!(
            "the page has more than {} bytes",
            options.output_bytes
        ))
        .code("html-too-large")
        .at(&request.document.path, 1, 1)
        .help("split it, or raise the option `outputBytes` of the plugin `cards`")
        .into()
    };
    if text.len() > left {
        return Err(too_large());
    }
    let dom = parse_document(RcDom::default(), ParseOpts::default()).one(text);
    let root = child(&dom.document, "html");
    let head = root.as_ref().and_then(|root| child(root, "head"));
    let body = root.as_ref().and_then(|root| child(root, "body"));

    let mut rendition = Rendition::new();
    let mut done: Vec<&str> = Vec::new();
    for format in &request.formats {
        let part = match format.as_str() {
            "isolated" => &body,
            "head" => &head,
            _ => continue,
        };
        if !done.contains(&format.as_str()) {
            let html = match part {
                Some(part) => inner(part, left).ok_or_else(too_large)?,
                None => String::new(),
            };
            left -= html.len();
            rendition = rendition.rendering(format, html);
            done.push(format);
        }
    }

    let mut document = Map::new();
    if let Some(head) = &head {
        for meta in children(head, "meta") {
            if let (Some(name), Some(content)) =
                (attribute(&meta, "name"), attribute(&meta, "content"))
            {
                document.insert(name, content.into());
            }
        }
        if let Some(title) = child(head, "title")
            .map(|title| text_of(&title))
            .filter(|title| !title.is_empty())
        {
            document.insert("title".into(), title.clone().into());
            rendition = rendition.title(title);
        }
    }
    Ok(rendition.search_document(&Value::Object(document)))
}

fn is(node: &Handle, name: &str) -> bool {
    matches!(&node.data, NodeData::Element { name: found, .. } if &*found.local == name)
}

fn child(node: &Handle, name: &str) -> Option<Handle> {
    node.children
        .borrow()
        .iter()
        .find(|child| is(child, name))
        .cloned()
}

fn children(node: &Handle, name: &str) -> Vec<Handle> {
    node.children
        .borrow()
        .iter()
        .filter(|child| is(child, name))
        .cloned()
        .collect()
}

fn attribute(node: &Handle, name: &str) -> Option<String> {
    let NodeData::Element { attrs, .. } = &node.data else {
        return None;
    };
    let attrs = attrs.borrow();
    let found = attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)?;
    Some(found.value.to_string())
}

/// The text of a node that has nothing else, blanks run together.
fn text_of(node: &Handle) -> String {
    let mut text = String::new();
    for child in node.children.borrow().iter() {
        if let NodeData::Text { contents } = &child.data {
            text.push_str(&contents.borrow());
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What is inside of a node; none when it is longer than `limit`: parsing may repeat elements that are never closed.
fn inner(node: &Handle, limit: usize) -> Option<String> {
    let mut html = Limited {
        bytes: Vec::new(),
        limit,
    };
    let options = SerializeOpts {
        traversal_scope: TraversalScope::ChildrenOnly(None),
        ..SerializeOpts::default()
    };
    serialize(&mut html, &SerializableHandle::from(node.clone()), options).ok()?;
    Some(String::from_utf8_lossy(&html.bytes).trim().to_owned())
}

struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
