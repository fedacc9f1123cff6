//! The `cards` plugin: documents become pages. A card is a JSON document that names a class; the class's module is loaded
//! through the realm and run, and its static members give the card's HTML. An HTML document is rendered as it is.
//!
//! Here lives what a card means. What runs its modules is [`engine`], which knows of modules and errors, and nothing of
//! cards; the JSX runtime is the host's, and the same one that browsers get. README.md says what modules find.

mod card;
mod definitions;
mod document;
mod engine;
mod html;
mod members;
mod options;

use realm_guest_sdk::{
    Definition, Description, Failure, Prerenderer, Realm, RenderRequest, Rendition,
    export_prerenderer, parse_options,
};

use crate::options::Options;

/// The plugin.
#[derive(Debug)]
pub struct Cards;

impl Prerenderer for Cards {
    fn describe() -> Description {
        Description::new(
            "cards",
            env!("CARGO_PKG_VERSION"),
            "Cards (.json) and HTML pages, rendered by running a realm's modules",
        )
        .options_schema(options::SCHEMA)
        .renders([".json", ".html"])
    }

    fn render(request: RenderRequest, realm: &dyn Realm) -> Result<Rendition, Failure> {
        let options: Options = request.parse_options()?;
        if request
            .document
            .name()
            .to_ascii_lowercase()
            .ends_with(".html")
        {
            return html::render(&request, options);
        }
        let document = document::parse(&request.document)?;
        card::render(&request, &document, options, realm)
    }

    fn definitions(
        url: &str,
        options: &str,
        realm: &dyn Realm,
    ) -> Result<Vec<Definition>, Failure> {
        definitions::read(url, parse_options(options)?, realm)
    }
}

export_prerenderer!(Cards);
