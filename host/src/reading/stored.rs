//! How a derivation is written down, and when one that was written down may be used again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cache::Weigh;
use crate::database::Part;
use crate::plugins::{
    Asset, Definition, Diagnostic, Outcome, Output, ReadEntry, ReadKind, Rendering, Rendition,
    Stage, Work,
};
use crate::realm::{BlobHash, RealmId};
use crate::runtime;

/// One read of a stored derivation: relative to the asking realm, unless it was of another one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRead {
    /// The other realm's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) realm: Option<String>,
    /// What was asked for.
    pub(crate) path: String,
    /// What it meant: canonical path and hash; none: nothing.
    pub(crate) found: Option<(String, String)>,
    /// Of a module: what names its output and all that it was made from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made: Option<String>,
}

/// An outcome without its bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Summary {
    Output {
        imports: Vec<String>,
        diagnostics: Vec<Diagnostic>,
    },
    Invalid {
        diagnostics: Vec<Diagnostic>,
    },
    Rendition {
        /// Format and type of each part, in order.
        renderings: Vec<(String, String)>,
        title: Option<String>,
        search_document: String,
        types: Vec<String>,
        diagnostics: Vec<Diagnostic>,
    },
    Definitions {
        definitions: Vec<Definition>,
    },
    Unreadable {
        specifier: String,
        reason: String,
    },
    Declined,
}

/// A derivation, ready to be used.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) reads: Vec<StoredRead>,
    pub(crate) outcome: Arc<Outcome>,
}

/// The derivations of one key.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoredSet(pub(crate) Vec<Arc<Stored>>);

/// The most read sets of one key that are kept in memory.
const MOST_SETS: usize = 16;

impl StoredSet {
    /// With one more, which is asked first.
    pub(crate) fn with(&self, new: Arc<Stored>) -> Self {
        let old = self
            .0
            .iter()
            .filter(|known| known.reads != new.reads)
            .take(MOST_SETS - 1)
            .cloned();
        Self(std::iter::once(Arc::clone(&new)).chain(old).collect())
    }
}

impl Weigh for StoredSet {
    fn weight(&self) -> usize {
        let reads = |stored: &Stored| {
            stored
                .reads
                .iter()
                .map(|read| 160 + read.path.len())
                .sum::<usize>()
        };
        self.0
            .iter()
            .map(|stored| reads(stored) + weight(&stored.outcome))
            .sum::<usize>()
            + size_of::<Self>()
    }
}

/// Bytes of an outcome.
pub(crate) fn weight(outcome: &Outcome) -> usize {
    let own = match outcome {
        Outcome::Output(output) => {
            let assets = output
                .assets
                .iter()
                .map(|asset| asset.contents.len() + asset.suffix.len() + asset.media_type.len());
            let imports = output.imports.iter().map(|import| import.len() + 24);
            output.contents.len()
                + output.source_map.as_ref().map_or(0, Bytes::len)
                + assets.chain(imports).sum::<usize>()
                + said(&output.diagnostics)
        }
        Outcome::Rendition(rendition) => {
            let renderings = rendition.renderings.iter();
            let renderings = renderings.map(|one| one.contents.len() + one.as_type.len() + 64);
            renderings.sum::<usize>()
                + rendition.search_document.len()
                + said(&rendition.diagnostics)
        }
        Outcome::Definitions(all) => all.iter().map(|one| one.schema.len() + 128).sum(),
        Outcome::Invalid(diagnostics) => said(diagnostics),
        Outcome::Unreadable { specifier, reason } => specifier.len() + reason.len(),
        Outcome::Declined => 0,
    };
    own + 256
}

/// Bytes of diagnostics.
pub(crate) fn said(diagnostics: &[Diagnostic]) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let one = |d: &Diagnostic| {
        let texts = text(&d.code) + text(&d.path) + text(&d.help) + text(&d.plugin);
        size_of::<Diagnostic>() + d.message.len() + texts
    };
    diagnostics.iter().map(one).sum()
}

/// The key of a stage's derivation: everything that determines its outcome, besides what it reads.
pub(crate) fn key(
    input: BlobHash,
    path: &str,
    work: Work,
    stage: &Stage,
    imports: &BTreeMap<String, String>,
) -> BlobHash {
    let imports = if mutant!("imports-not-in-the-key") {
        String::new()
    } else {
        serde_json::to_string(imports).expect("plain data")
    };
    let path = if mutant!("path-not-in-the-key") {
        ""
    } else {
        path
    };
    // What the host itself gives to modules is not in any read set.
    let purpose = match work {
        Work::Transpile => "browser".to_owned(),
        Work::TranspileForPrerender => "prerender".to_owned(),
        Work::Render => format!("render {}", runtime::version()),
        Work::Define => format!("define {}", runtime::version()),
    };
    let mut hasher = blake3::Hasher::new_derive_key("realm derivation 1");
    for part in [
        input.as_bytes(),
        path.as_bytes(),
        purpose.as_bytes(),
        stage.plugin.digest.as_bytes(),
        stage.options.as_bytes(),
        stage.plugin.contract.as_bytes(),
        imports.as_bytes(),
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    BlobHash::from(*hasher.finalize().as_bytes())
}

/// A call's reads as they are written down. `url` gives the URL of a realm that is not the asking one.
pub(crate) fn reads(
    asking: RealmId,
    reads: &[ReadEntry],
    url: impl Fn(RealmId) -> Option<String>,
) -> Option<Vec<StoredRead>> {
    let mut all = Vec::with_capacity(reads.len());
    for read in reads {
        let made = match &read.kind {
            ReadKind::File => None,
            ReadKind::Module(_) if mutant!("module-not-read-as-what-it-is-made-to") => None,
            ReadKind::Module(tag) => Some(tag.to_string()),
            ReadKind::Around => continue,
        };
        let Some(found) = read.found.as_ref() else {
            if mutant!("absent-read-not-recorded") {
                continue;
            }
            return None;
        };
        let realm = if read.realm == asking {
            None
        } else {
            Some(url(read.realm)?)
        };
        let found = found
            .file
            .as_ref()
            .map(|(path, blob)| (path.to_string(), blob.to_string()));
        all.push(StoredRead {
            realm,
            path: read.path.to_string(),
            found,
            made,
        });
    }
    all.sort_by(|a, b| (&a.realm, &a.path, &a.made).cmp(&(&b.realm, &b.path, &b.made)));
    all.dedup();
    Some(all)
}

const CONTENTS: &str = "";
const SOURCE_MAP: &str = "map";

/// An outcome in the database's terms.
pub(crate) fn write(outcome: &Outcome, media_type: &str) -> (String, Vec<Part>) {
    let part = |part: &str, media_type: &str, bytes: &[u8]| Part {
        part: part.to_owned(),
        media_type: media_type.to_owned(),
        blob: BlobHash::of(bytes),
        bytes: bytes.to_vec(),
    };
    let (summary, parts) = match outcome {
        Outcome::Output(output) => {
            let mut parts = vec![part(CONTENTS, media_type, &output.contents)];
            parts.extend(
                output
                    .source_map
                    .as_ref()
                    .map(|map| part(SOURCE_MAP, "application/json", map)),
            );
            parts.extend(
                output
                    .assets
                    .iter()
                    .map(|asset| part(&asset.suffix, &asset.media_type, &asset.contents)),
            );
            (
                Summary::Output {
                    imports: output.imports.clone(),
                    diagnostics: output.diagnostics.clone(),
                },
                parts,
            )
        }
        Outcome::Rendition(rendition) => {
            let renderings = rendition.renderings.iter();
            let names = |one: &Rendering| (one.format.clone(), one.as_type.clone());
            let summary = Summary::Rendition {
                renderings: renderings.clone().map(names).collect(),
                title: rendition.title.clone(),
                search_document: rendition.search_document.clone(),
                types: rendition.types.clone(),
                diagnostics: rendition.diagnostics.clone(),
            };
            let parts = renderings.enumerate();
            let parts =
                parts.map(|(number, one)| part(&number.to_string(), media_type, &one.contents));
            (summary, parts.collect())
        }
        Outcome::Definitions(definitions) => (
            Summary::Definitions {
                definitions: definitions.clone(),
            },
            Vec::new(),
        ),
        Outcome::Invalid(diagnostics) => (
            Summary::Invalid {
                diagnostics: diagnostics.clone(),
            },
            Vec::new(),
        ),
        Outcome::Unreadable { specifier, reason } => (
            Summary::Unreadable {
                specifier: specifier.clone(),
                reason: reason.clone(),
            },
            Vec::new(),
        ),
        Outcome::Declined => (Summary::Declined, Vec::new()),
    };
    (serde_json::to_string(&summary).expect("plain data"), parts)
}

/// An outcome out of the database; none when it was written by a host that knew other things.
pub(crate) fn read(summary: &str, parts: Vec<Part>) -> Option<Outcome> {
    Some(match serde_json::from_str(summary).ok()? {
        Summary::Output {
            imports,
            diagnostics,
        } => {
            let mut output = Output {
                contents: Bytes::new(),
                source_map: None,
                assets: Vec::new(),
                imports,
                diagnostics,
            };
            let mut complete = false;
            for part in parts {
                match part.part.as_str() {
                    CONTENTS => {
                        output.contents = part.bytes.into();
                        complete = true;
                    }
                    SOURCE_MAP => output.source_map = Some(part.bytes.into()),
                    _ => output.assets.push(Asset {
                        suffix: part.part,
                        media_type: part.media_type,
                        contents: part.bytes.into(),
                    }),
                }
            }
            complete.then_some(Outcome::Output(output))?
        }
        Summary::Rendition {
            renderings,
            title,
            search_document,
            types,
            diagnostics,
        } => {
            let mut bytes: BTreeMap<String, Vec<u8>> = parts
                .into_iter()
                .map(|part| (part.part, part.bytes))
                .collect();
            let rendering = |(number, (format, as_type)): (usize, (String, String))| {
                Some(Rendering {
                    format,
                    as_type,
                    contents: bytes.remove(&number.to_string())?.into(),
                })
            };
            let renderings = renderings.into_iter().enumerate().map(rendering);
            Outcome::Rendition(Rendition {
                renderings: renderings.collect::<Option<_>>()?,
                title,
                search_document,
                types,
                diagnostics,
            })
        }
        Summary::Definitions { definitions } => Outcome::Definitions(definitions),
        Summary::Invalid { diagnostics } => Outcome::Invalid(diagnostics),
        Summary::Unreadable { specifier, reason } => Outcome::Unreadable { specifier, reason },
        Summary::Declined => Outcome::Declined,
    })
}

#[cfg(test)]
mod tests {
    use super::{StoredSet, read, write};
    use crate::plugins::{Asset, Outcome, Output};

    #[test]
    fn an_outcome_comes_back_as_it_was() {
        let output = Output {
            contents: "x".into(),
            source_map: Some("{}".into()),
            assets: vec![Asset {
                suffix: ".css".into(),
                media_type: "text/css".into(),
                contents: "a{}".into(),
            }],
            imports: vec!["./y".into()],
            diagnostics: Vec::new(),
        };
        for outcome in [
            Outcome::Output(output),
            Outcome::Declined,
            Outcome::Unreadable {
                specifier: "a".into(),
                reason: "b".into(),
            },
        ] {
            let (summary, parts) = write(&outcome, "text/javascript");
            assert_eq!(read(&summary, parts), Some(outcome));
        }
        let lost = write(
            &Outcome::Output(Output {
                contents: bytes::Bytes::from_static(&[1]),
                source_map: None,
                assets: vec![],
                imports: vec![],
                diagnostics: vec![],
            }),
            "text/css",
        )
        .0;
        assert_eq!(
            read(&lost, Vec::new()),
            None,
            "an output whose bytes are gone is no output"
        );
        assert!(StoredSet::default().0.is_empty());
    }
}
