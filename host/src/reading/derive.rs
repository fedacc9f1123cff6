use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use tracing::{Instrument, warn};

use super::guest_files::{CallFiles, guest_url};
use super::resolve::Resolved;
use super::stored::StoredSet;
use super::{Interruption, Origin, Prepared, ReadError, Reader};
use crate::cache::{Flight, Stamp};
use crate::database::FileRow;
use crate::plugins::{
    Asset, Call, CallError, CallState, Contents, Diagnostic, Ended, Found, InFlight, Landed,
    Outcome, Output, ReadEntry, Stage,
};
use crate::realm::{BlobHash, Generation, LocalPath, RealmId, SETTINGS_FILE, media_type};
use crate::registry::Mounted;
use crate::telemetry::TRACE;

/// What tells one flight from another: the file, its bytes, the settings, and the period between invalidations.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DeriveKey {
    pub(crate) realm: RealmId,
    pub(crate) path: LocalPath,
    pub(crate) input: BlobHash,
    pub(crate) settings: Option<BlobHash>,
    pub(crate) periods: [[u64; 5]; 2],
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
    /// Source map v3.
    pub source_map: Option<Bytes>,
    /// Further outputs.
    pub assets: Vec<Asset>,
    /// Warnings and hints.
    pub diagnostics: Vec<Diagnostic>,
    /// Headers for it.
    pub prepared: Prepared,
}

/// Why a file has no output.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What is wrong; at least one.
    pub diagnostics: Vec<Diagnostic>,
    /// Who says so.
    pub plugin: Option<String>,
}

/// What a flight brings.
#[derive(Clone, Debug)]
pub(crate) struct Derived {
    pub(crate) made: Arc<Made>,
    pub(crate) stamp: Arc<Stamp>,
    /// All that was read was so at this generation of the asking realm.
    pub(crate) read_at: Generation,
    /// Other realms that something was read of: their leases count too.
    pub(crate) foreign: Arc<[Arc<Mounted>]>,
    /// The registry's generation before any of it was read: which realm a URL of another one lies in may have changed since.
    pub(crate) registry: Generation,
    pub(crate) origin: Origin,
}

/// A flight's state on its way through the stages.
pub(super) struct Run<'a> {
    pub(super) reader: &'a Reader,
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
    pub(super) calls: Vec<Landed<'a>>,
    pub(super) origin: Origin,
}

/// One stage's input.
#[derive(Clone)]
pub(super) struct Input {
    pub(super) hash: BlobHash,
    /// Of a stage's output; none: the file's own bytes.
    pub(super) bytes: Option<Bytes>,
}

impl Reader {
    /// Makes what a file's pipeline gives, by what is stored already or by calls.
    pub(crate) async fn derive(
        self,
        realm: Arc<Mounted>,
        file: FileRow,
        resolved: Arc<Resolved>,
        flight: Arc<Flight>,
        since: Instant,
    ) -> Result<Derived, Interruption> {
        let registry = self.0.registry.generation();
        let mut run = Run {
            reader: &self,
            realm: &realm,
            file: &file,
            resolved: &resolved,
            flight: &flight,
            since,
            stamp: resolved.stamp.clone(),
            read_at: vec![resolved.resolution.read_at],
            reads: first_reads(realm.id, &resolved, &file),
            foreign: Vec::new(),
            untold: false,
            calls: Vec::new(),
            origin: Origin::Derivation,
        };
        let made = run.stages().await?;
        let read_at = run.settle().await?;
        let derived = Derived {
            made: Arc::new(made),
            stamp: Arc::new(run.stamp.clone()),
            read_at,
            foreign: run.foreign.into(),
            registry,
            origin: run.origin,
        };
        #[cfg(feature = "under-test")]
        crate::gates::pass("store", file.path.as_str()).await;
        if !run.untold || mutant!("untellable-outcome-kept") {
            self.keep_module(&realm, &file, resolved.resolution.settings_hash, &derived);
        }
        // What was made of reads that do not belong together, or of one that has changed since, is for nobody.
        if derived.stamp.is_overtaken() && !mutant!("mixed-reads-believed") {
            return Err(Interruption::Change);
        }
        Ok(derived)
    }
}

impl<'a> Run<'a> {
    async fn stages(&mut self) -> Result<Made, Interruption> {
        let settings = Arc::clone(&self.resolved.resolution.settings);
        let mut input = Input {
            hash: self.file.blob,
            bytes: None,
        };
        let mut treated_as = self.file.path.name().to_owned();
        let mut made = Made::AsIs;
        let mut stages = 0;
        loop {
            let choice = match self.reader.0.plugins.takers(&treated_as, &settings) {
                Ok(choice) => choice,
                Err(unknown) => return Ok(Made::Failed(misconfigured(&unknown.to_string()))),
            };
            let mut taken = None;
            for stage in choice.0 {
                let outcome = self.stage(&stage, &input).await?;
                if !matches!(*outcome, Outcome::Declined) {
                    taken = Some((stage, outcome));
                    break;
                }
            }
            let Some((stage, outcome)) = taken else {
                return Ok(made);
            };
            stages += 1;
            match &*outcome {
                Outcome::Output(output) => {
                    let next = output.contents.clone();
                    input = Input {
                        hash: BlobHash::of(&next),
                        bytes: Some(next.clone()),
                    };
                    made = Made::Output(self.output(&stage, output, next, stages));
                }
                Outcome::Invalid(diagnostics) => {
                    return Ok(Made::Failed(Failure {
                        diagnostics: diagnostics.clone(),
                        plugin: Some(stage.plugin.label()),
                    }));
                }
                Outcome::Unreadable { specifier, reason } => {
                    let mut failure = failure(
                        &format!("`{specifier}` cannot be read: {reason}"),
                        "unreadable",
                        self.file.path.as_str(),
                    );
                    failure.plugin = Some(stage.plugin.label());
                    return Ok(Made::Failed(failure));
                }
                Outcome::Declined => unreachable!("sorted out above"),
            }
            match stage.goes_on_as(stages) {
                Some(next) => treated_as = next.to_owned(),
                None => return Ok(made),
            }
        }
    }

    fn output(&self, stage: &Stage, output: &Output, contents: Bytes, stages: usize) -> Artifact {
        let mut tag = blake3::Hasher::new_derive_key("realm output tag 1");
        tag.update(self.file.blob.as_bytes());
        tag.update(stage.plugin.digest.as_bytes());
        tag.update(stage.options.as_bytes());
        // The pieces beside the contents are named by the same tag.
        let pieces = output
            .source_map
            .iter()
            .chain(output.assets.iter().map(|asset| &asset.contents));
        for piece in std::iter::once(&contents).chain(pieces) {
            tag.update(BlobHash::of(piece).as_bytes());
        }
        Artifact {
            tag: BlobHash::from(*tag.finalize().as_bytes()).short(),
            contents,
            media_type: stage.rule.media_type.clone(),
            // A map of a later stage leads to the stage before it, not to the file.
            source_map: output.source_map.clone().filter(|_| stages == 1),
            assets: output.assets.clone(),
            diagnostics: output.diagnostics.clone(),
            prepared: Prepared::default(),
        }
    }

    /// Asks the plugin.
    pub(super) async fn call(
        &mut self,
        stage: &Stage,
        input: &Input,
        key: BlobHash,
        set: &StoredSet,
    ) -> Result<Arc<Outcome>, Interruption> {
        let reader = self.reader;
        let (call, landed, known) = self.begin(stage);
        self.calls.push(landed);
        // On the list now: a change from here on ends it, and one from before shows in the floors.
        if self.stamp.is_overtaken() && !mutant!("begun-on-old-bytes") {
            return Err(Interruption::Change);
        }
        let _permit = tokio::select! {
            biased;
            ended = call.token.wait() => return Err(interrupted(ended)),
            () = self.flight.abandoned.cancelled() => return Err(ReadError::Stopping.into()),
            permit = stage.plugin.admission.enter(self.realm.id, self.since) => permit.map_err(ReadError::from)?,
        };
        let bytes = match &input.bytes {
            Some(bytes) => bytes.clone(),
            None => reader
                .bytes(self.realm, input.hash)
                .await?
                .ok_or(Interruption::Change)?,
        };
        #[cfg(feature = "under-test")]
        crate::gates::pass("before-call", self.file.path.as_str()).await;
        call.enter(CallState::Running);
        self.origin = Origin::Miss;
        let path = &self.file.path;
        let contents = Contents {
            url: guest_url(path),
            path: path.to_string(),
            media_type: media_type(path.as_str()).to_owned(),
            bytes,
        };
        let files = CallFiles {
            reader: reader.clone(),
            realm: Arc::clone(self.realm),
            settings: Arc::clone(&self.resolved.resolution.settings),
            call: Arc::clone(&call),
        };
        let request = Call {
            id: call.id,
            plugin: Arc::clone(&stage.plugin),
            realm: self.realm.url.to_string(),
            input: contents,
            options: stage.options.clone(),
            files: Arc::new(files),
            token: call.token.clone(),
        };
        let span = tracing::info_span!(
            target: TRACE,
            "guest",
            otel.name = "transpile",
            otel.status_code = tracing::field::Empty,
            realm.plugin = call.plugin,
            realm.call = call.id,
            realm.path = path.as_str(),
        );
        let running = reader.0.engine.transpile(request).instrument(span.clone());
        let mut running = std::pin::pin!(running);
        let outcome = tokio::select! {
            outcome = &mut running => outcome,
            () = self.flight.abandoned.cancelled() => {
                call.token.end(Ended::Abandoned);
                running.await
            }
        };
        if outcome.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        self.take(&call, known);
        let outcome = Arc::new(outcome.map_err(|error| self.judge(error))?);
        call.enter(CallState::Storing);
        #[cfg(feature = "under-test")]
        crate::gates::pass("after-call", self.file.path.as_str()).await;
        self.store(stage, input, key, set, (&call, known), &outcome);
        Ok(outcome)
    }

    /// What a call's failure means for whoever waits.
    fn judge(&self, error: CallError) -> Interruption {
        match error.ended.clone() {
            Some(
                ended @ (Ended::Change
                | Ended::Notice
                | Ended::Abandoned
                | Ended::Stopping
                | Ended::Trouble(_)),
            ) => interrupted(ended),
            // It failed on bytes that nobody wants any more.
            _ if self.stamp.is_overtaken() => Interruption::Change,
            _ => {
                let frames: Vec<_> = error
                    .frames
                    .iter()
                    .take(5)
                    .map(|frame| &frame.function)
                    .collect();
                warn!(%error, plugin = error.plugin, call = error.call, ?frames, "a call failed");
                ReadError::Call(Arc::new(error)).into()
            }
        }
    }

    /// Puts a call on the list, with everything that its flight has read before it; how much that is.
    fn begin(&self, stage: &Stage) -> (Arc<InFlight>, Landed<'a>, usize) {
        let realm = (self.realm.id, self.realm.url.to_string());
        let (call, landed) = self.reader.0.calls.begin(
            stage.plugin.label(),
            realm,
            self.file.path.clone(),
            self.reads.clone(),
            Arc::clone(self.flight),
        );
        (call, landed, self.reads.len())
    }

    /// Takes over what a call has read, after what was `known` when it began.
    fn take(&mut self, call: &InFlight, known: usize) {
        for read in call.reads().into_iter().skip(known) {
            self.take_read(read);
        }
        self.untold |= call.untold.load(Ordering::SeqCst);
    }

    /// Makes a read one of this flight's own.
    pub(super) fn take_read(&mut self, read: ReadEntry) {
        let Some(found) = &read.found else { return };
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
        }
    };
    let settings = LocalPath::new(SETTINGS_FILE).expect("a plain name");
    vec![
        entry(file.path.clone(), Some((file.path.clone(), file.blob))),
        entry(settings, None),
    ]
}

fn interrupted(ended: Ended) -> Interruption {
    match ended {
        Ended::Change => Interruption::Change,
        Ended::Notice => Interruption::Notice,
        Ended::Trouble(why) => {
            Interruption::Failed(crate::database::DatabaseError::Unavailable(why).into())
        }
        _ => Interruption::Failed(ReadError::Stopping),
    }
}

fn misconfigured(problem: &str) -> Failure {
    failure(problem, "configuration", SETTINGS_FILE)
}

fn failure(message: &str, code: &str, path: &str) -> Failure {
    let diagnostic = Diagnostic {
        path: Some(path.to_owned()),
        ..Diagnostic::error(message, code)
    };
    Failure {
        diagnostics: vec![diagnostic],
        plugin: None,
    }
}
