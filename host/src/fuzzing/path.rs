use ::url::Url;

use crate::changes::Payload;
use crate::realm::{LocalPath, RealmUrl};

/// Realms whose files are looked for: at a root, at an address, with an encoded name.
const REALMS: [&str; 3] = [
    "http://h/",
    "http://[::1]:4200/r/",
    "https://example.org/a/b%20c/",
];

/// A path, as it comes in a URL and as it comes decoded. It is taken exactly when the contract's section 2 has nothing
/// against it, says what was sent, and leads from a file to its URL and its notification and back.
pub fn path(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let plain = LocalPath::new(text);
    assert_eq!(plain.is_ok(), is_path(text), "decoded: {plain:?}");
    let decoded = LocalPath::decode(text);
    let expected = unescaped(text).filter(|expected| is_path(expected));
    assert_eq!(decoded.is_ok(), expected.is_some(), "encoded: {decoded:?}");
    if let Ok(path) = &plain {
        assert_eq!(path.as_str(), text);
        lawful(path);
    }
    if let Ok(path) = &decoded {
        assert_eq!(Some(path.as_str()), expected.as_deref());
        lawful(path);
    }
    plain.is_ok() || decoded.is_ok()
}

/// What holds of every path, wherever it comes from.
pub(super) fn lawful(path: &LocalPath) {
    let text = path.as_str();
    assert!(is_path(text), "{text:?} is no path");
    assert_eq!(LocalPath::new(text).as_ref(), Ok(path));
    assert_eq!(Some(path.name()), text.split('/').next_back());
    let encoded = path.encode();
    assert!(encoded.bytes().all(is_of_a_path), "{encoded:?}");
    assert_eq!(unescaped(&encoded).as_deref(), Some(text));
    assert_eq!(LocalPath::decode(&encoded).as_ref(), Ok(path));
    for realm in REALMS {
        let realm = RealmUrl::parse(realm).expect("a realm's URL");
        let url = realm.join(path);
        // What reads URLs for a living finds nothing to put right in it.
        assert_eq!(Url::parse(&url).map(String::from).as_ref(), Ok(&url));
        assert_eq!(realm.local(&url).as_ref(), Some(path), "{url}");
        assert_eq!(realm.local(&format!("{url}?a/b#c?d")).as_ref(), Some(path));
        let payload = Payload::parse(format!("{realm}:{path}").as_bytes()).expect("a payload");
        assert_eq!(
            (payload.realm.as_str(), payload.path.as_ref()),
            (realm.as_str(), Some(path))
        );
    }
    let mut last = text.len();
    for alias in path.aliases() {
        assert!(text.starts_with(alias) && alias.len() < last, "{alias:?}");
        let (name, extension) = text[text.len() - path.name().len()..]
            .split_at(alias.len() - (text.len() - path.name().len()));
        assert!(!name.is_empty() && extension.starts_with('.'), "{alias:?}");
        last = alias.len();
    }
}

/// The contract's rules for a path, one after the other.
pub(super) fn is_path(text: &str) -> bool {
    let mut segments = text.split('/');
    text != "*"
        && text.len() <= 1024
        && !text.bytes().any(|byte| byte == 0 || byte == b'\\')
        && segments.all(|segment| !["", ".", ".."].contains(&segment))
}

/// Text without its percent-encoding; none where a `%` begins no escape, or what comes out is no text.
pub(super) fn unescaped(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

/// RFC 3986, section 3.3: `pchar`, its escapes, and the slash.
fn is_of_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%/".contains(&byte)
}
