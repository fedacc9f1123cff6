//! Stands in for the prerendering part of the reading room.

use std::sync::Arc;

use super::{Asked, Failure, ReadError, Reader};
use crate::database::FileRow;
use crate::plugins::{Definition, Rendition};
use crate::realm::{Generation, LocalPath, RealmId};
use crate::registry::Mounted;

/// Examined.
#[derive(Clone, Debug)]
pub struct Examined<T> {
    pub file: Option<FileRow>,
    pub outcome: T,
    pub tag: String,
    pub plugin: Option<String>,
    pub reads: Vec<ReadOf>,
    pub registry: Option<Generation>,
    pub called: bool,
}
/// Rendered.
pub type Rendered = Examined<DocumentOutcome>;
/// Outcome.
#[derive(Clone, Debug)]
pub enum DocumentOutcome {
    Rendition(Arc<Rendition>),
    Definitions(Arc<[Definition]>),
    Failed(Failure),
    Plain,
}
/// Read.
#[derive(Clone, Debug)]
pub struct ReadOf {
    pub url: String,
    pub place: Option<(RealmId, LocalPath)>,
    pub read_at: Generation,
}
impl Reader {
    pub fn renders(&self, _path: &LocalPath) -> bool {
        false
    }
    pub async fn render(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        _asked: Asked,
    ) -> Result<Rendered, ReadError> {
        let (resolved, _) = self.resolve(realm, path).await?;
        let resolution = &resolved.resolution;
        let file = resolution.file.clone().filter(|file| file.path == *path);
        Ok(Examined {
            tag: file.as_ref().map_or("absent".to_owned(), |file| {
                format!("plain {}", file.blob.short())
            }),
            file,
            outcome: DocumentOutcome::Plain,
            plugin: None,
            reads: vec![ReadOf {
                url: realm.url.join(path),
                place: Some((realm.id, path.clone())),
                read_at: resolution.read_at,
            }],
            registry: None,
            called: false,
        })
    }
}
