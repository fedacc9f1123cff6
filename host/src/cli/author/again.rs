use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::{Context, parent};
use crate::workbench::{Look, Place, Project, Watch};

/// Does something again whenever files change, until the user has enough.
pub(super) struct Again {
    /// Built first, when its sources have changed.
    project: Option<Project>,
    /// Its sources, and what else matters.
    places: Vec<Place>,
}

impl Again {
    /// When the sources of a project change: it is built then.
    pub(super) fn building(project: Project) -> anyhow::Result<Self> {
        let mut again = Self::of_sources(&project)?;
        again.project = Some(project);
        Ok(again)
    }

    /// When the sources of a project change.
    pub(super) fn of_sources(project: &Project) -> anyhow::Result<Self> {
        Ok(Self {
            places: vec![absolute(project.sources())?],
            project: None,
        })
    }

    /// When a component changes, whoever builds it.
    pub(super) fn component(file: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            places: vec![absolute(of(file))?],
            project: None,
        })
    }

    /// And when a file or something in a folder changes; `written` is what we write there ourselves.
    pub(super) fn and(mut self, root: &Path, written: PathBuf) -> anyhow::Result<Self> {
        let mut others = of(root);
        if let Some(project) = &self.project {
            others.without.extend(project.written());
        }
        others.without.push(written);
        self.places.push(absolute(others)?);
        Ok(self)
    }

    /// Does it now, and again. What goes wrong is said, and is no reason to end.
    pub(super) async fn again(
        self,
        context: &Context,
        work: impl AsyncFn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        tokio::select! {
            done = tokio::signal::ctrl_c() => Ok(done?),
            () = self.for_ever(context, work) => Ok(()),
        }
    }

    async fn for_ever(&self, context: &Context, work: impl AsyncFn() -> anyhow::Result<()>) {
        let mut watch = Watch::new();
        let mut look = watch.look(&self.places);
        let mut built = self.is_built().then(|| self.sources());
        loop {
            if let Err(error) = self.once(&mut built, &work).await {
                eprintln!("error: {error:#}");
            }
            if !context.json {
                eprintln!("-- waiting for changes; Ctrl-C ends it");
            }
            let now = watch.changed(&self.places, &look).await;
            if let Some(changed) = now.news(&look).filter(|_| !context.json) {
                eprintln!("-- {} has changed", shown(changed));
            }
            look = now;
        }
    }

    /// `built`: the sources as they were when they were last built.
    async fn once(
        &self,
        built: &mut Option<Look>,
        work: &impl AsyncFn() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        if let Some(project) = &self.project {
            // Looked at before: what changes meanwhile is built the next time.
            let now = self.sources();
            if built.as_ref() != Some(&now) {
                project.build(&[]).await?;
                *built = Some(now);
            }
        }
        work().await
    }

    fn sources(&self) -> Look {
        Look::at(&self.places[..1])
    }

    fn is_built(&self) -> bool {
        let project = self.project.as_ref();
        project.is_some_and(|it| it.component().is_file() && it.newer_source().is_none())
    }
}

fn of(root: &Path) -> Place {
    Place {
        root: root.to_owned(),
        without: Vec::new(),
    }
}

/// The same place has one name: what is left out is compared by it.
fn absolute(place: Place) -> anyhow::Result<Place> {
    let absolute = |path: &Path| -> anyhow::Result<PathBuf> {
        let name = path.file_name();
        let folder = || parent(path).canonicalize();
        // What is not there may yet come.
        let found = path.canonicalize();
        let found = found.or_else(|error| Ok(folder()?.join(name.ok_or(error)?)));
        found.map_err(|error: std::io::Error| anyhow!("{}: {error}", path.display()))
    };
    let without = place.without.iter();
    Ok(Place {
        root: absolute(&place.root)?,
        without: without.filter_map(|path| absolute(path).ok()).collect(),
    })
}

/// A file's name for people in the current folder.
fn shown(file: &Path) -> String {
    let here = std::env::current_dir().ok();
    let local = here
        .as_deref()
        .and_then(|here| file.strip_prefix(here).ok());
    local.unwrap_or(file).display().to_string()
}
