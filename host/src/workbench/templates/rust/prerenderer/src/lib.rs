//! `{{name}}`: notes as pages. A note is a title, an empty line, and paragraphs; `[[cats]]` links to `cats.note`.

use realm_guest_sdk::{
    Description, Diagnostic, Failure, LineIndex, Prerenderer, Realm, RenderRequest, Rendition,
    export_prerenderer,
};
use serde_json::json;

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

impl Prerenderer for Plugin {
    fn describe() -> Description {
        Description::new("{{name}}", env!("CARGO_PKG_VERSION"), "Notes as pages").renders([".note"])
    }

    fn render(request: RenderRequest, realm: &dyn Realm) -> Result<Rendition, Failure> {
        let document = &request.document;
        let text = document.text()?;
        let index = LineIndex::new(text);
        let (title, rest) = text.split_once('\n').unwrap_or((text, ""));
        let title = title.trim();
        if title.is_empty() {
            let error = Diagnostic::error("a note begins with its title").code("title");
            let error = error.within(index.span(&document.path, 0..0));
            return Err(error.help("write the title on the first line").into());
        }
        let mut rendition = Rendition::new()
            .title(title)
            .search_document(&json!({ "title": title, "text": rest.trim() }));
        let mut paragraphs = String::new();
        for paragraph in rest.split("\n\n").map(str::trim).filter(|text| !text.is_empty()) {
            let mut html = String::new();
            let mut left = paragraph;
            while let Some((before, (name, after))) = left
                .split_once("[[")
                .and_then(|(before, link)| Some((before, link.split_once("]]")?)))
            {
                html += &escape(before);
                let specifier = format!("./{name}.note");
                // The host remembers that this was read, and renders again when it changes.
                match realm.read(&specifier, &document.url) {
                    Ok(note) => {
                        let title = note.text()?.lines().next().unwrap_or_default().trim();
                        html += &format!("<a href=\"{}\">{}</a>", escape(&specifier), escape(title));
                    }
                    Err(_) => {
                        // The place of the link: `paragraph` and what is left of it are parts of `text`.
                        let start = left.as_ptr() as usize - text.as_ptr() as usize + before.len();
                        let span = index.span(&document.path, start..start + name.len() + 4);
                        let warning = Diagnostic::warning(format!("there is no note `{name}`"));
                        rendition = rendition.diagnostic(warning.code("link").within(span));
                        html += &escape(name);
                    }
                }
                left = after;
            }
            html += &escape(left);
            paragraphs += &format!("<p>{html}</p>\n");
        }
        let title = escape(title);
        for (format, html) in [
            ("isolated", format!("<h1>{title}</h1>\n{paragraphs}")),
            ("embedded", format!("<h2>{title}</h2>\n")),
            ("atom", title.clone()),
            ("head", format!("<title>{title}</title>\n")),
        ] {
            if request.wants(format) {
                rendition = rendition.rendering(format, html);
            }
        }
        Ok(rendition)
    }
}

/// What comes from a document is text, wherever it stands in a page.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

export_prerenderer!(Plugin);

#[cfg(test)]
mod tests {
    use realm_guest_sdk::Prerenderer;
    use realm_guest_sdk::testing::MemoryFiles;

    use super::Plugin;

    #[test]
    fn a_native_test_needs_no_host() {
        let realm = MemoryFiles::new().with("a.note", "A\n\nSee [[b]].").with("b.note", "B & C");
        let rendition = Plugin::render(realm.render_request("a.note", ["isolated"]), &realm).unwrap();
        let html = "<h1>A</h1>\n<p>See <a href=\"./b.note\">B &amp; C</a>.</p>\n";
        assert_eq!(rendition.get("isolated"), Some(html));
    }
}
