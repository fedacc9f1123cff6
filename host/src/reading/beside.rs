use std::sync::Arc;

use bytes::Bytes;

use super::{Artifact, Asked, Made, Module, Read, ReadError, Reader};
use crate::realm::LocalPath;
use crate::registry::Mounted;

/// What a path is answered with.
#[derive(Clone, Debug)]
pub enum Reply {
    /// The file that it means, or that there is none.
    Module(Module),
    /// A piece of the output of the file whose path it continues: `<path>.map`, `<path><suffix>`.
    Piece(Module, Piece),
}

/// A piece of an output beside its contents.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its media type.
    pub media_type: String,
    /// What names its bytes.
    pub tag: String,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Reply {
    /// The module, without the piece.
    #[must_use]
    pub fn into_module(self) -> Module {
        match self {
            Self::Module(module) | Self::Piece(module, _) => module,
        }
    }
}

/// How often several reads are tried again until all are of one generation.
const TRIES: usize = 20;

impl Reader {
    /// What a path is served as: its file, else a piece of the output of another.
    ///
    /// # Errors
    /// As [`Reader::module`].
    pub async fn reply(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
    ) -> Result<Read<Reply>, ReadError> {
        for _ in 0..TRIES {
            let read = self.module(realm, path, asked).await?;
            if read.value.file.is_some() {
                return Ok(read.map(Reply::Module));
            }
            // From here on the answer is made of several reads, which must be of one generation.
            let generation = read.generation;
            let (mut newest, mut torn) = (generation, false);
            let mut found = None;
            for base in path.aliases().filter_map(|base| LocalPath::new(base).ok()) {
                // Only the file of exactly that name is made: a missing style sheet must not run its script.
                let there = self.source(realm, &base).await?;
                let exact = there
                    .value
                    .file
                    .as_ref()
                    .is_some_and(|file| file.path == base);
                let beside = if exact {
                    self.module(realm, &base, asked).await?
                } else {
                    there
                };
                newest = newest.max(beside.generation);
                torn |= beside.generation != generation;
                if torn {
                    break;
                }
                if !exact {
                    continue;
                }
                let suffix = &path.as_str()[base.as_str().len()..];
                if let Some(piece) = piece_of(&beside.value, &base, suffix) {
                    found = Some(beside.map(|module| Reply::Piece(module, piece)));
                    break;
                }
            }
            if !torn {
                return Ok(found.unwrap_or_else(|| read.map(Reply::Module)));
            }
            if realm.tracker.applied() < newest {
                self.0.hub.catch_up(&realm.tracker).await?;
            }
        }
        Err(ReadError::Overtaken(TRIES))
    }
}

fn piece_of(module: &Module, base: &LocalPath, suffix: &str) -> Option<Piece> {
    module.file.as_ref().filter(|file| file.path == *base)?;
    let Made::Output(output) = &*module.made else {
        return None;
    };
    let (media_type, bytes) = bytes_of(output, suffix)?;
    // A suffix may have what a tag may not.
    let suffix: String = suffix
        .chars()
        .map(|c| {
            if c.is_ascii_graphic() && c != '"' {
                c
            } else {
                '-'
            }
        })
        .collect();
    Some(Piece {
        media_type,
        tag: format!("{}{suffix}", output.tag),
        bytes,
    })
}

fn bytes_of(output: &Artifact, suffix: &str) -> Option<(String, Bytes)> {
    let asset = output.assets.iter().find(|asset| asset.suffix == suffix);
    if let Some(asset) = asset {
        return Some((asset.media_type.clone(), asset.contents.clone()));
    }
    let map = output.source_map.as_ref().filter(|_| suffix == ".map")?;
    Some(("application/json".to_owned(), map.clone()))
}
