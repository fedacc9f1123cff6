//! What stands before a document: YAML between lines of `---`, TOML between lines of `+++`.

use realm_guest_sdk::{Diagnostic, Failure, LineIndex, Span};
use serde_json::{Map, Value};

/// Front matter, and what comes after it.
#[derive(Debug)]
pub(crate) struct FrontMatter<'a> {
    pub(crate) fields: Map<String, Value>,
    pub(crate) body: &'a str,
    pub(crate) warning: Option<Diagnostic>,
}

impl<'a> FrontMatter<'a> {
    /// The front matter of `text`, the contents of the file at `path`.
    ///
    /// A first line of `---` may as well be a thematic break. So what has no end is a part of the document, and so is YAML
    /// that is no mapping, with a warning.
    pub(crate) fn of(text: &'a str, path: &str) -> Result<Self, Failure> {
        let Some(block) = Block::of(text) else {
            return Ok(Self::none(text));
        };
        let error = |message: String, span: Span| {
            Failure::from(
                Diagnostic::error(message)
                    .code("front-matter")
                    .within(span)
                    .help(
                        "what stands between the first two lines of `---` is YAML, of `+++` TOML",
                    ),
            )
        };
        if block.is_toml {
            let table = toml::from_str::<toml::Table>(block.inside).map_err(|toml| {
                let range = toml.span().unwrap_or_default();
                let (start, end) = (block.start + range.start, block.start + range.end);
                let span = LineIndex::new(text).span(path, start..end);
                error(toml.message().to_owned(), span)
            })?;
            let fields = table.into_iter().map(|(key, value)| (key, json(value)));
            return Ok(Self::new(fields.collect(), block.after));
        }
        let value = yaml(block.inside).map_err(|yaml| {
            let offset = block.start + yaml.offset;
            let span = LineIndex::new(text).span(path, offset..offset);
            error(yaml.message, span)
        })?;
        match value {
            Value::Object(fields) => Ok(Self::new(fields, block.after)),
            Value::Null => Ok(Self::new(Map::new(), block.after)),
            _ => Ok(Self {
                warning: Some(
                    Diagnostic::warning("what stands between `---` and `---` is no front matter")
                        .code("front-matter")
                        .at(path, 1, 1)
                        .help(
                            "front matter is a list of `key: value`; for a line across the page write `***`",
                        ),
                ),
                ..Self::none(text)
            }),
        }
    }

    fn new(fields: Map<String, Value>, body: &'a str) -> Self {
        Self {
            fields,
            body,
            warning: None,
        }
    }

    fn none(text: &'a str) -> Self {
        Self::new(Map::new(), text)
    }

    /// A field as text: a string, or a number that somebody did not put in quotes.
    pub(crate) fn text(&self, field: &str) -> Option<String> {
        let text = match self.fields.get(field)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        (!text.is_empty()).then_some(text)
    }
}

/// Where front matter is.
struct Block<'a> {
    is_toml: bool,
    inside: &'a str,
    /// Where that begins, in bytes.
    start: usize,
    after: &'a str,
}

impl<'a> Block<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let mut lines = text.split_inclusive('\n');
        let first = lines.next()?;
        let fence = first.trim_end();
        if fence != "---" && fence != "+++" {
            return None;
        }
        let start = first.len();
        let mut end = start;
        for line in lines {
            if line.trim_end() == fence {
                return Some(Self {
                    is_toml: fence == "+++",
                    inside: &text[start..end],
                    start,
                    after: &text[end + line.len()..],
                });
            }
            end += line.len();
        }
        None
    }
}

const TOO_MUCH: &str = "this front matter is too long, too deep, or repeats too much of itself";

struct YamlError {
    message: String,
    /// In bytes.
    offset: usize,
}

/// The library bounds depth and what aliases expand to.
fn yaml(text: &str) -> Result<Value, YamlError> {
    // YAML 1.2: `no` is a word.
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // Without its own lines, which are not the document's.
        let full = error.without_snippet().to_string();
        let message = match full.split(" at line ").next().unwrap_or_default() {
            // What its limits are called is nobody's but the library's.
            limit if limit.starts_with("budget breached") => TOO_MUCH.to_owned(),
            message => message.to_owned(),
        };
        let Some(place) = error.location() else {
            return YamlError { message, offset: 0 };
        };
        let index = |number: u64| {
            usize::try_from(number)
                .unwrap_or(usize::MAX)
                .saturating_sub(1)
        };
        YamlError {
            message,
            offset: offset(text, index(place.line()), index(place.column())),
        }
    })
}

/// The byte at a line and a column, both from 0 and the latter in characters.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &text[start..];
    start
        + rest
            .char_indices()
            .nth(column)
            .map_or(rest.len(), |(at, _)| at)
}

/// TOML's values are JSON's, but for dates, which become strings, and numbers that are none.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(truth) => truth.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.into_iter().map(json).collect(),
        toml::Value::Table(table) => table
            .into_iter()
            .map(|(key, value)| (key, json(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}
