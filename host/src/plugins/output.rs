use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::source_map::{self, BadMap};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// There is no output because of it.
    Error,
    /// There is output all the same.
    Warning,
    /// Advice.
    Hint,
}

/// A place in a file; both count from 1, columns in UTF-16 code units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The line.
    pub line: u32,
    /// The column.
    pub column: u32,
}

/// One thing that a plugin says of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub message: String,
    /// The plugin's own code for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// In which file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Position>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Position>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Who says so, `name@version`, where several may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<String>,
}

/// A second output beside the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What follows the file's path.
    pub suffix: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub contents: Bytes,
}

/// What a transpiler gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The bytes.
    pub contents: Bytes,
    /// Source map v3.
    pub source_map: Option<Bytes>,
    /// Further outputs.
    pub assets: Vec<Asset>,
    /// Import specifiers, as written.
    pub imports: Vec<String>,
    /// Warnings and hints.
    pub diagnostics: Vec<Diagnostic>,
}

/// The formats that a document may be rendered in.
pub const FORMATS: [&str; 7] = [
    "isolated", "embedded", "fitted", "atom", "head", "icon", "markdown",
];

/// A document in one format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendering {
    /// One of [`FORMATS`].
    pub format: String,
    /// Which of the document's types it is rendered as; empty: its own.
    pub as_type: String,
    /// HTML, SVG or Markdown.
    pub contents: Bytes,
}

/// What a prerenderer made of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendition {
    /// The document in its formats.
    pub renderings: Vec<Rendering>,
    /// What it is listed as.
    pub title: Option<String>,
    /// A JSON object.
    pub search_document: String,
    /// Its type and that type's ancestors, most specific first.
    pub types: Vec<String>,
    /// Warnings and hints.
    pub diagnostics: Vec<Diagnostic>,
}

/// What one export of a module defines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Definition {
    /// The export.
    pub export_name: String,
    /// What kind of thing it is, in the plugin's own words.
    pub kind: String,
    /// JSON, of a shape that `kind` tells.
    pub schema: String,
}

/// What a call came to. Each of them is deterministic, and cached like any other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An output.
    Output(Output),
    /// A rendered document.
    Rendition(Rendition),
    /// What a module defines.
    Definitions(Vec<Definition>),
    /// The input is wrong.
    Invalid(Vec<Diagnostic>),
    /// A read that the call could not do without gave nothing.
    Unreadable {
        /// What was to be read.
        specifier: String,
        /// Why not.
        reason: String,
    },
    /// Not for this plugin.
    Declined,
}

/// Media types that an output may have: what a browser takes from a realm without being able to break out of it.
pub(super) const MEDIA_TYPES: [&str; 7] = [
    "text/javascript",
    "text/css",
    "text/html",
    "text/plain",
    "application/json",
    "image/svg+xml",
    "application/wasm",
];

fn may_be_served(asset: &Asset) -> bool {
    let suffix = asset.suffix.starts_with('.') && !asset.suffix.contains('/');
    suffix && MEDIA_TYPES.contains(&asset.media_type.as_str())
}

impl Diagnostic {
    /// An error of the host's own about a whole file.
    #[must_use]
    pub fn error(message: &str, code: &str) -> Self {
        Self {
            severity: Severity::Error,
            message: message.to_owned(),
            code: Some(code.to_owned()),
            path: None,
            start: None,
            end: None,
            help: None,
            plugin: None,
        }
    }

    /// A warning: a plugin's source map is left out.
    #[must_use]
    pub fn bad_map(problem: &BadMap) -> Self {
        Self {
            severity: Severity::Warning,
            help: Some("give a flat source map of version 3 whose source is the input".to_owned()),
            ..Self::error(
                &format!("the source map that the plugin gave is left out: {problem}"),
                "source-map",
            )
        }
    }
}

impl Outcome {
    /// What a transpiler gave, if it may be served.
    pub(super) fn of_output(output: Output) -> Self {
        if output.assets.iter().all(may_be_served) {
            return Self::Output(output);
        }
        let message = "the plugin gave an asset whose suffix or media type no output may have";
        Self::Invalid(vec![Diagnostic::error(message, "asset")])
    }

    /// What a prerenderer gave, in the formats that there are.
    pub(super) fn of_rendition(mut rendition: Rendition) -> Self {
        let object = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(
            &rendition.search_document,
        );
        if object.is_err() {
            let message = "the plugin gave a search document that is no JSON object";
            return Self::Invalid(vec![Diagnostic::error(message, "search-document")]);
        }
        let known = |rendering: &Rendering| FORMATS.contains(&&*rendering.format);
        rendition.renderings.retain(known);
        Self::Rendition(rendition)
    }
}

/// An outcome as it is kept: the map of an output is one that can be followed, and has the text of the input (`path` and
/// `url` of it, and its bytes); else it is left out, with a warning.
pub(super) fn with_map(
    outcome: Outcome,
    (path, url, input): (&str, &str, &[u8]),
    most: usize,
) -> Outcome {
    let Outcome::Output(mut output) = outcome else {
        return outcome;
    };
    if let Some(map) = &output.source_map {
        match source_map::kept(map, (path, url, input), most) {
            Ok(None) => {}
            Ok(filled) => output.source_map = filled,
            Err(problem) => {
                output.source_map = None;
                output.diagnostics.push(Diagnostic {
                    path: Some(path.to_owned()),
                    ..Diagnostic::bad_map(&problem)
                });
            }
        }
    }
    Outcome::Output(output)
}
