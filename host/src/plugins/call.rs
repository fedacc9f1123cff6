use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use wasmtime::{Store, UpdateDeadline};

use super::capture::{Capture, Speaker};
use super::engine::PluginEngine;
use super::error::{CallError, Remains, explain, frames};
use super::imports::{
    CallWorld, Contents, Deadline, Files, LoadFailure, LoadedModule, ReadFailure, ReadTrouble,
};
use super::installed::Plugin;
use super::limits::Limiter;
use super::output::Outcome;
use super::token::{CallToken, Ended};
use super::wasi;
use super::worlds::{Description, Exports, Given, Purpose, Question};

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
            subject,
            files: call.files,
            token: call.token,
            nested: call.work.is_nested(),
        };
        let given = run.ask(self, question).await;
        metrics::histogram!("realm_guest_call_seconds", "plugin" => plugin.clone())
            .record(begun.elapsed());
        match given {
            Ok(Given::Outcome(outcome)) => Ok(outcome),
            Ok(Given::Description(_)) => unreachable!("nobody asked for it"),
            Err(error) => {
                metrics::counter!("realm_guest_call_failures_total", "plugin" => plugin, "kind" => error.kind.as_str()).increment(1);
                Err(error)
            }
        }
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
        subject,
        files: Arc::new(NoFiles),
        token: CallToken::default(),
        nested: false,
    };
    match run.ask(engine, Question::Describe).await? {
        Given::Description(description) => Ok(description),
        Given::Outcome(_) => unreachable!("nobody asked for it"),
    }
}

/// A question to a plugin, and all that it takes to ask it.
struct Run {
    exports: Arc<Exports>,
    subject: Subject,
    files: Arc<dyn Files>,
    token: CallToken,
    nested: bool,
}

impl Run {
    /// Asks in a fresh store, under every limit, on a thread for guests.
    async fn ask(self, engine: &Arc<PluginEngine>, question: Question) -> Result<Given, CallError> {
        let Self {
            exports,
            subject,
            files,
            token,
            nested,
        } = self;
        let slots = if nested && !mutant!("nested-call-waits-for-a-slot") {
            &engine.reserved
        } else {
            &engine.slots
        };
        // Other plugins' calls may have every slot; whoever has no more business here does not wait for one.
        let slot = tokio::select! {
            biased;
            ended = token.wait() => return Err(failed(subject, &ended.into(), &Remains::default())),
            slot = Arc::clone(slots).acquire_owned() => slot,
        };
        let speaker = Speaker {
            plugin: subject.plugin.clone(),
            realm: subject.realm.clone(),
            call: subject.call,
        };
        let capture = Capture::new(speaker, engine.limits.log);
        let own = (Arc::clone(engine), Arc::clone(&capture));
        let time = match question {
            Question::Render { .. } | Question::Define { .. } => engine.limits.render_deadline,
            Question::Describe | Question::Transpile { .. } => engine.limits.deadline,
        };
        // The task runs to its end whatever happens to whoever waits: a running guest's future is never dropped.
        let ended = engine.threads().spawn(async move {
            let (engine, capture) = own;
            let _slot = slot;
            let mut store = store(&engine, capture, files, token, time);
            let _ticking = engine.running();
            let given = async {
                let instance = exports.pre.instantiate_async(&mut store).await?;
                exports.ask(question, &instance, &mut store).await
            };
            let given = given.await;
            let limiter = &store.data().limiter;
            (given, limiter.memory_refused, limiter.memory_peak)
        });
        let (given, memory_refused, memory_peak) = match ended.await {
            Ok(ended) => ended,
            Err(error) => {
                return Err(failed(
                    subject,
                    &wasmtime::Error::msg(format!("the host panicked: {error}")),
                    &Remains::default(),
                ));
            }
        };
        metrics::histogram!("realm_guest_memory_bytes", "plugin" => subject.plugin.clone())
            .record(memory_peak as f64);
        given.map_err(|error| {
            failed(
                subject,
                &error,
                &Remains {
                    memory_refused,
                    stderr: capture.stderr_tail(),
                },
            )
        })
    }
}

fn store(
    engine: &Arc<PluginEngine>,
    capture: Arc<Capture>,
    files: Arc<dyn Files>,
    token: CallToken,
    time: Duration,
) -> Store<CallWorld> {
    let limits = &engine.limits;
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
        deadline: deadline.clone(),
    };
    let mut store = Store::new(&engine.engine, world);
    store.limiter(|world| &mut world.limiter);
    // Counts the bytes of one crossing; the slack is for what is not contents.
    store.set_hostcall_fuel(limits.output + (1 << 20));
    store.set_max_component_handles(limits.handles);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        if let Some(ended) = token.ended() {
            return Err(ended.clone().into());
        }
        if Instant::now() >= deadline.at() {
            return Err(Ended::Deadline.into());
        }
        Ok(UpdateDeadline::YieldCustom(
            1,
            Box::pin(tokio::task::yield_now()),
        ))
    });
    store
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
