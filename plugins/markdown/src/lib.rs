//! The `markdown` plugin: documents in Markdown to pages, on comrak.
//!
//! Here lives what joins comrak to a realm: front matter, what is listed and searched of a document, and what may not
//! get out of it. What Markdown means is comrak's to say: CommonMark, with the extensions that GitHub has.
//!
//! A document is not trusted: its HTML is shown as text, and no URL of it runs a script. The option `html` lifts the
//! first of these and keeps the second, for what Markdown itself makes of a link.

mod document;
mod front_matter;
mod html;
mod ids;
mod text;
mod urls;

use realm_guest_sdk::{
    Description, Failure, File, Prerenderer, Realm, RenderRequest, Rendition, export_prerenderer,
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::document::Document;
use crate::front_matter::FrontMatter;
use crate::html::escape;

/// The plugin.
#[derive(Debug)]
pub struct Markdown;

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    html: bool,
}

impl Prerenderer for Markdown {
    fn describe() -> Description {
        Description::new(
            "markdown",
            env!("CARGO_PKG_VERSION"),
            "Markdown (.md and .markdown) to pages",
        )
        .options_schema(include_str!("options.schema.json"))
        .renders([".md", ".markdown"])
    }

    fn render(request: RenderRequest, _realm: &dyn Realm) -> Result<Rendition, Failure> {
        let Options { html } = request.parse_options()?;
        let file = &request.document;
        let text = file.text()?;
        let front_matter = FrontMatter::of(text, &file.path)?;
        let document = Document::parse(text, &front_matter, &file.path, html);
        let page = Page {
            title: front_matter.text("title").or(document.title),
            description: front_matter.text("description").or(document.summary),
        };

        let mut rendition = Rendition::new().search_document(&search_document(
            &front_matter,
            &page,
            &document.headings,
            &document.text,
        ));
        rendition.title.clone_from(&page.title);
        rendition.diagnostics = document.warnings;
        rendition.diagnostics.extend(front_matter.warning);
        for format in &request.formats {
            let contents = match format.as_str() {
                "isolated" => format!("<article>\n{}</article>\n", document.html),
                "embedded" | "fitted" => page.card(file),
                "atom" => escape(page.name(file)),
                "head" => page.head(file),
                "markdown" => front_matter.body.to_owned(),
                _ => continue,
            };
            rendition = rendition.rendering(format, contents);
        }
        Ok(rendition)
    }
}

/// What a document says of itself.
struct Page {
    title: Option<String>,
    /// Plain text.
    description: Option<String>,
}

impl Page {
    /// What it is called where something has to be shown.
    fn name<'a>(&'a self, file: &'a File) -> &'a str {
        let name = file.name();
        self.title
            .as_deref()
            .unwrap_or_else(|| name.rsplit_once('.').map_or(name, |(stem, _)| stem))
    }

    fn card(&self, file: &File) -> String {
        let mut card = format!("<article>\n<h2>{}</h2>\n", escape(self.name(file)));
        if let Some(description) = &self.description {
            card += &format!("<p>{}</p>\n", escape(description));
        }
        card + "</article>\n"
    }

    fn head(&self, file: &File) -> String {
        let mut head = format!("<title>{}</title>\n", escape(self.name(file)));
        if let Some(description) = &self.description {
            head += &format!(
                "<meta name=\"description\" content=\"{}\">\n",
                escape(description)
            );
        }
        head
    }
}

/// The front matter, with what the document itself has to say added. `headings` and `text` are always the document's.
fn search_document(
    front_matter: &FrontMatter<'_>,
    page: &Page,
    headings: &[String],
    text: &str,
) -> Value {
    let mut fields = front_matter.fields.clone();
    for (name, value) in [("title", &page.title), ("description", &page.description)] {
        if let Some(value) = value {
            fields.insert(name.into(), value.as_str().into());
        }
    }
    fields.insert("headings".into(), json!(headings));
    fields.insert("text".into(), text.into());
    Value::Object(fields)
}

export_prerenderer!(Markdown);
