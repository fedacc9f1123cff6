use std::collections::BTreeSet;
use std::fmt::Write as _;

use hyper::header::HeaderValue;
use url::Url;

use super::answer::header;
use crate::realm::RealmSettings;

/// HTML as its author has stored it: its own scripts and styles run, inline ones too; plugins and foreign frames do not.
const STORED: &str = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src * data: blob:; font-src * data:; connect-src *; object-src 'none'; base-uri 'self'; frame-ancestors 'self'";
/// A picture: it shows itself, and runs nothing.
const PICTURE: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";
/// One rendering by itself, which is a part of somebody's page: opened as a document, it runs nothing.
pub(super) const FRAGMENT: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src * data:; font-src * data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox",
);
/// How many other origins a realm's pages may load modules from: the policy is a header, and that has its bounds.
const MOST_ORIGINS: usize = 32;

/// What a file of a realm may do, by its media type.
pub(super) fn of(media_type: &str) -> Option<HeaderValue> {
    match media_type {
        "text/html" | "application/xhtml+xml" => Some(HeaderValue::from_static(STORED)),
        "image/svg+xml" => Some(HeaderValue::from_static(PICTURE)),
        _ => None,
    }
}

/// What a page that is made of a document may do: modules of its own origin run, and of those origins that the realm's
/// import map names; inline scripts only with the nonce, which the host puts where no document can. Styles and pictures
/// may be the document's own.
pub(super) fn page(nonce: &str, settings: &RealmSettings) -> HeaderValue {
    let nonce = if mutant!("inline-scripts-run") {
        "'unsafe-inline'".to_owned()
    } else {
        format!("'nonce-{nonce}'")
    };
    let mut policy = format!("default-src 'self'; script-src 'self' {nonce}");
    for origin in origins(settings) {
        let _ = write!(policy, " {origin}");
    }
    policy.push_str(
        "; style-src 'self' 'unsafe-inline'; img-src * data: blob:; media-src * data: blob:; font-src * data:; connect-src *; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'",
    );
    header(&policy)
}

/// Other origins that the realm's import map leads to.
fn origins(settings: &RealmSettings) -> BTreeSet<String> {
    let urls = settings
        .imports
        .values()
        .filter_map(|target| Url::parse(target).ok());
    let origins = urls.filter_map(|url| {
        let is_web = matches!(url.scheme(), "http" | "https");
        let origin = url.origin().ascii_serialization();
        // A host may have characters in it that end a part of a policy.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:/-_[]".contains(&byte);
        (is_web && origin.bytes().all(is_plain)).then_some(origin)
    });
    origins.take(MOST_ORIGINS).collect()
}

#[cfg(test)]
mod tests {
    use super::page;
    use crate::realm::RealmSettings;

    fn policy(imports: &[(&str, &str)]) -> String {
        let mut settings = RealmSettings::default();
        let imports = imports
            .iter()
            .map(|(from, to)| ((*from).to_owned(), (*to).to_owned()));
        settings.imports = imports.collect();
        page("n", &settings).to_str().unwrap().to_owned()
    }

    #[test]
    fn a_policy_names_the_nonce_and_the_origins_of_the_import_map() {
        let policy = policy(&[
            ("lit", "https://cdn.example/lit.js"),
            ("x", "https://cdn.example:8443/x/"),
            ("own", "/lib/own.js"),
            ("data", "data:text/javascript,1"),
        ]);
        let scripts = policy
            .split("; ")
            .find(|part| part.starts_with("script-src"));
        assert_eq!(
            scripts,
            Some("script-src 'self' 'nonce-n' https://cdn.example https://cdn.example:8443")
        );
    }

    #[test]
    fn an_origin_cannot_write_policy_and_many_are_cut_off() {
        let hostile = policy(&[("a", "https://a;script-src*/"), ("b", "https://b,c/")]);
        assert!(
            hostile.contains("script-src 'self' 'nonce-n';"),
            "{hostile}"
        );
        let many: Vec<_> = (0..1000)
            .map(|number| (format!("m{number}"), format!("https://h{number}.example/")))
            .collect();
        let many: Vec<_> = many.iter().map(|(from, to)| (&**from, &**to)).collect();
        assert_eq!(policy(&many).matches("https://").count(), 32);
    }
}
