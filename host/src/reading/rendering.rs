//! Documents as prerenderers make them, and what modules define: made by calls, or found again where everything that was
//! read for them would come out the same.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::derive::{Derived, Input, Run, Wanted, failure, misconfigured};
use super::resolve::Resolved;
use super::{Asked, Failure, Interruption, Origin, ReadError, Reader};
use crate::cache::Flight;
use crate::database::FileRow;
use crate::plugins::{Definition, Outcome, Plugins, Rendering, Rendition, Work};
use crate::realm::{Generation, LocalPath, RealmId, SETTINGS_FILE, STAND_IN};
use crate::registry::Mounted;

/// What a document is at some moment, and what that was made from.
#[derive(Clone, Debug)]
pub struct Examined<T> {
    /// Its file; none: there is none, or none any more.
    pub file: Option<FileRow>,
    /// What it came to.
    pub outcome: T,
    /// Names the state: the file, the plugin, its options and everything read. Two looks with one tag are the same.
    pub tag: String,
    /// The digest of the plugin that was last asked.
    pub plugin: Option<String>,
    /// Names the plugins of the moment at which it was wanted.
    pub plugins: Arc<str>,
    /// Everything that was read: the document, `realm.json`, every module, file and probe, absent ones included.
    pub reads: Vec<ReadOf>,
    /// The registry's generation before anything was read, where that says which realm a URL lies in.
    pub registry: Option<Generation>,
    /// Whether a guest ran for it.
    pub called: bool,
}

/// A document, rendered.
pub type Rendered = Examined<DocumentOutcome>;

/// A module, and what it defines.
pub type Defined = Examined<Result<Arc<[Definition]>, Failure>>;

/// What a document came to.
#[derive(Clone, Debug)]
pub enum DocumentOutcome {
    /// A prerenderer has rendered it.
    Rendition(Arc<Rendition>),
    /// What a module defines.
    Definitions(Arc<[Definition]>),
    /// It cannot be rendered, for reasons that are in it or in what it reads.
    Failed(Failure),
    /// No prerenderer takes it.
    Plain,
}

/// One look for a document.
#[derive(Clone, Debug)]
pub struct ReadOf {
    /// What was looked at, absolute, without the extension where it was left out.
    pub url: String,
    /// Where that lies; none: in no realm of the cluster.
    pub place: Option<(RealmId, LocalPath)>,
    /// The generation of its realm at which it was as it was.
    pub read_at: Generation,
}

impl Reader {
    /// Whether there is more to a file of this name than that it is there: some prerenderer takes it, or it is the realm's
    /// settings, which may have a mistake.
    #[must_use]
    pub fn renders(&self, path: &LocalPath) -> bool {
        is_examined(&self.plugins(), path)
    }

    /// Which file each of these paths means; none: there is none.
    ///
    /// # Errors
    /// When the realm is gone or the database is away.
    pub async fn files(
        &self,
        realm: &Arc<Mounted>,
        paths: &[LocalPath],
    ) -> Result<HashMap<LocalPath, Option<LocalPath>>, ReadError> {
        let found = self.resolve_all(realm, paths).await?;
        let file = |resolved: &Resolved| {
            let file = resolved.resolution.file.as_ref();
            file.map(|file| file.path.clone())
        };
        Ok(found
            .into_iter()
            .map(|(path, resolved)| (path, file(&resolved)))
            .collect())
    }

    /// Renders the document at exactly `path`, or finds what was rendered before and is still so.
    ///
    /// # Errors
    /// Passing trouble: the realm is gone, the database is away, too many calls wait, the host is stopping, or what it
    /// reads changes faster than it can be made. What is wrong with the document is an outcome.
    pub async fn render(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
    ) -> Result<Rendered, ReadError> {
        self.examine(realm, path, Work::Render, asked).await
    }

    /// What the module at exactly `path` defines, made or found again.
    ///
    /// # Errors
    /// As [`Reader::render`].
    pub async fn define(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        asked: Asked,
    ) -> Result<Defined, ReadError> {
        let examined = self.examine(realm, path, Work::Define, asked).await?;
        let outcome = match examined.outcome {
            DocumentOutcome::Definitions(all) => Ok(all),
            DocumentOutcome::Failed(failure) => Err(failure),
            DocumentOutcome::Plain | DocumentOutcome::Rendition(_) => Ok(Arc::default()),
        };
        Ok(Examined {
            outcome,
            file: examined.file,
            tag: examined.tag,
            plugin: examined.plugin,
            plugins: examined.plugins,
            reads: examined.reads,
            registry: examined.registry,
            called: examined.called,
        })
    }

    async fn examine(
        &self,
        realm: &Arc<Mounted>,
        path: &LocalPath,
        work: Work,
        asked: Asked,
    ) -> Result<Rendered, ReadError> {
        let (mut restarts, mut spared) = (0, false);
        loop {
            let plugins = self.plugins();
            let (resolved, _) = self.resolve(realm, path).await?;
            let resolution = &resolved.resolution;
            let file = resolution.file.clone().filter(|file| file.path == *path);
            let Some(file) = file else {
                let read_at = resolution.read_at;
                let tag = "absent".to_owned();
                return Ok(untouched(realm, path, None, &plugins, read_at, tag));
            };
            if work == Work::Render && !is_examined(&plugins, path) {
                let tag = format!("plain {}", file.blob.short());
                let read_at = resolution.read_at;
                return Ok(untouched(realm, path, Some(file), &plugins, read_at, tag));
            }
            let wanted = Wanted {
                realm: Arc::clone(realm),
                file: file.clone(),
                resolved: Arc::clone(&resolved),
                work,
                plugins: Arc::clone(&plugins),
                since: asked.since,
            };
            let own = self.clone();
            let mut waiter = self
                .0
                .document_flights
                .join(wanted.key(), |flight| own.derive_document(wanted, flight));
            if spared {
                waiter.spare();
            }
            match waiter.result().await.ok_or(ReadError::Broken)? {
                Ok(derived) => return Ok(self.examined(realm, file, plugins.name(), &derived)),
                Err(Interruption::Change) => restarts += 1,
                Err(Interruption::Notice) => spared = true,
                Err(Interruption::Failed(error)) => return Err(error),
            }
            if restarts > self.0.limits.restarts {
                return Err(ReadError::Overtaken(restarts));
            }
        }
    }

    async fn derive_document(
        self,
        wanted: Wanted,
        flight: Arc<Flight>,
    ) -> Result<Derived<DocumentOutcome>, Interruption> {
        let mut run = Run::new(&self, &wanted, &flight);
        let outcome = run.document().await?;
        let derived = run.finish(outcome).await?;
        #[cfg(feature = "under-test")]
        crate::gates::pass("rendered", wanted.file.path.as_str()).await;
        derived.unless_overtaken()
    }

    fn examined(
        &self,
        realm: &Arc<Mounted>,
        file: FileRow,
        plugins: &Arc<str>,
        derived: &Derived<DocumentOutcome>,
    ) -> Rendered {
        let registry = &self.0.registry;
        let mut reads = Vec::with_capacity(derived.reads.len() + derived.elsewhere.len());
        for read in derived.reads.iter() {
            let of = if read.realm == realm.id {
                Some(Arc::clone(realm))
            } else {
                registry.by_id(read.realm)
            };
            // A realm that is gone has changed as a whole: whoever stores this is told so by its row.
            let url = of.map(|of| of.url.join(&read.path)).unwrap_or_default();
            // Sampled before the floors were compared: up to there, nothing that was read has changed.
            let holds_at = derived.holds_at.iter().find(|(of, _)| *of == read.realm);
            let holds_at = holds_at.map_or(0, |(_, generation)| *generation);
            let found = read.found.as_ref().map_or(0, |found| found.read_at);
            let read_at = found.max(holds_at);
            reads.push(ReadOf {
                url,
                place: Some((read.realm, read.path.clone())),
                read_at,
            });
        }
        for missed in derived.elsewhere.iter() {
            let (place, read_at) = match &missed.place {
                Some((realm, path, applied)) => (Some((*realm, path.clone())), *applied),
                None => (None, 0),
            };
            reads.push(ReadOf {
                url: missed.url.clone(),
                place,
                read_at,
            });
        }
        let beyond = !derived.foreign.is_empty() || !derived.elsewhere.is_empty();
        Examined {
            file: Some(file),
            outcome: in_place(&derived.made, realm.url.as_str()),
            tag: derived.tag.to_string(),
            plugin: derived.plugin.clone(),
            plugins: Arc::clone(plugins),
            reads,
            registry: beyond.then_some(derived.registry),
            called: derived.origin == Origin::Miss,
        }
    }
}

impl Run<'_> {
    /// What the first plugin that does not decline makes of the document.
    async fn document(&mut self) -> Result<DocumentOutcome, Interruption> {
        if self.work == Work::Render
            && self.file.path.as_str() == SETTINGS_FILE
            && let Some(mistake) = self.mistake().await?
        {
            return Ok(DocumentOutcome::Failed(mistake));
        }
        let settings = Arc::clone(&self.resolved.resolution.settings);
        let choice = match self.work {
            Work::Define => self.plugins.definers(),
            _ => self.plugins.renderers(self.file.path.name(), &settings),
        };
        let input = Input {
            hash: self.file.blob,
            bytes: None,
        };
        for stage in choice.0 {
            // What a module defines is asked of everyone, without options.
            if self.work == Work::Render
                && let Some(unfit) = self.unfit(&stage).await?
            {
                return Ok(DocumentOutcome::Failed(unfit));
            }
            let outcome = self.stage(&stage, &input).await?;
            let failed = |mut failure: Failure| {
                failure.plugin = Some(stage.plugin.label());
                DocumentOutcome::Failed(failure)
            };
            return Ok(match &*outcome {
                Outcome::Declined => continue,
                Outcome::Definitions(all) if all.is_empty() => continue,
                Outcome::Definitions(all) => DocumentOutcome::Definitions(all.as_slice().into()),
                Outcome::Rendition(rendition) => {
                    DocumentOutcome::Rendition(Arc::new(rendition.clone()))
                }
                Outcome::Invalid(diagnostics) => failed(Failure {
                    diagnostics: diagnostics.clone(),
                    plugin: None,
                }),
                Outcome::Unreadable { specifier, reason } => failed(failure(
                    &format!("`{specifier}` cannot be read: {reason}"),
                    "unreadable",
                    self.file.path.as_str(),
                )),
                Outcome::Output(_) => failed(misconfigured("a prerenderer gave no rendition")),
            });
        }
        Ok(DocumentOutcome::Plain)
    }
}

fn is_examined(plugins: &Plugins, path: &LocalPath) -> bool {
    path.as_str() == SETTINGS_FILE || plugins.renders(path)
}

/// What nothing but its path was looked at for.
fn untouched(
    realm: &Mounted,
    path: &LocalPath,
    file: Option<FileRow>,
    plugins: &Plugins,
    read_at: Generation,
    tag: String,
) -> Rendered {
    Examined {
        file,
        outcome: DocumentOutcome::Plain,
        tag,
        plugin: None,
        plugins: Arc::clone(plugins.name()),
        reads: vec![ReadOf {
            url: realm.url.join(path),
            place: Some((realm.id, path.clone())),
            read_at,
        }],
        registry: None,
        called: false,
    }
}

/// Puts the realm's URL where guests have seen a stand-in for it.
fn in_place(outcome: &DocumentOutcome, realm: &str) -> DocumentOutcome {
    let text = |text: &str| text.replace(STAND_IN, realm);
    match outcome {
        DocumentOutcome::Rendition(rendition) => {
            // A URL may have what a text of HTML may not.
            let escaped = realm.replace('&', "&amp;").replace('\'', "&#39;");
            let rendering = |one: &Rendering| {
                let by = if one.format == "markdown" {
                    realm
                } else {
                    &escaped
                };
                Rendering {
                    format: one.format.clone(),
                    as_type: text(&one.as_type),
                    contents: replaced(&one.contents, by),
                }
            };
            DocumentOutcome::Rendition(Arc::new(Rendition {
                renderings: rendition.renderings.iter().map(rendering).collect(),
                title: rendition.title.as_deref().map(text),
                search_document: text(&rendition.search_document),
                types: rendition.types.iter().map(|name| text(name)).collect(),
                diagnostics: rendition.diagnostics.clone(),
            }))
        }
        DocumentOutcome::Definitions(all) => {
            let definition = |one: &Definition| Definition {
                export_name: one.export_name.clone(),
                kind: one.kind.clone(),
                schema: text(&one.schema),
            };
            DocumentOutcome::Definitions(all.iter().map(definition).collect())
        }
        other => other.clone(),
    }
}

fn replaced(contents: &Bytes, realm: &str) -> Bytes {
    match std::str::from_utf8(contents) {
        Ok(text) if text.contains(STAND_IN) => text.replace(STAND_IN, realm).into(),
        _ => contents.clone(),
    }
}
