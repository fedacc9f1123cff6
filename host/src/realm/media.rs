/// The media type (`type/subtype`, without parameters) of a file as it is stored, by its extension.
///
/// Module sources are text, whatever registries say (`.ts` is registered as an MPEG transport stream).
#[must_use]
pub fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "ts" | "mts" | "cts" | "gts" => "text/typescript",
        "tsx" => "text/tsx",
        "jsx" => "text/jsx",
        "gjs" | "js" | "mjs" | "cjs" => "text/javascript",
        "scss" => "text/x-scss",
        "sass" => "text/x-sass",
        "md" | "markdown" => "text/markdown",
        "map" => "application/json",
        _ => mime_guess::from_ext(extension)
            .first_raw()
            .unwrap_or("application/octet-stream"),
    }
}

#[cfg(test)]
mod tests {
    use super::media_type;

    #[test]
    fn sources_are_text_and_the_unknown_is_bytes() {
        for (path, expected) in [
            ("a.ts", "text/typescript"),
            ("a/b.gts", "text/typescript"),
            ("x.scss", "text/x-scss"),
            ("x.css", "text/css"),
            ("x.svg", "image/svg+xml"),
            ("x.json", "application/json"),
            ("x.html", "text/html"),
            ("LICENSE", "application/octet-stream"),
            ("a.b/c", "application/octet-stream"),
        ] {
            assert_eq!(media_type(path), expected, "{path}");
        }
    }
}
