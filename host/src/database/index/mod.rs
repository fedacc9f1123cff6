//! The index: what is known of each file of a realm (`entries.rs`, `files.rs`), how far its changes have been turned into
//! visits (`expand.rs`), and which are to be made (`visits.rs`). Reads are found by URL, which is compared in one form.

mod entries;
mod expand;
mod files;
mod visits;

use super::Transaction;
use crate::realm::{BlobHash, LocalPath, RealmUrl};

pub use self::entries::{EntryState, NewEntry, NewRendering, Shown, Stored};
pub use self::expand::Expanded;
pub use self::visits::{Visit, Visits};

/// Bytes of a URL that are compared as they are: an index takes no longer ones. Longer than any realm's URL.
const MOST_URL: usize = 2500;

/// A URL as reads are found by: a path's encoding is the host's own, whoever wrote the URL, and what is too long for an
/// index ends in a hash.
#[must_use]
pub fn url_key(url: &str) -> String {
    let url = &url[..url.find(['?', '#']).unwrap_or(url.len())];
    let authority = url.find("://").map_or(0, |at| at + 3);
    let path = url[authority..].find('/').map(|at| authority + at + 1);
    let segment =
        |text: &str| LocalPath::decode(text).map_or(text.to_owned(), |name| name.encode());
    let key = path.map_or_else(
        || url.to_owned(),
        |at| {
            let segments: Vec<_> = url[at..].split('/').map(segment).collect();
            format!("{}{}", &url[..at], segments.join("/"))
        },
    );
    if key.len() <= MOST_URL {
        return key;
    }
    let mut end = MOST_URL;
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}#{}", &key[..end], BlobHash::of(key.as_bytes()))
}

/// From the first to beyond the last URL in a realm.
fn range(url: &RealmUrl) -> (String, String) {
    let base = url_key(url.as_str().strip_suffix('/').unwrap_or_default());
    // `0` is the character after `/`.
    (format!("{base}/"), format!("{base}0"))
}

impl Transaction {
    /// The members of a JSON list that is bound at `place`.
    fn items(&self, place: &str) -> String {
        match self {
            Self::Postgres(..) => {
                format!(
                    "(SELECT value FROM jsonb_array_elements_text({place}::JSONB) AS items (value))"
                )
            }
            Self::Sqlite(_) => format!("(SELECT value FROM json_each({place}))"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_URL, range, url_key};
    use crate::realm::RealmUrl;

    #[test]
    fn one_file_has_one_key_however_its_url_is_written() {
        for url in ["http://h/r/a%5Bb%5D.md", "http://h/r/a[b].md?x#y"] {
            assert_eq!(url_key(url), "http://h/r/a%5Bb%5D.md");
        }
        // What no file of a realm can have stays as it is.
        for url in ["http://h/r/", "http://h/a//b", "http://h", "data:x,y"] {
            assert_eq!(url_key(url), url);
        }
    }

    #[test]
    fn what_is_too_long_for_an_index_is_told_apart_by_its_end() {
        let long = |end: &str| url_key(&format!("http://h/{}{end}", "é/".repeat(1000)));
        assert!(long("a").starts_with("http://h/%C3%A9") && MOST_URL > RealmUrl::MAX_BYTES);
    }

    #[test]
    fn the_urls_in_a_realm_are_between_its_ends() {
        let (from, to) = range(&RealmUrl::parse("http://h/r/").unwrap());
        let within = |url: &str| from.as_str() <= url && url < to.as_str();
        assert!(
            within("http://h/r/") && within("http://h/r/x/y") && within("http://h/r/\u{10ffff}")
        );
        let (from, to) = range(&RealmUrl::parse("http://h/a[b]/").unwrap());
        let key = url_key("http://h/a[b]/c");
        assert!(from < key && key < to);
        let (from, to) = range(&RealmUrl::parse("http://h/r/").unwrap());
        let within = |url: &str| from.as_str() <= url && url < to.as_str();
        assert!(!within("http://h/r") && !within("http://h/r2") && !within("http://h/q/"));
    }
}
