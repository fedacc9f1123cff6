use std::path::Path;

use anyhow::{Context as _, bail};

use super::Language;

/// The version of the contract that the templates are written against.
const WRITTEN_AGAINST: &str = "0.1.0";

/// What a new plugin is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Make one kind of file of another.
    Transpiler,
    /// Render documents.
    Prerenderer,
}

impl Kind {
    /// The folder of its templates, and what its world begins with.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transpiler => "transpiler",
            Self::Prerenderer => "prerenderer",
        }
    }

    /// A file that its plugin takes, among its cases.
    #[must_use]
    pub fn example(self) -> &'static str {
        match self {
            Self::Transpiler => "cases/settings/input.ini",
            Self::Prerenderer => "cases/links/input.note",
        }
    }
}

// What is in `templates/`, the Rust SDK and the contract: path and text of each file.
include!(concat!(env!("OUT_DIR"), "/templates.rs"));

/// Checks a plugin's name, as `describe` has to give it.
///
/// # Errors
/// When it is none; the words for it.
pub fn check_name(name: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name
        .bytes()
        .next()
        .is_some_and(|first| first.is_ascii_lowercase());
    if !begins || name.len() > 64 || name.ends_with('-') || !name.bytes().all(fits) {
        return Err(
            "a plugin's name begins with a small letter, and has small letters, digits and `-`: `my-plugin`"
                .to_owned(),
        );
    }
    // Cargo would refuse them, and `sdk` is the folder of the SDK's own package.
    if ["test", "core", "std", "alloc", "realm-guest-sdk", "plugin"].contains(&name) {
        return Err(format!(
            "`{name}` means something else to compilers; take another name"
        ));
    }
    Ok(name.to_owned())
}

/// Writes a new plugin into a folder that is not there yet, or is empty.
///
/// # Errors
/// When there is something in the folder, or it cannot be written.
pub fn create(folder: &Path, name: &str, language: Language, kind: Kind) -> anyhow::Result<()> {
    let shown = || folder.display().to_string();
    if folder.exists() {
        let mut entries = std::fs::read_dir(folder).with_context(shown)?;
        if entries.next().is_some() && !mutant!("new-plugin-written-over") {
            bail!(
                "{}: there is something already; nothing is written over: name a folder that is not there yet",
                shown()
            );
        }
    }
    for (path, text) in files(language, kind) {
        let place = folder.join(path);
        if let Some(parent) = place.parent() {
            std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        }
        let text = text
            .replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{contract}}", WRITTEN_AGAINST)
            .replace("{{example}}", kind.example());
        std::fs::write(&place, text).with_context(|| place.display().to_string())?;
    }
    Ok(())
}

/// The files of a new plugin, by path.
fn files(language: Language, kind: Kind) -> Vec<(String, &'static str)> {
    let of = |folder: &str| {
        let folder = format!("{folder}/");
        TEMPLATES.iter().filter_map(move |(path, text)| {
            let path = path.strip_prefix(&*folder)?;
            Some((path.strip_suffix(".in").unwrap_or(path).to_owned(), *text))
        })
    };
    let (language_folder, kind) = (language.as_str(), kind.as_str());
    let mut files: Vec<_> = of(&format!("any/{kind}"))
        .chain(of(&format!("{language_folder}/any")))
        .chain(of(&format!("{language_folder}/{kind}")))
        .collect();
    // A file that begins with a dot would have its say about this repository.
    for (path, _) in &mut files {
        match path.as_str() {
            "gitignore" => ".gitignore".clone_into(path),
            "cargo.toml" => ".cargo/config.toml".clone_into(path),
            _ => {}
        }
    }
    match language {
        Language::Rust => {
            let sdk = SDK
                .iter()
                .map(|(path, text)| (format!("sdk/{path}"), *text));
            files.extend(sdk);
            let wit = CONTRACT.iter();
            files.extend(wit.map(|(path, text)| (format!("wit/{path}"), *text)));
        }
        Language::JavaScript | Language::Python => {
            // One package in one folder is what their tools take.
            let current = CONTRACT.iter().filter_map(|(path, text)| {
                let path = path.strip_prefix(WRITTEN_AGAINST)?.strip_prefix('/')?;
                Some((format!("wit/{path}"), *text))
            });
            files.extend(current);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::{Kind, Language, check_name, files};

    #[test]
    fn names_are_checked() {
        assert!(check_name("my-plugin2").is_ok());
        let long = "a".repeat(65);
        for name in [
            "", "My", "2a", "-a", "a-", "a_b", "a/b", "../a", "test", &long,
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn every_template_is_whole() {
        for language in [Language::Rust, Language::JavaScript, Language::Python] {
            for kind in [Kind::Transpiler, Kind::Prerenderer] {
                let files = files(language, kind);
                let paths: Vec<_> = files.iter().map(|(path, _)| path.as_str()).collect();
                for wanted in [language.manifest(), "README.md", ".gitignore"] {
                    assert!(paths.contains(&wanted), "{language:?} {kind:?}: {wanted}");
                }
                assert!(paths.iter().any(|path| path.ends_with("realm-plugin.wit")));
                let cases = paths.iter().filter(|path| path.contains("/input."));
                assert_eq!(cases.count(), 2, "{language:?} {kind:?}");
                let mut once = paths.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), paths.len(), "a path twice: {paths:?}");
            }
        }
    }

    #[test]
    fn the_sdk_depends_on_what_the_workspace_has() {
        let own = include_str!("templates/rust/any/sdk/Cargo.toml.in");
        let workspace: toml::Table = toml::from_str(include_str!("../../../Cargo.toml")).unwrap();
        let own: toml::Table = toml::from_str(own).unwrap();
        let ours: toml::Table =
            toml::from_str(include_str!("../../../guest-sdk/Cargo.toml")).unwrap();
        let all = &workspace["workspace"]["dependencies"];
        let dependencies = own["dependencies"].as_table().unwrap();
        let names: Vec<_> = dependencies.keys().collect();
        let wanted: Vec<_> = ours["dependencies"].as_table().unwrap().keys().collect();
        assert_eq!(names, wanted);
        for (name, dependency) in dependencies {
            assert_eq!(dependency, &all[name], "{name}");
        }
    }
}
