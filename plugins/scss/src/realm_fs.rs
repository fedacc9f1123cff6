//! A realm as the file system that grass sees.
//!
//! Sass looks for an import under a dozen names, most of them absent. Each is one recorded read, and no path is read
//! twice in a call.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use realm_guest_sdk::{Failure, File, Files, ReadError};

use crate::path::local;

/// The files of one call.
pub(crate) struct RealmFs<'a> {
    realm: &'a dyn Files,
    input: &'a File,
    root: String,
    /// By local path.
    known: RefCell<BTreeMap<String, Probe>>,
    /// The first failure that grass has no words for.
    failure: RefCell<Option<Failure>>,
    /// The last path that leaves the realm.
    outside: RefCell<Option<Outside>>,
}

/// What a path was found to be.
#[derive(Clone, Debug)]
enum Probe {
    Text(String),
    Absent,
    /// A failure that ends the call.
    Unreadable,
}

/// A path that is not in the realm, as grass asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outside(pub(crate) String);

impl<'a> RealmFs<'a> {
    pub(crate) fn new(realm: &'a dyn Files, input: &'a File) -> Result<Self, Failure> {
        let text = Probe::Text(input.text()?.to_owned());
        let known = BTreeMap::from([(input.path.clone(), text)]);
        Ok(Self {
            realm,
            input,
            root: input.url_of(""),
            known: RefCell::new(known),
            failure: RefCell::default(),
            outside: RefCell::default(),
        })
    }

    /// The failure that ended the call, if it was a read that did; else where the last one that left the realm led.
    pub(crate) fn into_failure(self) -> Result<Failure, Option<Outside>> {
        self.failure.into_inner().ok_or(self.outside.into_inner())
    }

    fn local(&self, path: &Path) -> Option<String> {
        local(path.to_str()?, &self.root)
    }

    fn probe(&self, path: &str) -> Probe {
        if let Some(known) = self.known.borrow().get(path) {
            return known.clone();
        }
        let probe = match self.realm.read(&self.input.url_of(path), &self.input.url) {
            // The realm tries its extensions too; what it finds with them is not what Sass asks for.
            Ok(file) if file.path != path => Probe::Absent,
            Ok(file) => match file.text() {
                Ok(text) => Probe::Text(text.to_owned()),
                Err(failure) => self.unreadable(failure),
            },
            Err(ReadError::NotFound) => Probe::Absent,
            Err(error) => self.unreadable(Failure::unreadable(path, error)),
        };
        self.known
            .borrow_mut()
            .insert(path.to_owned(), probe.clone());
        probe
    }

    fn unreadable(&self, failure: Failure) -> Probe {
        self.failure.borrow_mut().get_or_insert(failure);
        Probe::Unreadable
    }
}

impl grass::Fs for RealmFs<'_> {
    /// Realms have no folders of their own: a folder is there when its index is, which grass asks for next.
    fn is_dir(&self, path: &Path) -> bool {
        self.local(path).is_some()
    }

    fn is_file(&self, path: &Path) -> bool {
        // A name that no file has: grass makes it of `a.scss` when it looks for `a.import.scss`.
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains("..import."))
        {
            return false;
        }
        match self.local(path) {
            // What cannot be read is there all the same: grass is to stop at it.
            Some(path) => !matches!(self.probe(&path), Probe::Absent),
            None => {
                *self.outside.borrow_mut() = Some(Outside(path.to_string_lossy().into_owned()));
                false
            }
        }
    }

    /// Never fails, since grass has no way to go on from that: a file that cannot be read is one that ends the call.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let probe = self.local(path).map(|path| self.probe(&path));
        Ok(match probe {
            Some(Probe::Text(text)) => text.into_bytes(),
            _ => b"@error unreadable".to_vec(),
        })
    }

    /// What tells grass that two paths mean one module.
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        self.local(path)
            .map(PathBuf::from)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl fmt::Debug for RealmFs<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RealmFs")
            .field("root", &self.root)
            .finish_non_exhaustive()
    }
}
