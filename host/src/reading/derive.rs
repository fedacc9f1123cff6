use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::resolve::Resolved;
use super::stored;
use super::{Interruption, Origin, Prepared, Reader};
use crate::cache::{Flight, Stamp};
use crate::database::FileRow;
use crate::plugins::{
    Asset, Diagnostic, Elsewhere, Found, Kind, Landed, Plugins, ReadEntry, ReadKind, Work,
};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId, SETTINGS_FILE};
use crate::registry::Mounted;

/// What tells one flight from another: the file, its bytes, the settings, and the period between invalidations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DeriveKey {
    pub(crate) realm: RealmId,
    pub(crate) path: LocalPath,
    pub(crate) input: BlobHash,
    pub(crate) settings: Option<BlobHash>,
    pub(crate) periods: [[u64; 5]; 2],
    pub(crate) work: Work,
    /// Names the plugins.
    pub(crate) plugins: Arc<str>,
}

/// What a file's pipeline came to.
#[derive(Clone, Debug)]
pub enum Made {
    /// An output.
    Output(Artifact),
    /// No output, for reasons that are in the file or in what it reads.
    Failed(Failure),
    /// Every plugin declined: the file is served as it is.
    AsIs,
}

/// An output, ready to be served.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The bytes.
    pub contents: Bytes,
    /// Their media type.
    pub media_type: String,
    /// What names them: source, pipeline and everything read.
    pub tag: String,
    /// Source map v3, from the bytes to the file, through every stage.
    pub source_map: Option<Bytes>,
    /// Further outputs, of every stage.
    pub assets: Vec<Asset>,
    /// Import specifiers of the bytes, as written.
    pub imports: Vec<String>,
    /// Warnings and hints of every stage, each with who says so.
    pub diagnostics: Vec<Diagnostic>,
    /// Headers for it.
    pub prepared: Prepared,
}

/// Why a file has no output.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong, at least one; and after that what earlier stages said, with who said so.
    pub diagnostics: Vec<Diagnostic>,
    /// Who says so.
    pub plugin: Option<String>,
}

/// What a flight brings.
#[derive(Debug)]
pub(crate) struct Derived<T = Made> {
    pub(crate) made: Arc<T>,
    /// The plugin that was last asked, by its digest.
    pub(crate) plugin: Option<String>,
    /// Names what it was made from: the file, the plugins, their options and everything read.
    pub(crate) tag: Arc<str>,
    /// Everything that was read for it.
    pub(crate) reads: Arc<[ReadEntry]>,
    /// What was to be read, and was not to be had.
    pub(crate) elsewhere: Arc<[Elsewhere]>,
    pub(crate) stamp: Arc<Stamp>,
    /// All that was read was so at this generation of the asking realm.
    pub(crate) read_at: Generation,
    /// Other realms that something was read of: their leases count too.
    pub(crate) foreign: Arc<[Arc<Mounted>]>,
    /// The registry's generation before any of it was read: which realm a URL of another one lies in may have changed since.
    pub(crate) registry: Generation,
    pub(crate) origin: Origin,
    /// Up to which generation of each realm nothing that was read has changed.
    pub(crate) holds_at: Arc<[(RealmId, Generation)]>,
}

impl<T> Clone for Derived<T> {
    fn clone(&self) -> Self {
        Self {
            made: Arc::clone(&self.made),
            plugin: self.plugin.clone(),
            tag: Arc::clone(&self.tag),
            reads: Arc::clone(&self.reads),
            elsewhere: Arc::clone(&self.elsewhere),
            stamp: Arc::clone(&self.stamp),
            read_at: self.read_at,
            foreign: Arc::clone(&self.foreign),
            registry: self.registry,
            origin: self.origin,
            holds_at: Arc::clone(&self.holds_at),
        }
    }
}

/// A flight's state on its way through the stages.
pub(super) struct Run<'a> {
    pub(super) reader: &'a Reader,
    pub(super) work: Work,
    pub(super) plugins: &'a Arc<Plugins>,
    pub(super) realm: &'a Arc<Mounted>,
    pub(super) file: &'a FileRow,
    pub(super) resolved: &'a Resolved,
    pub(super) flight: &'a Arc<Flight>,
    pub(super) since: Instant,
    pub(super) stamp: Stamp,
    /// The generations at which something of the asking realm was read.
    pub(super) read_at: Vec<Generation>,
    /// Everything read so far; what each further call begins with.
    pub(super) reads: Vec<ReadEntry>,
    /// Other realms that something was read of.
    pub(super) foreign: Vec<Arc<Mounted>>,
    /// Something that was read cannot be compared later.
    pub(super) untold: bool,
    /// How a call ended that gave nothing: another one, of the same reads, may give something.
    pub(super) ended: Option<Kind>,
    pub(super) elsewhere: Vec<Elsewhere>,
    pub(super) calls: Vec<Landed<'a>>,
    /// The derivations that were asked for, and by which plugin.
    pub(super) keys: Vec<BlobHash>,
    pub(super) plugin: Option<String>,
    pub(super) origin: Origin,
    registry: Generation,
}

/// One stage's input.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) hash: BlobHash,
    /// Of a stage's output; none: the file's own bytes.
    pub(super) bytes: Option<Bytes>,
}

/// What a flight is about.
#[derive(Clone)]
pub(super) struct Wanted {
    pub(super) realm: Arc<Mounted>,
    pub(super) file: FileRow,
    pub(super) resolved: Arc<Resolved>,
    pub(super) work: Work,
    /// The plugins of the moment at which it was wanted.
    pub(super) plugins: Arc<Plugins>,
    /// Since when somebody waits for it.
    pub(super) since: Instant,
}

impl Wanted {
    /// The flight that it may share. To be made before anything else is looked at for it.
    pub(super) fn key(&self) -> DeriveKey {
        let floors = &self.realm.floors;
        let marks = [
            floors.mark(self.file.path.as_str()),
            floors.mark(SETTINGS_FILE),
        ];
        DeriveKey {
            realm: self.realm.id,
            path: self.file.path.clone(),
            input: self.file.blob,
            settings: self.resolved.resolution.settings_hash,
            periods: if mutant!("module-joined-in-any-period") {
                Default::default()
            } else {
                marks.map(|mark| mark.period())
            },
            work: self.work,
            plugins: if mutant!("flight-of-other-plugins-joined") {
                Arc::default()
            } else {
                Arc::clone(self.plugins.name())
            },
        }
    }
}

impl Reader {
    /// Makes what a file's pipeline gives, by what is stored already or by calls.
    pub(super) async fn derive(
        self,
        wanted: Wanted,
        flight: Arc<Flight>,
    ) -> Result<Derived, Interruption> {
        let mut run = Run::new(&self, &wanted, &flight);
        let made = run.stages().await?;
        let derived = run.finish(made).await?;
        #[cfg(feature = "under-test")]
        crate::gates::pass("store", wanted.file.path.as_str()).await;
        if derived.elsewhere.is_empty() && !run.untold || mutant!("untellable-outcome-kept") {
            self.keep_module(&wanted, &derived);
        }
        derived.unless_overtaken()
    }
}

impl<T> Derived<T> {
    /// What was made of reads that do not belong together, or of one that has changed since, is for nobody.
    pub(super) fn unless_overtaken(self) -> Result<Self, Interruption> {
        if self.stamp.is_overtaken() && !mutant!("mixed-reads-believed") {
            return Err(Interruption::Change);
        }
        Ok(self)
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(reader: &'a Reader, wanted: &'a Wanted, flight: &'a Arc<Flight>) -> Self {
        let Wanted {
            realm,
            file,
            resolved,
            ..
        } = wanted;
        Self {
            reader,
            work: wanted.work,
            plugins: &wanted.plugins,
            realm,
            file,
            resolved,
            flight,
            since: wanted.since,
            stamp: resolved.stamp.clone(),
            read_at: vec![resolved.resolution.read_at],
            reads: first_reads(realm.id, resolved, file),
            foreign: Vec::new(),
            untold: false,
            ended: None,
            elsewhere: Vec::new(),
            calls: Vec::new(),
            keys: Vec::new(),
            plugin: None,
            origin: Origin::Derivation,
            registry: reader.0.registry.generation(),
        }
    }

    /// What it came to, with all that is known of it.
    pub(super) async fn finish<T>(&mut self, made: T) -> Result<Derived<T>, Interruption> {
        let read_at = self.settle().await?;
        Ok(Derived {
            made: Arc::new(made),
            plugin: self.plugin.clone(),
            tag: self.tag().into(),
            reads: self.reads.as_slice().into(),
            elsewhere: self.elsewhere.as_slice().into(),
            stamp: Arc::new(self.stamp.clone()),
            read_at,
            foreign: self.foreign.as_slice().into(),
            registry: self.registry,
            origin: self.origin,
            holds_at: std::iter::once(self.realm)
                .chain(&self.foreign)
                .map(|realm| (realm.id, realm.tracker.applied()))
                .collect(),
        })
    }

    /// Names everything that its outcome was made from.
    fn tag(&self) -> String {
        let mut tag = blake3::Hasher::new_derive_key("realm made from 1");
        tag.update(self.file.blob.as_bytes());
        for key in &self.keys {
            tag.update(key.as_bytes());
        }
        let registry = &self.reader.0.registry;
        let url = |id| registry.by_id(id).map(|realm| realm.url.to_string());
        let reads = stored::reads(self.realm.id, &self.reads, url);
        tag.update(&serde_json::to_vec(&reads).expect("plain data"));
        for elsewhere in &self.elsewhere {
            tag.update(elsewhere.url.as_bytes());
        }
        // What failed by the limits of a call, or of one beneath it, may come out well with the same reads.
        if !mutant!("failed-call-named-as-a-good-one") {
            let ended = self.ended.map_or("", Kind::as_str);
            if self.untold || !ended.is_empty() {
                tag.update(b"failed ");
                tag.update(ended.as_bytes());
            }
        }
        BlobHash::from(*tag.finalize().as_bytes()).short()
    }

    /// Makes a read one of this flight's own.
    pub(super) fn take_read(&mut self, read: ReadEntry) {
        let Some(found) = &read.found else { return };
        let is_it = |known: &ReadEntry| known.realm == read.realm && known.path == read.path;
        if read.kind == ReadKind::Around && self.reads.iter().any(is_it) {
            return;
        }
        self.stamp.add(&found.stamp);
        if read.realm == self.realm.id {
            self.read_at.push(found.read_at);
        } else if !self.foreign.iter().any(|mounted| mounted.id == read.realm) {
            // The outcome depends on another realm, whose lease a hit has to judge too.
            self.foreign
                .extend(self.reader.0.registry.by_id(read.realm));
        }
        self.reads.push(read);
    }

    /// The newest generation that was seen; what is older was so at that one too, or is overtaken from here on.
    async fn settle(&self) -> Result<Generation, Interruption> {
        let newest = self.read_at.iter().copied().max().unwrap_or_default();
        let mixed = self.read_at.iter().any(|read_at| *read_at != newest);
        if mixed && self.realm.tracker.applied() < newest {
            self.reader.0.hub.catch_up(&self.realm.tracker).await?;
        }
        Ok(newest)
    }
}

/// What every flight has read before its first call: its input, and the settings.
fn first_reads(realm: RealmId, resolved: &Resolved, file: &FileRow) -> Vec<ReadEntry> {
    let read_at = resolved.resolution.read_at;
    let entry = |path: LocalPath, file| {
        let found = Found {
            read_at,
            file,
            stamp: Stamp::default(),
        };
        ReadEntry {
            realm,
            path,
            found: Some(found),
            kind: ReadKind::Around,
        }
    };
    let settings = LocalPath::new(SETTINGS_FILE).expect("a plain name");
    vec![
        entry(file.path.clone(), Some((file.path.clone(), file.blob))),
        entry(settings, None),
    ]
}

pub(super) fn misconfigured(problem: &str) -> Failure {
    failure(problem, "configuration", SETTINGS_FILE)
}

pub(super) fn failure(message: &str, code: &str, path: &str) -> Failure {
    let diagnostic = Diagnostic {
        path: Some(path.to_owned()),
        ..Diagnostic::error(message, code)
    };
    Failure {
        diagnostics: vec![diagnostic],
        plugin: None,
    }
}
