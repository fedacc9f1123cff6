use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tracing::Instrument;
use wasmtime::{Store, UpdateDeadline};

use super::capture::{Capture, Speaker};
use super::engine::PluginEngine;
use super::error::{CallError, HostFault, Remains, explain, frames};
use super::imports::{
    CallWorld, Contents, Deadline, Files, LoadFailure, LoadedModule, ReadFailure, ReadTrouble,
};
use super::installed::Plugin;
use super::limits::Limiter;
use super::output::{Outcome, with_map};
use super::spent::{Spent, Timed};
use super::token::{CallToken, Ended};
use super::worlds::{Description, Exports, Given, Purpose, Question};
use super::{thread, wasi};
use crate::config::CallLimits;
use crate::telemetry::TRACE;

/// So many ticks of the clock a guest goes on where nobody waits for its thread: it may still hold somebody up.
const SELDOM: u32 = 8;

/// One run of a plugin.
pub struct Call {
    /// Its number, for logs and errors.
    pub id: u64,
    /// Whom to call.
    pub plugin: Arc<Plugin>,
    /// The realm that asks.
    pub realm: String,
    /// The file that it is about: its bytes, and how the guest sees it.
    pub input: Contents,
    /// What to do with it.
    pub work: Work,
    /// The options: a JSON object.
    pub options: String,
    /// What the guest may read.
    pub files: Arc<dyn Files>,
    /// Ends it.
    pub token: CallToken,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Work {
    /// To be read by a browser.
    Transpile,
    /// To be run by a prerenderer, on behalf of a call that waits for it.
    TranspileForPrerender,
    /// A document, in every format.
    Render,
    /// What a module defines.
    Define,
}

impl Work {
    /// Its name, in traces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transpile | Self::TranspileForPrerender => "transpile",
            Self::Render => "render",
            Self::Define => "definitions",
        }
    }

    /// Whether it is made on behalf of another call, which holds what others wait for.
    #[must_use]
    pub fn is_nested(self) -> bool {
        self == Self::TranspileForPrerender
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("plugin", &self.plugin)
            .field("path", &self.input.path)
            .finish_non_exhaustive()
    }
}

/// Who and what a call is about, for its log and its errors.
struct Subject {
    plugin: String,
    digest: String,
    realm: String,
    path: String,
    call: u64,
}

impl PluginEngine {
    /// Runs a plugin in a fresh instance, on a thread for guests. The caller has been admitted.
    ///
    /// # Errors
    /// When the call came to no outcome; [`CallError::ended`] says when that was the host's doing.
    pub async fn call(self: &Arc<Self>, call: Call) -> Result<Outcome, CallError> {
        self.measure(call).await.0
    }

    /// The same, and what it has spent, whatever it came to.
    pub async fn measure(self: &Arc<Self>, call: Call) -> (Result<Outcome, CallError>, Spent) {
        let subject = Subject {
            plugin: call.plugin.label(),
            digest: call.plugin.digest.clone(),
            realm: call.realm,
            path: call.input.path.clone(),
            call: call.id,
        };
        metrics::counter!("realm_guest_calls_total", "plugin" => subject.plugin.clone())
            .increment(1);
        let begun = Instant::now();
        let input_bytes = call.input.bytes.len();
        let (input, options) = (call.input, call.options);
        let transpile = |input, purpose, options| Question::Transpile {
            input,
            purpose,
            options,
        };
        let question = match call.work {
            Work::Transpile => transpile(input, Purpose::Browser, options),
            Work::TranspileForPrerender => transpile(input, Purpose::Prerender, options),
            Work::Render => Question::Render {
                document: input,
                options,
            },
            Work::Define => Question::Define {
                url: input.url,
                options,
            },
        };
        let plugin = subject.plugin.clone();
        let run = Run {
            exports: Arc::clone(&call.plugin.exports),
            limits: Arc::clone(&call.plugin.limits),
            subject,
            files: call.files,
            token: call.token,
            reserved: call.work.is_nested() && !mutant!("nested-call-waits-for-a-slot"),
        };
        let (given, mut spent) = run.ask(self, question).await;
        metrics::histogram!("realm_guest_call_seconds", "plugin" => plugin.clone())
            .record(begun.elapsed());
        let outcome = given.map(|given| match given {
            Given::Outcome(outcome) => outcome,
            Given::Description(_) => unreachable!("nobody asked for it"),
        });
        spent.input_bytes += input_bytes;
        spent.output_bytes = outcome.as_ref().map_or(0, Outcome::bytes);
        count(plugin, outcome.as_ref(), &spent);
        (outcome, spent)
    }
}

/// Adds a call up, by plugin.
fn count(plugin: String, outcome: Result<&Outcome, &CallError>, spent: &Spent) {
    let name = match outcome {
        Ok(outcome) => outcome.name(),
        Err(error) => error.kind.as_str(),
    };
    metrics::counter!("realm_guest_call_outcomes_total", "plugin" => plugin.clone(), "outcome" => name)
        .increment(1);
    metrics::histogram!("realm_guest_run_seconds", "plugin" => plugin.clone()).record(spent.time);
    let bytes = [("in", spent.input_bytes), ("out", spent.output_bytes)];
    for (direction, bytes) in bytes {
        metrics::counter!("realm_guest_bytes_total", "plugin" => plugin.clone(), "direction" => direction)
            .increment(bytes as u64);
    }
    if outcome.is_err() {
        metrics::counter!("realm_guest_call_failures_total", "plugin" => plugin, "kind" => name)
            .increment(1);
    }
}

/// Asks a component what it is.
pub(super) async fn describe(
    engine: &Arc<PluginEngine>,
    exports: &Arc<Exports>,
    name: &str,
    digest: &str,
) -> Result<Description, CallError> {
    let subject = Subject {
        plugin: name.to_owned(),
        digest: digest.to_owned(),
        realm: String::new(),
        path: "describe".to_owned(),
        call: 0,
    };
    let run = Run {
        exports: Arc::clone(exports),
        limits: Arc::new(engine.limits.clone()),
        subject,
        files: Arc::new(NoFiles),
        token: CallToken::default(),
        // It can be installed whatever the others do.
        reserved: true,
    };
    match run.ask(engine, Question::Describe).await.0? {
        Given::Description(description) => Ok(description),
        Given::Outcome(_) => unreachable!("nobody asked for it"),
    }
}

/// A question to a plugin, and all that it takes to ask it.
struct Run {
    exports: Arc<Exports>,
    limits: Arc<CallLimits>,
    subject: Subject,
    files: Arc<dyn Files>,
    token: CallToken,
    /// Whether it has a slot that others do not get.
    reserved: bool,
}

impl Run {
    /// Asks in a fresh store, under every limit, on a thread for guests.
    async fn ask(
        self,
        engine: &Arc<PluginEngine>,
        question: Question,
    ) -> (Result<Given, CallError>, Spent) {
        let Self {
            exports,
            limits,
            subject,
            files,
            token,
            reserved,
        } = self;
        let slots = if reserved {
            &engine.reserved
        } else {
            &engine.slots
        };
        let waiting = Instant::now();
        // Other plugins' calls may have every slot; whoever has no more business here does not wait for one.
        let slot = async {
            tokio::select! {
                biased;
                ended = token.wait() => Err(ended),
                slot = Arc::clone(slots).acquire_owned() => Ok(slot),
                () = tokio::time::sleep(limits.slot_wait), if !mutant!("slot-waited-for-without-end") => Err(Ended::NoSlot),
            }
        };
        let span = tracing::info_span!(target: TRACE, "slot", otel.name = "slot");
        let slot = match slot.instrument(span).await {
            Ok(slot) => slot,
            Err(ended) => {
                let error = failed(subject, &ended.into(), &Remains::default());
                return (Err(error), Spent::default());
            }
        };
        metrics::histogram!("realm_guest_queue_seconds", "plugin" => subject.plugin.clone(), "for" => "slot")
            .record(waiting.elapsed());
        let speaker = Speaker {
            plugin: subject.plugin.clone(),
            realm: subject.realm.clone(),
            call: subject.call,
        };
        let capture = Capture::new(speaker, limits.log);
        let own = (Arc::clone(engine), Arc::clone(&capture));
        let time = match question {
            Question::Render { .. } | Question::Define { .. } => limits.render_deadline,
            Question::Describe | Question::Transpile { .. } => limits.deadline,
        };
        let span = tracing::info_span!(
            target: TRACE, "run", otel.name = "run", realm.run.seconds = tracing::field::Empty,
            realm.memory.peak = tracing::field::Empty, realm.reads = tracing::field::Empty,
        );
        let recorded = span.clone();
        let (answer, answered) = oneshot::channel();
        let run = async move {
            let (engine, capture) = own;
            let mut store = store(&engine, &limits, capture, files, token, time);
            let ticking = engine.running();
            let given = async {
                let instance = exports.pre.instantiate_async(&mut store).await?;
                let input = question.transpiled();
                let given = exports.ask(question, &instance, &mut store).await?;
                Ok(match (given, input) {
                    (Given::Outcome(outcome), Some(input)) => {
                        let input = (&*input.path, &*input.url, &*input.bytes);
                        Given::Outcome(with_map(outcome, input, limits.map_segments))
                    }
                    (given, _) => given,
                })
            };
            let (given, time) = Timed::new(given).await;
            let spent = spent(&engine, &limits, &store, time);
            let _ = answer.send((given, spent, store.data().limiter.memory_refused));
            drop(ticking);
            // Nobody waits until the instance is put back: that is done when the store goes, and the slot with it.
            (store, slot)
        };
        let run = run.instrument(span);
        let running = thread::run(engine, run, reserved);
        let Ok((given, spent, memory_refused)) = answered.await else {
            let ran = match running {
                Some(running) => running.await,
                None => Ok(()),
            };
            let problem = match ran {
                Ok(()) => "a call ended without a word".to_owned(),
                Err(error) => format!("the host panicked: {error}"),
            };
            let error = failed(subject, &HostFault(problem).into(), &Remains::default());
            return (Err(error), Spent::default());
        };
        recorded.record("realm.run.seconds", spent.time.as_secs_f64());
        recorded.record("realm.memory.peak", spent.memory_peak);
        recorded.record("realm.reads", spent.reads);
        metrics::histogram!("realm_guest_memory_bytes", "plugin" => subject.plugin.clone())
            .record(spent.memory_peak as f64);
        let given = given.map_err(|error| {
            failed(
                subject,
                &error,
                &Remains {
                    memory_refused,
                    stderr: capture.stderr_tail(),
                },
            )
        });
        (given, spent)
    }
}

fn store(
    engine: &Arc<PluginEngine>,
    limits: &CallLimits,
    capture: Arc<Capture>,
    files: Arc<dyn Files>,
    token: CallToken,
    time: Duration,
) -> Store<CallWorld> {
    let deadline = Deadline::after(time);
    let mut table = wasmtime::component::ResourceTable::new();
    table.set_max_capacity(limits.handles);
    let world = CallWorld {
        wasi: wasi::context(&capture),
        table,
        limiter: Limiter::new(limits.memory, limits.table_elements),
        capture,
        token: token.clone(),
        files,
        reads_left: limits.reads,
        bytes_in: 0,
        deadline: deadline.clone(),
    };
    let mut store = Store::new(&engine.engine, world);
    store.limiter(|world| &mut world.limiter);
    // Counts the bytes of one crossing; the slack is for what is not contents.
    store.set_hostcall_fuel(limits.output + (1 << 20));
    store.set_max_component_handles(limits.handles);
    if engine.meter {
        // All that there is: it is only counted.
        let _ = store.set_fuel(u64::MAX);
    }
    store.set_epoch_deadline(1);
    let (crowd, mut ticks) = (engine.crowd(), 0_u32);
    store.epoch_deadline_callback(move |_| {
        if let Some(ended) = token.ended() {
            return Err(ended.clone().into());
        }
        if Instant::now() >= deadline.at() {
            return Err(Ended::Deadline.into());
        }
        ticks = ticks.wrapping_add(1);
        // Stepping aside wakes another thread to look for work, so it is seldom done where each call has a thread to itself.
        if !ticks.is_multiple_of(SELDOM) && !crowd.is_crowded() {
            return Ok(UpdateDeadline::Continue(1));
        }
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store
}

fn spent(
    engine: &PluginEngine,
    limits: &CallLimits,
    store: &Store<CallWorld>,
    time: Duration,
) -> Spent {
    let world = store.data();
    let fuel = engine.meter.then(|| store.get_fuel().ok()).flatten();
    Spent {
        time,
        memory_peak: world.limiter.memory_peak,
        reads: limits.reads.saturating_sub(world.reads_left),
        log_bytes: world.capture.bytes(),
        input_bytes: world.bytes_in,
        output_bytes: 0,
        fuel: fuel.map(|left| u64::MAX - left),
        refused: world.limiter.memory_refused || world.limiter.table_refused,
    }
}

fn failed(subject: Subject, error: &wasmtime::Error, remains: &Remains) -> CallError {
    let (kind, message, hint, ended) = explain(error, remains);
    CallError {
        kind,
        message,
        plugin: subject.plugin,
        digest: subject.digest,
        call: subject.call,
        realm: subject.realm,
        path: subject.path,
        frames: frames(error),
        stderr: remains.stderr.clone(),
        hint,
        ended,
    }
}

/// For calls that have no business reading: everything is outside.
#[derive(Clone, Copy, Debug)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(
        &self,
        _: String,
        _: String,
    ) -> BoxFuture<'_, Result<Result<Contents, ReadFailure>, ReadTrouble>> {
        Box::pin(async { Ok(Err(ReadFailure::Outside)) })
    }

    fn load(
        &self,
        _: String,
        _: String,
    ) -> BoxFuture<'_, Result<Result<LoadedModule, LoadFailure>, ReadTrouble>> {
        Box::pin(async { Ok(Err(LoadFailure::Unreadable(ReadFailure::Outside))) })
    }
}
