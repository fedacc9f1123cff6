//! Which URLs may stand in a page.

/// What runs in the page that it is followed from, or shows something that claims to be of it.
const SCRIPTS: [&str; 4] = ["javascript", "livescript", "vbscript", "data"];

/// Pictures that cannot hold a script, whatever they are opened with.
const PICTURES: [&str; 6] = ["apng", "avif", "gif", "jpeg", "png", "webp"];

/// Whether a browser would run `url`, or show a document that it holds.
///
/// Browsers drop tabs and line ends anywhere in a URL, and controls and spaces before it; so does this.
pub(crate) fn is_dangerous(url: &str, is_image: bool) -> bool {
    let seen: String = url
        .chars()
        .skip_while(|&c| c <= ' ')
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .take(40)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let Some((scheme, rest)) = seen.split_once(':') else {
        return false;
    };
    if !SCRIPTS.contains(&scheme) {
        return false;
    }
    let picture = rest
        .strip_prefix("image/")
        .and_then(|rest| rest.split([';', ',']).next());
    !(is_image && scheme == "data" && picture.is_some_and(|kind| PICTURES.contains(&kind)))
}

#[cfg(test)]
mod tests {
    use super::is_dangerous;

    #[test]
    fn scripts_are_seen_through_disguises() {
        for url in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            " \u{1}\u{1f}javascript:alert(1)",
            "java\tscr\r\nipt\n:alert(1)",
            "vbscript:x",
            "livescript:x",
            "data:text/html,<script>",
            "data:,x",
            "data:image/svg+xml,<svg onload=x>",
        ] {
            assert!(is_dangerous(url, false), "{url:?}");
            assert!(is_dangerous(url, true), "{url:?}");
        }
    }

    #[test]
    fn what_only_looks_like_a_script_is_left_alone() {
        for url in [
            "",
            "#javascript:x",
            "./javascript:x",
            "javascript",
            "java script:x",
            "javascript%3Ax",
            "https://h/javascript:x",
            "mailto:a@b",
            "vscode://x",
            "database:x",
            "../page.md",
        ] {
            assert!(!is_dangerous(url, false), "{url:?}");
        }
    }

    #[test]
    fn pictures_may_be_data_where_they_are_shown() {
        assert!(!is_dangerous("data:image/png;base64,AA==", true));
        assert!(!is_dangerous("DATA:image/JPEG,x", true));
        assert!(is_dangerous("data:image/png;base64,AA==", false));
        assert!(is_dangerous("data:image/pngx,", true));
    }
}
