use url::Url;

use super::{LocalPath, RealmSettings};

/// What guests see in place of the asking realm's URL. A derivation is shared by every realm with the same bytes, so its
/// guest must not be able to tell which of them asked.
pub const STAND_IN: &str = "https://realm.invalid/";

/// The URL of a file of the asking realm, as guests see it.
#[must_use]
pub fn guest_url(path: &LocalPath) -> String {
    format!("{STAND_IN}{}", path.encode())
}

/// What a guest's specifier means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// The absolute URL, the asking realm's own in place of the one that guests see.
    pub url: String,
    /// It means the same file of whatever realm asks.
    pub everywhere: bool,
}

impl RealmSettings {
    /// What `specifier` means at `referrer` to a guest that is called for the realm at `realm` with these settings. None:
    /// nothing, for it is a bare one that the import map does not have, or no URL comes of it.
    #[must_use]
    pub fn meant_by(&self, specifier: &str, referrer: &str, realm: &str) -> Option<Meant> {
        let real = |url: &str| {
            let rest = url.strip_prefix(STAND_IN);
            rest.map_or_else(|| url.to_owned(), |rest| format!("{realm}{rest}"))
        };
        let relative = ["./", "../", "/"]
            .iter()
            .any(|start| specifier.starts_with(start));
        if relative {
            let url = String::from(Url::parse(&real(referrer)).ok()?.join(specifier).ok()?);
            // Seen from the stand-in it leads to the same place, unless it climbs out of the realm.
            let seen = Url::parse(referrer).ok()?.join(specifier).ok()?;
            let everywhere = referrer.starts_with(STAND_IN) && real(seen.as_str()) == url;
            return Some(Meant { url, everywhere });
        }
        if Url::parse(specifier).is_ok() {
            return Some(Meant {
                url: real(specifier),
                everywhere: specifier.starts_with(STAND_IN),
            });
        }
        let mapped = self.imports.iter().filter_map(|(from, to)| {
            let rest = if from == specifier {
                ""
            } else {
                specifier
                    .strip_prefix(from.as_str())
                    .filter(|_| from.ends_with('/'))?
            };
            Some((from.len(), format!("{to}{rest}")))
        });
        let (_, target) = mapped.max_by_key(|(length, _)| *length)?;
        let url = Url::parse(realm).ok()?.join(&target).ok()?;
        Some(Meant {
            url: String::from(url),
            everywhere: false,
        })
    }

    /// The names that a path may mean, in the order in which they are tried: the exact one, then with each extension.
    #[must_use]
    pub fn names_of(&self, path: &LocalPath) -> Vec<String> {
        let exact = path.as_str().to_owned();
        let more = self
            .extensions
            .iter()
            .map(|extension| format!("{path}{extension}"));
        std::iter::once(exact)
            .chain(more.filter(|name| name.len() <= LocalPath::MAX_BYTES))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalPath, RealmSettings, guest_url};

    const REALM: &str = "http://host/r/";

    fn meant(specifier: &str, referrer: &str) -> Option<(String, bool)> {
        let json = br#"{ "imports": { "lit": "https://cdn.example/lit.js", "@lib/": "./lib/", "@lib/x/": "/x/" } }"#;
        let settings = RealmSettings::parse(json).unwrap();
        let meant = settings.meant_by(specifier, referrer, REALM)?;
        Some((meant.url, meant.everywhere))
    }

    #[test]
    fn the_exact_name_comes_first_and_extensions_in_order() {
        let names = RealmSettings::default().names_of(&LocalPath::new("a/b").unwrap());
        assert_eq!(names, ["a/b", "a/b.gts", "a/b.ts", "a/b.gjs", "a/b.js"]);
    }

    #[test]
    fn a_relative_specifier_is_joined_and_says_whether_it_stays_in_the_realm() {
        let file = guest_url(&LocalPath::new("a/b.ts").unwrap());
        let is = |url: &str, everywhere| Some((url.to_owned(), everywhere));
        assert_eq!(meant("./c", &file), is("http://host/r/a/c", true));
        assert_eq!(meant("../c", &file), is("http://host/r/c", true));
        assert_eq!(meant("../../c", &file), is("http://host/c", false));
        assert_eq!(meant("/c", &file), is("http://host/c", false));
        assert_eq!(meant("./c", "http://other/x"), is("http://other/c", false));
        assert_eq!(meant(&file, ""), is("http://host/r/a/b.ts", true));
    }

    #[test]
    fn a_bare_specifier_takes_the_longest_entry_of_the_import_map() {
        let of = |specifier: &str| meant(specifier, "").map(|(url, _)| url);
        assert_eq!(of("lit").as_deref(), Some("https://cdn.example/lit.js"));
        assert_eq!(of("lit/more"), None);
        assert_eq!(of("@lib/a.js").as_deref(), Some("http://host/r/lib/a.js"));
        assert_eq!(of("@lib/x/a.js").as_deref(), Some("http://host/x/a.js"));
        assert_eq!(of("react"), None);
    }
}
