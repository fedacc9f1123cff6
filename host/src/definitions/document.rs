//! What a stored row says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::plugins::{Definition, Diagnostic};
use crate::reading::Failure;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Document {
    Definitions(Vec<Definition>),
    Failed {
        diagnostics: Vec<Diagnostic>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        plugin: Option<String>,
    },
}

/// Writes an outcome down.
pub(super) fn write(outcome: &Result<Arc<[Definition]>, Failure>) -> String {
    let document = match outcome {
        Ok(all) => Document::Definitions(all.to_vec()),
        Err(failure) => Document::Failed {
            diagnostics: failure.diagnostics.clone(),
            plugin: failure.plugin.clone(),
        },
    };
    serde_json::to_string(&document).expect("plain data")
}

/// Reads an outcome; none when another version wrote it in a way that this one does not know.
pub(super) fn read(text: &str) -> Option<Result<Arc<[Definition]>, Failure>> {
    Some(match serde_json::from_str(text).ok()? {
        Document::Definitions(all) => Ok(all.into()),
        Document::Failed {
            diagnostics,
            plugin,
        } => Err(Failure {
            diagnostics,
            plugin,
        }),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{read, write};
    use crate::plugins::{Definition, Diagnostic};
    use crate::reading::Failure;

    #[test]
    fn what_was_written_is_read() {
        let definition = Definition {
            export_name: "default".to_owned(),
            kind: "card".to_owned(),
            schema: r#"{"a":1}"#.to_owned(),
        };
        let all: Arc<[_]> = [definition].into();
        assert_eq!(read(&write(&Ok(Arc::clone(&all)))).unwrap().unwrap(), all);
        let failure = Failure {
            diagnostics: vec![Diagnostic::error("no", "x")],
            plugin: Some("p@1".to_owned()),
        };
        let failed = read(&write(&Err(failure.clone()))).unwrap().unwrap_err();
        assert_eq!(failed.diagnostics, failure.diagnostics);
        assert_eq!(failed.plugin, failure.plugin);
        assert!(read("{}").is_none() && read("").is_none());
    }
}
