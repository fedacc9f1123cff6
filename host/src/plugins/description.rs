//! Whether what a plugin says of itself can be. The schema of its options is looked at where it is read (`options`).

use std::collections::HashSet;

use semver::Version;

use super::output::MEDIA_TYPES;
use super::worlds::Description;

/// The most rules, and the most documents' extensions, that a plugin may name.
const RULES: usize = 64;
/// The most bytes of a name, an extension, and the line about a plugin.
const NAME: usize = 64;
const EXTENSION: usize = 32;
const SUMMARY: usize = 200;

/// All that does not hold. `transpiler` and `prerenderer`: whether it exports these.
///
/// # Errors
/// The first thing that does not.
pub(super) fn check(
    description: &Description,
    (transpiler, prerenderer): (bool, bool),
) -> Result<(), String> {
    let name = &description.name;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > NAME
        || !name.starts_with(|first: char| first.is_ascii_lowercase())
        || !name.bytes().all(fits)
    {
        return Err(format!(
            "`describe` names it `{}`; a name is `[a-z][a-z0-9-]*`, at most {NAME} bytes",
            short(name)
        ));
    }
    if let Err(error) = Version::parse(&description.version) {
        return Err(format!(
            "`describe` gives version `{}`, which is no semantic version: {error}; write it as in `1.2.3`",
            short(&description.version)
        ));
    }
    if description.summary.len() > SUMMARY || description.summary.contains(char::is_control) {
        return Err(format!(
            "`describe` gives a summary that is not one line of at most {SUMMARY} bytes"
        ));
    }
    let (transpiles, renders) = (&description.transpiles, &description.renders);
    if transpiles.is_empty() && renders.is_empty() {
        return Err("`describe` names no extension that it takes".to_owned());
    }
    for (count, exported, what) in [
        (transpiles.len(), transpiler, "transpiler"),
        (renders.len(), prerenderer, "prerenderer"),
    ] {
        if count > 0 && !exported {
            return Err(format!(
                "`describe` names extensions for a {what}, which it does not export"
            ));
        }
        if count > RULES {
            return Err(format!(
                "`describe` names {count} extensions for its {what}; a plugin may name {RULES}"
            ));
        }
    }
    let rules = transpiles.iter();
    let extensions = rules.flat_map(|rule| [&rule.takes, &rule.gives]);
    for extension in extensions.chain(renders) {
        if !is_extension(extension) {
            return Err(format!(
                "`describe` has the extension `{}`; write it with its dot, as in `.ts`, without blanks and `/`, in at most {EXTENSION} bytes",
                short(extension)
            ));
        }
    }
    let takes = transpiles.iter().map(|rule| &rule.takes);
    for taken in [takes.collect::<Vec<_>>(), renders.iter().collect()] {
        let mut seen = HashSet::new();
        if let Some(twice) = taken.iter().find(|extension| !seen.insert(**extension)) {
            return Err(format!("`describe` names `{twice}` twice"));
        }
    }
    for rule in transpiles {
        if !MEDIA_TYPES.contains(&rule.media_type.as_str()) {
            return Err(format!(
                "`describe` gives `{}` for `{}`; allowed are {}",
                short(&rule.media_type),
                rule.takes,
                MEDIA_TYPES.join(", ")
            ));
        }
    }
    Ok(())
}

fn is_extension(text: &str) -> bool {
    let strange = |of: char| of.is_whitespace() || of.is_control() || matches!(of, '/' | '\\');
    let rest = text.strip_prefix('.').unwrap_or_default();
    text.len() <= EXTENSION
        && !rest.contains(strange)
        && rest.split('.').all(|part| !part.is_empty())
}

/// What a plugin says, not more of it than a person reads, and nothing that a terminal takes for more than words.
fn short(text: &str) -> String {
    let shown: String = text.chars().take(80).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{more}", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::{Description, check};
    use crate::plugins::Rule;

    fn good() -> Description {
        let rule = Rule {
            takes: ".x".to_owned(),
            gives: ".js".to_owned(),
            media_type: "text/javascript".to_owned(),
        };
        Description {
            name: "x".to_owned(),
            version: "1.2.3-beta.1+a".to_owned(),
            summary: "One line".to_owned(),
            options_schema: Some("{}".to_owned()),
            transpiles: vec![rule],
            renders: vec![".d.x".to_owned()],
        }
    }

    fn refused(change: impl FnOnce(&mut Description)) -> String {
        let mut description = good();
        change(&mut description);
        check(&description, (true, true)).unwrap_err()
    }

    #[test]
    fn what_holds_is_taken() {
        assert_eq!(check(&good(), (true, true)), Ok(()));
    }

    #[test]
    fn each_lie_is_told() {
        for name in ["", "X", "1x", "x_y", "x y", &"x".repeat(65)] {
            let told = refused(|description| description.name = name.to_owned());
            assert!(told.contains("a name is `[a-z][a-z0-9-]*`"), "{told}");
        }
        for version in ["", "1", "1.2", "1.2.x", "01.2.3", "1.2.3 "] {
            let told = refused(|description| description.version = version.to_owned());
            assert!(told.contains("no semantic version"), "{version}: {told}");
        }
        for extension in [
            "",
            ".",
            "x",
            ".x/y",
            ".x y",
            ".x.",
            "..x",
            ".x\n",
            &format!(".{}", "x".repeat(32)),
        ] {
            let told = refused(|description| description.renders = vec![extension.to_owned()]);
            assert!(
                told.contains("write it with its dot"),
                "{extension}: {told}"
            );
        }
        let told = refused(|description| description.summary = "two\nlines".to_owned());
        assert!(told.contains("one line"), "{told}");
        let told = refused(|description| description.transpiles.push(good().transpiles[0].clone()));
        assert_eq!(told, "`describe` names `.x` twice");
        let told =
            refused(|description| description.transpiles[0].media_type = "image/png".to_owned());
        assert!(
            told.contains("gives `image/png` for `.x`; allowed are"),
            "{told}"
        );
        let many = |number| format!(".x{number}");
        let told = refused(|description| description.renders = (0..65).map(many).collect());
        assert!(
            told.contains("names 65 extensions for its prerenderer"),
            "{told}"
        );
        let told = refused(|description| {
            description.renders.clear();
            description.transpiles.clear();
        });
        assert!(told.contains("no extension"), "{told}");
        let told = check(&good(), (true, false)).unwrap_err();
        assert!(
            told.contains("for a prerenderer, which it does not export"),
            "{told}"
        );
    }
}
