//! Paths as grass makes them, and local paths, which realms have.

/// The local path that `path` means in the realm at `root`, a URL that ends in `/`; none when it leaves the realm.
///
/// A path that begins with `/` is relative to the origin, as in URLs.
pub(crate) fn local(path: &str, root: &str) -> Option<String> {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.is_empty() && !path.starts_with('/') => return None,
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let within = if path.starts_with('/') {
        let after_scheme = root.split_once("://").map_or(root, |(_, rest)| rest);
        let prefix: Vec<_> = after_scheme
            .split('/')
            .skip(1)
            .filter(|segment| !segment.is_empty())
            .collect();
        segments.strip_prefix(prefix.as_slice())?
    } else {
        &segments
    };
    Some(within.join("/"))
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn relative_paths_stay_in_the_realm() {
        for (path, expected) in [
            ("a/../b/./c.scss", Some("b/c.scss")),
            ("a/../../b.scss", None),
            ("../b.scss", None),
            ("a/..", Some("")),
            ("..", None),
            ("a//b.scss", Some("a/b.scss")),
        ] {
            assert_eq!(
                local(path, "http://h/realm/").as_deref(),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn absolute_paths_are_relative_to_the_origin() {
        for (path, expected) in [
            ("/realm/a.scss", Some("a.scss")),
            ("/realm/x/../../realm/a.scss", Some("a.scss")),
            ("/a.scss", None),
            ("/realms/a.scss", None),
            ("/../../realm/a.scss", Some("a.scss")),
        ] {
            assert_eq!(
                local(path, "http://h:1/realm/").as_deref(),
                expected,
                "{path}"
            );
        }
        assert_eq!(local("/a.scss", "http://h/").as_deref(), Some("a.scss"));
    }
}
