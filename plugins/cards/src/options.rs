//! What the plugin can be asked for.

use serde::Deserialize;

/// The JSON Schema of [`Options`], which says what each means.
pub(crate) const SCHEMA: &str = include_str!("options.schema.json");

/// The plugin's options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Options {
    pub(crate) memory_bytes: u32,
    pub(crate) output_bytes: u32,
    pub(crate) stack_bytes: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory_bytes: 160 << 20,
            output_bytes: 8 << 20,
            stack_bytes: 256 << 10,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_what_the_schema_says() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let default = |name: &str| schema["properties"][name]["default"].as_u64();
        let options = Options::default();
        assert_eq!(default("memoryBytes"), Some(options.memory_bytes.into()));
        assert_eq!(default("outputBytes"), Some(options.output_bytes.into()));
        assert_eq!(default("stackBytes"), Some(options.stack_bytes.into()));
    }
}
