use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::realm::LocalPath;

/// Why an entry of a folder is no file of a realm.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It could not be looked at, so nobody knows what is there.
    #[error("{problem}")]
    Unreadable {
        /// Which; none: not even that is known.
        place: Option<PathBuf>,
        /// Why not.
        problem: String,
    },
    /// Its name is none that a realm can have.
    #[error("{}: {problem}", .file.display())]
    Name {
        /// Which.
        file: PathBuf,
        /// Why not.
        problem: String,
    },
}

/// The files of a folder that belong into a realm, with their paths in it: hidden ones, what `.gitignore` names, and what
/// symbolic links lead to do not.
///
/// # Errors
/// Per file, when it cannot be read or its name is none that a realm can have.
pub fn walk(folder: &Path) -> impl Iterator<Item = Result<(LocalPath, PathBuf), Unfit>> {
    let folder = folder.to_owned();
    let entries = WalkBuilder::new(&folder)
        .require_git(false)
        .follow_links(false)
        .build();
    entries.filter_map(move |entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                return Some(Err(Unfit::Unreadable {
                    place: place_of(&error),
                    problem: error.to_string(),
                }));
            }
        };
        if !entry.file_type().is_some_and(|kind| kind.is_file()) {
            return None;
        }
        let file = entry.into_path();
        let local = file.strip_prefix(&folder).unwrap_or(&file).to_str();
        let local = local.ok_or_else(|| "its name is not UTF-8".to_owned());
        let local =
            local.and_then(|local| LocalPath::new(local).map_err(|error| error.to_string()));
        Some(match local {
            Ok(local) => Ok((local, file)),
            Err(problem) => Err(Unfit::Name { file, problem }),
        })
    })
}

fn place_of(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            place_of(err)
        }
        _ => None,
    }
}
