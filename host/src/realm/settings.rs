use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::place::place_in_json;

/// The file at a realm's root that holds its settings.
pub const SETTINGS_FILE: &str = "realm.json";

/// The order in which extensions are tried when a path leaves its own out.
pub const DEFAULT_EXTENSIONS: [&str; 4] = [".gts", ".ts", ".gjs", ".js"];

/// A realm's own settings: what its `realm.json` says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RealmSettings {
    /// What people call the realm.
    pub name: Option<String>,
    /// Extensions to try, in order.
    pub extensions: Vec<String>,
    /// Which plugin takes an extension, and with which options.
    pub plugins: BTreeMap<String, PluginChoice>,
    /// Import map of bare specifiers.
    pub imports: BTreeMap<String, String>,
    /// `Cache-Control` directives in place of `max-age=0, must-revalidate`.
    pub cache_control: Option<String>,
}

/// Which plugin takes an extension in a realm.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "a plugin is its name, or an object with `use` and `options`"
)]
pub enum PluginChoice {
    /// `name` or `name@version`.
    Name(String),
    /// A plugin and its options.
    Full(#[serde(deserialize_with = "object")] PluginWithOptions),
}

/// A plugin and its options.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginWithOptions {
    /// `name` or `name@version`; none: whichever takes the extension anyway.
    #[serde(rename = "use", default)]
    pub plugin: Option<String>,
    /// A JSON object for the plugin.
    #[serde(default)]
    pub options: Map<String, Value>,
}

/// serde takes a list of a struct's fields for the struct.
fn object<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PluginWithOptions, D::Error> {
    let keys = Map::deserialize(deserializer)?;
    PluginWithOptions::deserialize(Value::Object(keys)).map_err(D::Error::custom)
}

impl PluginChoice {
    /// The plugin's name or `name@version`, when one is chosen.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Full(full) => full.plugin.as_deref(),
        }
    }

    /// The options as the plugin gets them: a JSON object.
    #[must_use]
    pub fn options(&self) -> String {
        match self {
            Self::Name(_) => "{}".to_owned(),
            Self::Full(full) => Value::Object(full.options.clone()).to_string(),
        }
    }
}

/// What is wrong with a `realm.json`, and where.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{SETTINGS_FILE}:{line}:{column}: {message}")]
pub struct SettingsError {
    /// What is wrong, in words its author can act on.
    pub message: String,
    /// Counts from 1; 0 when the whole file is meant.
    pub line: usize,
    /// Counts from 1; 0 when the whole file is meant.
    pub column: usize,
}

impl Default for RealmSettings {
    fn default() -> Self {
        Self {
            name: None,
            extensions: DEFAULT_EXTENSIONS.map(str::to_owned).to_vec(),
            plugins: BTreeMap::new(),
            imports: BTreeMap::new(),
            cache_control: None,
        }
    }
}

impl RealmSettings {
    /// The most extensions that a realm may name: each is one more name to look up.
    pub const MAX_EXTENSIONS: usize = 32;

    /// Reads a `realm.json`.
    ///
    /// # Errors
    /// When it is not JSON, has an unknown key, or a value that does not fit.
    pub fn parse(bytes: &[u8]) -> Result<Self, SettingsError> {
        let settings: Self = serde_json::from_slice(bytes).map_err(|error| misplaced(&error))?;
        // serde takes a list of a struct's fields for the struct.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            return Err(whole("it is not an object, `{ … }`".to_owned()));
        }
        settings.check().map_err(|mistake| mistake.within(bytes))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), Mistake> {
        let mistake = |pointer: [&str; 2], key, message| {
            let pointer = pointer.iter().filter(|step| !step.is_empty());
            Err(Mistake {
                pointer: pointer.map(|step| (*step).to_owned()).collect(),
                key,
                message,
            })
        };
        if self.extensions.len() > Self::MAX_EXTENSIONS {
            let (there, most) = (self.extensions.len(), Self::MAX_EXTENSIONS);
            let message = format!("`extensions` has {there} entries; at most {most} are allowed");
            return mistake(["extensions", &most.to_string()], false, message);
        }
        let extensions = self.extensions.iter().enumerate();
        let extensions =
            extensions.map(|(number, extension)| ("extensions", number.to_string(), extension));
        let plugins = self.plugins.keys();
        let plugins = plugins.map(|extension| ("plugins", extension.clone(), extension));
        for (within, step, extension) in extensions.chain(plugins) {
            // With one that no file can have, every look would be for a name that the database refuses.
            let is_of_a_name = !extension.contains(['/', '\\', '\0']);
            if !extension.starts_with('.') || extension.len() < 2 || !is_of_a_name {
                let message = format!(
                    "`{extension}` is not an extension; write it with its dot, as in `.ts`"
                );
                return mistake([within, &step], within == "plugins", message);
            }
        }
        if let Some(value) = &self.cache_control
            && (value.is_empty() || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
        {
            let message = "`cacheControl` is not a list of directives, as in `max-age=60`";
            return mistake(["cacheControl", ""], false, message.to_owned());
        }
        Ok(())
    }
}

/// A value that does not fit, and where it stands.
struct Mistake {
    pointer: Vec<String>,
    key: bool,
    message: String,
}

impl Mistake {
    fn within(self, text: &[u8]) -> SettingsError {
        let (line, column) = place_in_json(text, &self.pointer, self.key).unwrap_or_default();
        SettingsError {
            message: self.message,
            line: line as usize,
            column: column as usize,
        }
    }
}

/// What the JSON parser says, with its place.
fn misplaced(error: &serde_json::Error) -> SettingsError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    SettingsError {
        message: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
        line: error.line(),
        // It counts a line's end to the next line, and then from 0.
        column: error.column().max(error.line().min(1)),
    }
}

/// A mistake without a place.
fn whole(message: String) -> SettingsError {
    SettingsError {
        message,
        line: 0,
        column: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::RealmSettings;

    #[test]
    fn what_is_left_out_has_a_default() {
        assert_eq!(
            RealmSettings::parse(b"{}").unwrap(),
            RealmSettings::default()
        );
    }

    #[test]
    fn plugins_are_named_with_and_without_options() {
        let text = br#"{ "plugins": { ".svelte": "svelte@5", ".ts": { "use": "typescript", "options": { "target": "es2020" } } } }"#;
        let settings = RealmSettings::parse(text).unwrap();
        assert_eq!(settings.plugins[".svelte"].plugin(), Some("svelte@5"));
        assert_eq!(settings.plugins[".svelte"].options(), "{}");
        assert_eq!(settings.plugins[".ts"].plugin(), Some("typescript"));
        assert_eq!(settings.plugins[".ts"].options(), r#"{"target":"es2020"}"#);
    }

    #[test]
    fn a_mistake_names_its_place() {
        let error = RealmSettings::parse(b"{\n  \"nmae\": \"x\"\n}").unwrap_err();
        assert_eq!(error.line, 2);
        assert!(error.message.contains("unknown field `nmae`"), "{error}");
        let error = RealmSettings::parse(b"{ \"extensions\": [\"ts\"] }").unwrap_err();
        assert!(
            error.message.contains("`ts` is not an extension"),
            "{error}"
        );
        assert_eq!((error.line, error.column), (1, 18));
        let error = RealmSettings::parse(b"{ \"plugins\": {\n  \".a\": \"x\", \"b\": \"x\" } }");
        let error = error.unwrap_err();
        assert_eq!((error.line, error.column), (2, 14));
        let error = RealmSettings::parse(b"{ \"cacheControl\": \"a\\nb\" }").unwrap_err();
        assert_eq!((error.line, error.column), (1, 19));
        let error = RealmSettings::parse(b"{ \"x at line 9\": 1 }").unwrap_err();
        assert!(error.message.contains("`x at line 9`"), "{error}");
        let error = RealmSettings::parse(b"{\n").unwrap_err();
        assert_eq!((error.line, error.column), (2, 1));
        let error = RealmSettings::parse(br#"{ "plugins": { ".ts": 1 } }"#).unwrap_err();
        assert!(error.message.contains("`use` and `options`"), "{error}");
    }

    #[test]
    fn a_list_is_no_object_and_an_extension_is_of_a_name() {
        for text in [
            r"[]",
            r#"["a name", [".ts"]]"#,
            r#"{ "plugins": { ".ts": ["typescript", {}] } }"#,
            r#"{ "extensions": [".\u0000"] }"#,
            r#"{ "extensions": [".\\"] }"#,
        ] {
            assert!(RealmSettings::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
