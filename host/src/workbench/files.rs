use std::sync::{Arc, LazyLock};

use futures_util::future::BoxFuture;

use super::making::{Job, Made};
use super::{Folder, Workbench};
use crate::plugins::{
    Contents, Files, LoadFailure, LoadedModule, Plugin, ReadFailure, ReadTrouble, Work,
};
use crate::reading::{known_without_looking, module_type};
use crate::realm::{LocalPath, RealmUrl, guest_url, media_type};

/// A realm needs a URL, if only to be climbed out of.
static REALM: LazyLock<RealmUrl> =
    LazyLock::new(|| RealmUrl::parse("http://localhost/workbench/").expect("a plain URL"));

/// What a call may read: a folder.
pub(super) struct FolderFiles {
    pub(super) bench: Workbench,
    pub(super) folder: Arc<Folder>,
    pub(super) work: Work,
    /// The plugin that is being written: modules go through it as well.
    pub(super) first: Option<Arc<Plugin>>,
}

impl FolderFiles {
    fn locate(&self, specifier: &str, referrer: &str) -> Result<LocalPath, ReadFailure> {
        let settings = &self.folder.settings;
        let meant = settings
            .meant_by(specifier, referrer, REALM.as_str())
            .ok_or(ReadFailure::Outside)?;
        let Some(path) = REALM.local(&meant.url) else {
            let within = meant.url.starts_with(REALM.as_str());
            return Err(if within {
                ReadFailure::NotFound
            } else {
                ReadFailure::Outside
            });
        };
        self.folder.find(&path).ok_or(ReadFailure::NotFound)
    }

    fn contents(&self, path: &LocalPath) -> Result<Result<Contents, ReadFailure>, ReadTrouble> {
        let bytes = self.folder.read(path).map_err(trouble)?;
        if bytes.len() > self.folder.most {
            return Ok(Err(ReadFailure::TooLarge));
        }
        Ok(Ok(Contents {
            url: guest_url(path),
            path: path.to_string(),
            media_type: media_type(path.as_str()).to_owned(),
            bytes,
        }))
    }

    async fn module(
        &self,
        path: &LocalPath,
    ) -> Result<Result<LoadedModule, LoadFailure>, ReadTrouble> {
        let bytes = match self.contents(path)? {
            Ok(contents) => contents.bytes,
            Err(failure) => return Ok(Err(LoadFailure::Unreadable(failure))),
        };
        let plugins = self.bench.plugins(self.first.as_ref()).await;
        let plugins = plugins.map_err(trouble)?;
        let job = Job {
            work: Work::TranspileForPrerender,
            folder: Arc::clone(&self.folder),
            path: path.clone(),
            bytes,
            options: None,
            first: self.first.clone(),
        };
        let (made, _) = self.bench.make(&job, &plugins).await;
        let (served_as, code, source_map) = match made {
            Made::AsIs(bytes) => (media_type(path.as_str()).to_owned(), bytes, None),
            Made::Output {
                output, media_type, ..
            } => (media_type, output.contents, output.source_map),
            Made::Failed(diagnostics) => return Ok(Err(LoadFailure::Invalid(diagnostics))),
        };
        Ok(
            module_type(&served_as, path).map(|media_type| LoadedModule {
                url: guest_url(path),
                media_type,
                code,
                source_map,
            }),
        )
    }
}

impl Files for FolderFiles {
    fn load(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<LoadedModule, LoadFailure>, ReadTrouble>> {
        Box::pin(async move {
            if let Some(known) = known_without_looking(&specifier, self.work) {
                return Ok(known);
            }
            match self.locate(&specifier, &referrer) {
                Ok(path) => self.module(&path).await,
                Err(failure) => Ok(Err(LoadFailure::Unreadable(failure))),
            }
        })
    }

    fn read(
        &self,
        specifier: String,
        referrer: String,
    ) -> BoxFuture<'_, Result<Result<Contents, ReadFailure>, ReadTrouble>> {
        Box::pin(async move {
            match self.locate(&specifier, &referrer) {
                Ok(path) => self.contents(&path),
                Err(failure) => Ok(Err(failure)),
            }
        })
    }
}

fn trouble(error: anyhow::Error) -> ReadTrouble {
    ReadTrouble(format!("{error:#}"))
}
