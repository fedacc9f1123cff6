//! As much of the URL standard as joining specifiers to `http(s)` URLs takes; enough for tests, and small in a guest.

/// Encodes a decoded path so that it stays one inside a URL.
pub(crate) fn encode_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b' ' | b'"' | b'#' | b'%' | b'<' | b'>' | b'?' | b'^' | b'`' | b'{' | b'}' | b'\\'
            | b'|' => {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            0x21..=0x7e => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Decodes `%XX`; what is not UTF-8 afterwards becomes U+FFFD, and a `%` that stands alone stays.
pub(crate) fn decode_path(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escape = (bytes[i] == b'%')
            .then(|| path.get(i + 1..i + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(escape.unwrap_or(bytes[i]));
        i += if escape.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// Joins `specifier` to the absolute URL `referrer`; none for a bare specifier.
pub(crate) fn join(specifier: &str, referrer: &str) -> Option<String> {
    let specifier = specifier.split(['?', '#']).next().unwrap_or_default();
    if specifier.contains("://") {
        let (origin, path) = split_origin(specifier);
        return Some(format!("{origin}{}", normalize(path)));
    }
    let (origin, base) = split_origin(referrer);
    if let Some(rest) = specifier.strip_prefix("//") {
        let scheme = origin.split("//").next().unwrap_or_default();
        let (host, path) = rest
            .find('/')
            .map_or((rest, ""), |slash| rest.split_at(slash));
        return Some(format!("{scheme}//{host}{}", normalize(path)));
    }
    if specifier.starts_with('/') {
        return Some(format!("{origin}{}", normalize(specifier)));
    }
    if specifier == "."
        || specifier == ".."
        || specifier.starts_with("./")
        || specifier.starts_with("../")
    {
        let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
        return Some(format!(
            "{origin}{}",
            normalize(&format!("{folder}/{specifier}"))
        ));
    }
    None
}

/// `http://host:1` and `/path` of a URL.
fn split_origin(url: &str) -> (&str, &str) {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let authority = url.find("://").map_or(0, |colon| colon + 3);
    let path = url[authority..]
        .find('/')
        .map_or(url.len(), |slash| authority + slash);
    url.split_at(path)
}

/// Resolves `.` and `..`; one that leaves the root stays at the root, as in browsers.
fn normalize(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    segments.pop();
                }
                if last {
                    segments.push("");
                }
            }
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_as_urls_are_joined() {
        let referrer = "http://h:1/realm/a/b.ts?x#y";
        for (specifier, url) in [
            ("./c.ts", "http://h:1/realm/a/c.ts"),
            ("../c.ts", "http://h:1/realm/c.ts"),
            ("../../../../c.ts", "http://h:1/c.ts"),
            ("./x/./y/../c.ts?q", "http://h:1/realm/a/x/c.ts"),
            ("..", "http://h:1/realm/"),
            ("/c.ts", "http://h:1/c.ts"),
            ("//other/c.ts", "http://other/c.ts"),
            ("https://other", "https://other/"),
        ] {
            assert_eq!(
                join(specifier, referrer).as_deref(),
                Some(url),
                "{specifier}"
            );
        }
        assert_eq!(join("lit", referrer), None);
        assert_eq!(join("@lib/x", referrer), None);
    }

    #[test]
    fn encoding_is_undone_by_decoding() {
        let path = "a b/ü?#%25{x}.scss";
        assert_eq!(encode_path(path), "a%20b/%C3%BC%3F%23%2525%7Bx%7D.scss");
        assert_eq!(decode_path(&encode_path(path)), path);
        assert_eq!(decode_path("100%/%zz/%é"), "100%/%zz/%é");
    }
}
