use std::collections::BTreeMap;

use serde::Deserialize;

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
#[serde(untagged)]
pub enum PluginChoice {
    /// `name` or `name@version`.
    Name(String),
    /// A plugin and its options.
    Full(PluginWithOptions),
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
    pub options: serde_json::Map<String, serde_json::Value>,
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
            Self::Full(full) => serde_json::Value::Object(full.options.clone()).to_string(),
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
        let settings: Self = serde_json::from_slice(bytes).map_err(|error| {
            let text = error.to_string();
            let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
            SettingsError {
                message,
                line: error.line(),
                column: error.column(),
            }
        })?;
        settings.check().map_err(|message| SettingsError {
            message,
            line: 0,
            column: 0,
        })?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        if self.extensions.len() > Self::MAX_EXTENSIONS {
            return Err(format!(
                "`extensions` has {} entries; at most {} are allowed",
                self.extensions.len(),
                Self::MAX_EXTENSIONS
            ));
        }
        for extension in self.extensions.iter().chain(self.plugins.keys()) {
            if !extension.starts_with('.') || extension.len() < 2 || extension.contains('/') {
                return Err(format!(
                    "`{extension}` is not an extension; write it with its dot, as in `.ts`"
                ));
            }
        }
        if let Some(value) = &self.cache_control
            && (value.is_empty() || !value.bytes().all(|byte| (0x20..0x7f).contains(&byte)))
        {
            return Err(
                "`cacheControl` is not a list of directives, as in `max-age=60`".to_owned(),
            );
        }
        Ok(())
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
        assert!(RealmSettings::parse(b"{ \"cacheControl\": \"a\\nb\" }").is_err());
    }
}
