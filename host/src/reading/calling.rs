use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tracing::{Instrument, warn};

use super::derive::{Input, Run};
use super::guest_files::CallFiles;
use super::stored::StoredSet;
use super::{Interruption, Origin, ReadError};
use crate::plugins::{
    Call, CallError, CallState, CircuitOpen, Contents, Diagnostic, Ended, InFlight, Kind, Landed,
    Outcome, Stage, Work,
};
use crate::realm::{BlobHash, guest_url, media_type};
use crate::telemetry::TRACE;

impl<'a> Run<'a> {
    /// Asks the plugin.
    pub(super) async fn call(
        &mut self,
        stage: &Stage,
        input: &Input,
        key: BlobHash,
        set: &StoredSet,
    ) -> Result<Arc<Outcome>, Interruption> {
        let reader = self.reader;
        let breaker = &stage.plugin.breaker;
        // Whoever is not called does not wait for a turn either.
        breaker
            .look(self.realm.id, Instant::now())
            .map_err(|open| refused(stage, open))?;
        #[cfg(feature = "under-test")]
        crate::gates::pass("begin-call", self.file.path.as_str()).await;
        let (call, landed, known) = self.begin(stage);
        self.calls.push(landed);
        // On the list now: a change from here on ends it, and one from before shows in the floors.
        if self.stamp.is_overtaken() && !mutant!("begun-on-old-bytes") {
            return Err(Interruption::Change);
        }
        if self.plugins.lack_one() && !mutant!("removed-plugin-called") {
            return Err(Interruption::Change);
        }
        let span = tracing::info_span!(
            target: TRACE,
            "guest",
            otel.name = self.work.as_str(),
            otel.status_code = tracing::field::Empty,
            realm.plugin = call.plugin,
            realm.plugin.digest = call.digest,
            realm.call = call.id,
            realm.path = self.file.path.as_str(),
            realm.url = call.realm.1,
            realm.outcome = tracing::field::Empty,
        );
        let _permit = if self.work.is_nested() && !mutant!("nested-call-waits-for-admission") {
            // It runs under the admission of the call that waits for it.
            None
        } else {
            let (admission, waiting) = (&stage.plugin.admission, Instant::now());
            let queue =
                tracing::info_span!(target: TRACE, parent: &span, "queue", otel.name = "queue");
            let permit = tokio::select! {
                biased;
                ended = call.token.wait() => return Err(interrupted(ended)),
                () = self.flight.abandoned.cancelled() => return Err(ReadError::Stopping.into()),
                permit = admission.enter(self.realm.id, self.since).instrument(queue) => Some(permit.map_err(ReadError::from)?),
            };
            metrics::histogram!("realm_guest_queue_seconds", "plugin" => call.plugin.clone(), "for" => "turn")
                .record(waiting.elapsed());
            permit
        };
        // Others may have failed while this one waited.
        let passage = breaker.enter(self.realm.id, Instant::now());
        let passage = passage.map_err(|open| refused(stage, open))?;
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
            work: self.work,
            plugins: Arc::clone(self.plugins),
            since: self.since,
            trouble: Arc::default(),
        };
        let trouble = Arc::clone(&files.trouble);
        let request = Call {
            id: call.id,
            plugin: Arc::clone(&stage.plugin),
            realm: self.realm.url.to_string(),
            input: contents,
            work: self.work,
            options: stage.options.clone(),
            files: Arc::new(files),
            token: call.token.clone(),
        };
        let running = reader.0.engine.measure(request).instrument(span.clone());
        let mut running = std::pin::pin!(running);
        let (outcome, spent) = tokio::select! {
            outcome = &mut running => outcome,
            () = self.flight.abandoned.cancelled() => {
                call.token.end(Ended::Abandoned);
                running.await
            }
        };
        passage.over(outcome.as_ref().err(), Instant::now());
        match &outcome {
            Ok(outcome) => span.record("realm.outcome", outcome.name()),
            Err(error) => {
                span.record("otel.status_code", "ERROR");
                span.record("realm.outcome", error.kind.as_str())
            }
        };
        // It may have made do without, and would have given another thing with more.
        if spent.refused && !mutant!("outcome-of-a-limit-kept") {
            call.untold.store(true, Ordering::SeqCst);
        }
        self.take(&call, known);
        let trouble = || trouble.lock().take();
        let outcome = match outcome.map_err(|error| self.judge(error, trouble)) {
            Ok(outcome) => Arc::new(outcome),
            // What it has read is worth knowing: a change of it may mend the document.
            Err(Interruption::Failed(ReadError::Call(error))) if self.is_document(&error) => {
                self.ended = Some(error.kind);
                return Ok(Arc::new(Outcome::Invalid(vec![broken(&error)])));
            }
            Err(interruption) => return Err(interruption),
        };
        call.enter(CallState::Storing);
        #[cfg(feature = "under-test")]
        crate::gates::pass("after-call", self.file.path.as_str()).await;
        self.store(stage, input, key, set, (&call, known), &outcome)
            .await;
        Ok(outcome)
    }

    /// Whether a failure of the guest's own is to be kept with the document that it was about.
    fn is_document(&self, error: &CallError) -> bool {
        matches!(self.work, Work::Render | Work::Define) && error.kind != Kind::Host
    }

    /// What a call's failure means for whoever waits.
    fn judge(&self, error: CallError, trouble: impl FnOnce() -> Option<ReadError>) -> Interruption {
        match error.ended.clone() {
            Some(Ended::NoSlot) => ReadError::NoSlot(error.plugin).into(),
            Some(ended @ Ended::Trouble(_)) => match trouble() {
                Some(error) => error.into(),
                None => interrupted(ended),
            },
            Some(
                ended @ (Ended::Change
                | Ended::Notice
                | Ended::Removed
                | Ended::Abandoned
                | Ended::Stopping),
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
            &stage.plugin,
            self.work,
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
        self.elsewhere.extend(call.elsewhere());
    }
}

fn refused(stage: &Stage, open: Box<CircuitOpen>) -> ReadError {
    metrics::counter!("realm_guest_calls_refused_total", "plugin" => stage.plugin.label())
        .increment(1);
    ReadError::Open(open.into())
}

fn interrupted(ended: Ended) -> Interruption {
    match ended {
        Ended::Change | Ended::Removed => Interruption::Change,
        Ended::Notice => Interruption::Notice,
        Ended::Trouble(why) => {
            Interruption::Failed(crate::database::DatabaseError::Unavailable(why).into())
        }
        _ => Interruption::Failed(ReadError::Stopping),
    }
}

/// A guest's own failure as something that is wrong with a document.
pub(crate) fn broken(error: &CallError) -> Diagnostic {
    Diagnostic {
        path: Some(error.path.clone()),
        help: error.hint.clone(),
        ..Diagnostic::error(
            &error.to_string(),
            &format!("plugin-{}", error.kind.as_str()),
        )
    }
}
