//! What a plugin says of its options, and whether options are so: its `options-schema`, JSON Schema of 2020-12. Somebody
//! else has written it, so it is bounded before anything is checked by it.

use std::collections::HashMap;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

/// Bytes of a schema.
const BYTES: usize = 64 << 10;
/// Subschemas and their parts, each as often as it is referred to.
const PARTS: u64 = 4_000;
/// How deep they lie in one another, by references as well.
const DEPTH: usize = 64;
/// Regular expressions, and the memory of each.
const PATTERNS: usize = 32;
const PATTERN_BYTES: usize = 1 << 20;
/// Bytes of options.
const OPTIONS: usize = 16 << 10;
/// Mistakes that are told at once.
const TOLD: usize = 10;

/// A plugin's `options-schema`.
#[derive(Clone, Debug)]
pub struct OptionsSchema {
    /// As the plugin gives it.
    pub schema: Value,
    validator: Validator,
}

/// What is wrong with options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionsProblem {
    /// Where in the options: keys and numbers of items.
    pub pointer: Vec<String>,
    /// Whether the last of them should not be there, whatever its value.
    pub key: bool,
    /// What is wrong.
    pub message: String,
    /// What the schema allows.
    pub help: String,
}

impl OptionsProblem {
    /// What is wrong with the options that `realm.json` gives for an extension.
    #[must_use]
    pub fn said_of(&self, extension: &str, plugin: &str) -> String {
        let message = &self.message;
        format!("the options of `{extension}` do not fit plugin `{plugin}`: {message}")
    }

    /// Where in `realm.json` that is.
    #[must_use]
    pub fn pointer_of(&self, extension: &str) -> Vec<String> {
        let within = ["plugins", extension, "options"].map(str::to_owned);
        within.into_iter().chain(self.pointer.clone()).collect()
    }
}

impl OptionsSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// What is wrong with it, in words of its author's.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > BYTES {
            return Err(format!(
                "it has {} bytes; at most {BYTES} are taken",
                text.len()
            ));
        }
        let schema: Value =
            serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?;
        if !mutant!("options-schema-of-any-size") {
            Bounds::new(&schema).check()?;
        }
        let patterns = PatternOptions::regex()
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES);
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .with_pattern_options(patterns)
            .build(&schema);
        let validator = validator.map_err(|error| {
            let place = error.instance_path().as_str();
            format!(
                "it is no JSON Schema of 2020-12: at `{place}`: {}",
                short(&error.masked().to_string())
            )
        })?;
        Ok(Self { schema, validator })
    }

    /// What is wrong with options, a JSON object; nothing: they are as the schema says.
    #[must_use]
    pub fn problems(&self, options: &str) -> Vec<OptionsProblem> {
        let whole = |message: String, help: &str| {
            vec![OptionsProblem {
                pointer: Vec::new(),
                key: false,
                message,
                help: help.to_owned(),
            }]
        };
        if options.len() > OPTIONS {
            let message = format!(
                "they have {} bytes; at most {OPTIONS} are taken",
                options.len()
            );
            return whole(
                message,
                "keep what is large in a file that the plugin reads",
            );
        }
        let options = match serde_json::from_str::<Value>(options) {
            Ok(options) => options,
            Err(error) => return whole(error.to_string(), "options are a JSON object"),
        };
        let errors = self.validator.iter_errors(&options);
        let problems = errors.flat_map(|error| self.told(&error));
        problems.take(TOLD).collect()
    }

    fn told(&self, error: &ValidationError<'_>) -> Vec<OptionsProblem> {
        let pointer: Vec<_> = error
            .instance_path()
            .iter()
            .map(|step| step.to_string())
            .collect();
        let name = |pointer: &[String]| {
            if pointer.is_empty() {
                "they".to_owned()
            } else {
                format!("`{}`", pointer.join("."))
            }
        };
        let around = self.around(error.schema_path().as_str());
        let unexpected = match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected.as_slice(),
            _ => &[],
        };
        if !unexpected.is_empty() {
            let known = around["properties"].as_object().into_iter().flatten();
            let known: Vec<_> = known.map(|(key, _)| format!("`{key}`")).collect();
            let help = if known.is_empty() {
                "the plugin has no option there".to_owned()
            } else {
                format!("the options are {}", short(&known.join(", ")))
            };
            let each = unexpected.iter().map(|key| {
                let mut pointer = pointer.clone();
                pointer.push(key.clone());
                OptionsProblem {
                    message: format!("there is no option {}", name(&pointer)),
                    pointer,
                    key: true,
                    help: help.clone(),
                }
            });
            return each.collect();
        }
        let help = match error.kind() {
            ValidationErrorKind::Enum { options } => {
                let options = options.as_array().into_iter().flatten();
                let options: Vec<_> = options.map(Value::to_string).collect();
                format!("it is one of {}", short(&options.join(", ")))
            }
            _ => format!("the plugin's schema says: {}", short(&around.to_string())),
        };
        let value = match error.kind() {
            ValidationErrorKind::Required { .. } | ValidationErrorKind::FalseSchema => {
                error.to_string()
            }
            _ => error.masked_with("the value").to_string(),
        };
        vec![OptionsProblem {
            message: format!("{}: {}", name(&pointer), short(&value)),
            pointer,
            key: false,
            help,
        }]
    }

    /// The subschema that a keyword stands in.
    fn around(&self, path: &str) -> &Value {
        let within = path.rsplit_once('/').map_or("", |(within, _)| within);
        self.schema.pointer(within).unwrap_or(&Value::Null)
    }
}

fn short(text: &str) -> String {
    const MOST: usize = 400;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{} …", &text[..at]),
        None => text.to_owned(),
    }
}

/// How much work a schema makes, counted with care: whatever looks like a reference is taken for one.
struct Bounds<'a> {
    root: &'a Value,
    /// Parts and depth of what a reference leads to; none: it is being counted.
    counted: HashMap<&'a str, Option<(u64, usize)>>,
    patterns: usize,
}

impl<'a> Bounds<'a> {
    fn new(root: &'a Value) -> Self {
        Self {
            root,
            counted: HashMap::new(),
            patterns: 0,
        }
    }

    fn check(mut self) -> Result<(), String> {
        let (parts, depth) = self.count(self.root, 0)?;
        if parts > PARTS {
            return Err(format!(
                "it has more than {PARTS} parts, with all that it refers to"
            ));
        }
        if depth > DEPTH {
            return Err(too_deep());
        }
        if self.patterns > PATTERNS {
            return Err(format!("it has more than {PATTERNS} regular expressions"));
        }
        Ok(())
    }

    /// Parts and depth of a value, with all that it refers to.
    fn count(&mut self, value: &'a Value, above: usize) -> Result<(u64, usize), String> {
        if above > DEPTH {
            return Err(too_deep());
        }
        let (mut parts, mut depth) = (1_u64, 0);
        let mut add = |(more, deep): (u64, usize)| {
            parts = parts.saturating_add(more);
            depth = depth.max(deep);
        };
        match value {
            Value::Array(all) => {
                for one in all {
                    add(self.count(one, above + 1)?);
                }
            }
            Value::Object(all) => {
                for (key, one) in all {
                    add(self.count(one, above + 1)?);
                    match (key.as_str(), one) {
                        ("$ref", Value::String(to)) => add(self.referred(to, above + 1)?),
                        ("pattern", Value::String(_)) => self.patterns += 1,
                        ("patternProperties", Value::Object(all)) => self.patterns += all.len(),
                        ("$dynamicRef" | "$recursiveRef", Value::String(_)) => {
                            return Err(format!("`{key}` is not taken: write the place, `$ref`"));
                        }
                        ("$id" | "$anchor" | "$dynamicAnchor", Value::String(_)) if above > 0 => {
                            return Err(format!(
                                "`{key}` below the root is not taken: refer by the place, as in `#/$defs/x`"
                            ));
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok((parts, depth + 1))
    }

    fn referred(&mut self, to: &'a str, above: usize) -> Result<(u64, usize), String> {
        match self.counted.get(to) {
            Some(Some(known)) => return Ok(*known),
            Some(None) => {
                return Err(format!(
                    "`{to}` refers to itself: options of any depth are not taken"
                ));
            }
            None => {}
        }
        let target = to
            .strip_prefix('#')
            .and_then(|pointer| self.root.pointer(pointer));
        let Some(target) = target else {
            return Err(format!(
                "`$ref` to `{to}`: it is not in the schema, and nothing else is looked at; write `#/$defs/…`"
            ));
        };
        self.counted.insert(to, None);
        let known = self.count(target, above)?;
        self.counted.insert(to, Some(known));
        Ok(known)
    }
}

fn too_deep() -> String {
    format!("it is more than {DEPTH} deep, with all that it refers to")
}

#[cfg(test)]
mod tests;
