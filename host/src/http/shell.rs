use std::fmt::Write as _;

use serde_json::{Map, Value};
use url::Url;

use crate::database::EntryRow;
use crate::realm::{BlobHash, LocalPath, RealmSettings, RealmUrl};
use crate::runtime::{JSX_RUNTIME_PATH, JSX_SPECIFIERS};

/// Counts the forms that a page has had: part of what names one.
const FORM: &str = "1";

/// A page that is made of a document, but for its nonce. Everything that a document has a say in comes after the nonce, so
/// that no open tag or attribute of its own can take the nonce in.
#[derive(Debug)]
pub(super) struct Shell {
    /// Up to the nonce: some hundred bytes at most.
    pub(super) before: String,
    /// From the nonce on.
    pub(super) after: String,
}

/// What a page is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    pub(super) realm: &'a RealmUrl,
    pub(super) path: &'a LocalPath,
    pub(super) settings: &'a RealmSettings,
    pub(super) entry: &'a EntryRow,
}

impl Parts<'_> {
    /// What names the page with these renderings in it, whatever its nonce.
    pub(super) fn tag(&self, renderings: [Option<BlobHash>; 2]) -> String {
        let mut hasher = blake3::Hasher::new();
        let language = language(self.entry);
        let map = import_map(self.realm, self.settings);
        let types = self.entry.types.first().map_or("", String::as_str);
        let title = self.entry.title.as_deref().unwrap_or_default();
        let url = self.realm.join(self.path);
        let state = if self.entry.error.is_some() {
            "old"
        } else {
            ""
        };
        let [isolated, head] = renderings.map(|blob| blob.map(|blob| blob.to_string()));
        let [isolated, head] = [isolated.unwrap_or_default(), head.unwrap_or_default()];
        for part in [
            FORM, language, &map, types, title, &url, state, &isolated, &head,
        ] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        format!("{}-page", &hasher.finalize().to_hex()[..32])
    }

    /// The page around HTML of the document.
    pub(super) fn shell(&self, head: &str, isolated: &str) -> Shell {
        let before = format!(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<script type=\"importmap\" nonce=\"",
            language(self.entry)
        );
        let mut after = String::with_capacity(head.len() + isolated.len() + 2048);
        let map = import_map(self.realm, self.settings);
        let _ = writeln!(after, "\">{map}</script>");
        // A document may bring its own.
        if !has_title(head) {
            let title = self.entry.title.as_deref().unwrap_or(self.path.name());
            let _ = writeln!(after, "<title>{}</title>", Escaped(title));
        }
        after.push_str(head);
        let _ = write!(
            after,
            "\n</head>\n<body>\n<div data-realm=\"{}\" data-realm-document=\"{}\"",
            Escaped(self.realm.as_str()),
            Escaped(&self.realm.join(self.path)),
        );
        if let Some(own) = self.entry.types.first() {
            let _ = write!(after, " data-realm-type=\"{}\"", Escaped(own));
        }
        if self.entry.error.is_some() {
            after.push_str(" data-realm-state=\"error\"");
        }
        after.push('>');
        after.push_str(isolated);
        after.push_str("</div>\n</body>\n</html>\n");
        Shell { before, after }
    }
}

/// The language that the document's search document names, where that is a tag; else English.
fn language(entry: &EntryRow) -> &str {
    let is_tag = |text: &&str| {
        let is_part = |part: &str| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        text.len() <= 35 && text.split('-').all(is_part)
    };
    entry.language.as_deref().filter(is_tag).unwrap_or("en")
}

fn has_title(head: &str) -> bool {
    let bytes = head.as_bytes();
    bytes
        .windows(6)
        .any(|window| window.eq_ignore_ascii_case(b"<title"))
}

/// The realm's import map, with what the host gives to every module. What is of the realm's own origin is written without
/// it: a page may be reached by another name of the same host.
pub(super) fn import_map(realm: &RealmUrl, settings: &RealmSettings) -> String {
    let base = Url::parse(realm.as_str()).ok();
    let resolved = settings.imports.iter().filter_map(|(from, to)| {
        let url = base.as_ref()?.join(to).ok()?;
        let url = String::from(url);
        let target = match url.strip_prefix(realm.origin()) {
            Some(rest) if rest.starts_with('/') => rest.to_owned(),
            _ => url,
        };
        Some((from.clone(), Value::from(target)))
    });
    let own = JSX_SPECIFIERS.map(|name| (name.to_owned(), Value::from(JSX_RUNTIME_PATH)));
    let imports: Map<String, Value> = resolved.chain(own).collect();
    let map = Value::from(Map::from_iter([("imports".to_owned(), imports.into())]));
    in_script(&map.to_string())
}

/// JSON that nothing in a script can be ended by.
fn in_script(json: &str) -> String {
    if mutant!("script-not-kept-open") {
        return json.to_owned();
    }
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(text, "\\u{:04x}", u32::from(character));
            }
            other => text.push(other),
        }
    }
    text
}

/// Text in HTML, in an element or in a quoted attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if mutant!("page-not-escaped") {
            return f.write_str(self.0);
        }
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\0' => f.write_str("\u{fffd}")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, import_map};
    use crate::database::EntryRow;
    use crate::realm::{BlobHash, LocalPath, RealmSettings, RealmUrl};

    fn entry(title: &str, language: &str) -> EntryRow {
        EntryRow {
            generation: 1,
            title: Some(title.to_owned()),
            language: Some(language.to_owned()),
            types: vec!["\"><script>type</script>".to_owned()],
            error: None,
            renderings: Vec::new(),
        }
    }

    #[test]
    fn what_a_document_says_of_itself_is_text() {
        let realm = RealmUrl::parse("https://realm.example/r/").unwrap();
        let parts = Parts {
            realm: &realm,
            path: &LocalPath::new("a\"b'<c>.json").unwrap(),
            settings: &RealmSettings::default(),
            entry: &entry("</title><script>title</script>", "\"><script>"),
        };
        let shell = parts.shell("<meta name=\"x\">", "<p>isolated</p>");
        let page = format!("{}NONCE{}", shell.before, shell.after);
        assert!(
            page.contains("<title>&lt;/title&gt;&lt;script&gt;title"),
            "{page}"
        );
        assert!(
            page.contains("data-realm-document=\"https://realm.example/r/a%22b&#39;%3Cc%3E.json\""),
            "{page}"
        );
        assert!(
            page.contains("data-realm-type=\"&quot;&gt;&lt;script&gt;type"),
            "{page}"
        );
        assert!(page.contains("<html lang=\"en\">"), "{page}");
        assert_eq!(
            page.matches("<script").count(),
            1,
            "the import map alone: {page}"
        );
        assert!(
            page.find("NONCE") < page.find("<meta name=\"x\">"),
            "{page}"
        );
    }

    #[test]
    fn a_document_may_bring_its_own_title() {
        let realm = RealmUrl::parse("https://realm.example/r/").unwrap();
        let (path, settings) = (LocalPath::new("a.md").unwrap(), RealmSettings::default());
        let parts = Parts {
            realm: &realm,
            path: &path,
            settings: &settings,
            entry: &entry("Ours", "de-AT"),
        };
        let shell = parts.shell("<TITLE>Theirs</TITLE>", "");
        assert!(!shell.after.contains("Ours"), "{shell:?}");
        assert!(shell.before.contains("lang=\"de-AT\""), "{shell:?}");
        assert!(parts.shell("", "").after.contains("<title>Ours</title>"));
        let [one, other] = [b"one", b"two"].map(|bytes| Some(BlobHash::of(bytes)));
        let tags = [[one, None], [None, one], [one, other], [other, one]].map(|all| parts.tag(all));
        let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
        assert_eq!(distinct.len(), tags.len(), "{tags:?}");
    }

    #[test]
    fn an_import_map_stays_within_its_script() {
        let realm = RealmUrl::parse("https://realm.example/r/").unwrap();
        let mut settings = RealmSettings::default();
        for (from, to) in [
            ("lit", "https://cdn.example/lit.js"),
            ("@lib/", "/lib/"),
            ("own", "./own.js"),
            ("</script><!--", "https://realm.example.evil/\u{2028}"),
            ("realm/jsx-runtime", "https://evil.example/"),
        ] {
            settings.imports.insert(from.to_owned(), to.to_owned());
        }
        let text = import_map(&realm, &settings);
        assert!(!text.contains(['<', '>', '&', '\u{2028}']), "{text}");
        let map: serde_json::Value = serde_json::from_str(&text).unwrap();
        let imports = &map["imports"];
        assert_eq!(imports["lit"], "https://cdn.example/lit.js");
        assert_eq!(imports["@lib/"], "/lib/");
        assert_eq!(imports["own"], "/r/own.js");
        assert_eq!(imports["realm/jsx-runtime"], "/_runtime/jsx-runtime.js");
        assert_eq!(
            imports["</script><!--"],
            "https://realm.example.evil/%E2%80%A8"
        );
    }
}
