use std::sync::Arc;
use std::time::Instant;

use wasmtime::{Store, UpdateDeadline};

use super::bindings::exports::realm::plugin::{about, transpiler};
use super::bindings::realm::plugin::types;
use super::bindings::{TranspilerPlugin, TranspilerPluginPre};
use super::capture::{Capture, Speaker};
use super::engine::PluginEngine;
use super::error::{CallError, Remains, explain, frames};
use super::imports::{CallWorld, Contents, Files, ReadFailure, ReadTrouble};
use super::installed::Plugin;
use super::limits::Limiter;
use super::output::Outcome;
use super::token::{CallToken, Ended};
use super::wasi;

/// One run of a transpiler.
pub struct Call {
    /// Its number, for logs and errors.
    pub id: u64,
    /// Whom to call.
    pub plugin: Arc<Plugin>,
    /// The realm that asks.
    pub realm: String,
    /// The input: its bytes, and how the guest sees it.
    pub input: Contents,
    /// The options: a JSON object.
    pub options: String,
    /// What the guest may read.
    pub files: Arc<dyn Files>,
    /// Ends it.
    pub token: CallToken,
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

/// What to do with an instance.
trait Job: Send + 'static {
    type Given: Send + 'static;

    fn run(
        self,
        instance: &TranspilerPlugin,
        store: &mut Store<CallWorld>,
    ) -> impl Future<Output = wasmtime::Result<Self::Given>> + Send;
}

struct Transpile(transpiler::Request);

impl Job for Transpile {
    type Given = Outcome;

    async fn run(
        self,
        instance: &TranspilerPlugin,
        store: &mut Store<CallWorld>,
    ) -> wasmtime::Result<Outcome> {
        Ok(instance
            .realm_plugin_transpiler()
            .call_transpile(store, &self.0)
            .await?
            .into())
    }
}

struct Describe;

impl Job for Describe {
    type Given = about::Description;

    async fn run(
        self,
        instance: &TranspilerPlugin,
        store: &mut Store<CallWorld>,
    ) -> wasmtime::Result<about::Description> {
        instance.realm_plugin_about().call_describe(store).await
    }
}

impl PluginEngine {
    /// Runs a transpiler in a fresh instance, on a thread for guests. The caller has been admitted.
    ///
    /// # Errors
    /// When the call came to no outcome; [`CallError::ended`] says when that was the host's doing.
    pub async fn transpile(self: &Arc<Self>, call: Call) -> Result<Outcome, CallError> {
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
        let request = transpiler::Request {
            input: types::File {
                url: call.input.url,
                path: call.input.path,
                media_type: call.input.media_type,
                contents: call.input.bytes.to_vec(),
            },
            purpose: types::Purpose::Browser,
            options: call.options,
        };
        let plugin = subject.plugin.clone();
        let outcome = run(
            self,
            call.plugin.pre.clone(),
            subject,
            call.files,
            call.token,
            Transpile(request),
        )
        .await;
        metrics::histogram!("realm_guest_call_seconds", "plugin" => plugin.clone())
            .record(begun.elapsed());
        if let Err(error) = &outcome {
            metrics::counter!("realm_guest_call_failures_total", "plugin" => plugin, "kind" => error.kind.as_str()).increment(1);
        }
        outcome
    }
}

/// Asks a component what it is.
pub(super) async fn describe(
    engine: &Arc<PluginEngine>,
    pre: &TranspilerPluginPre<CallWorld>,
    name: &str,
    digest: &str,
) -> Result<about::Description, CallError> {
    let subject = Subject {
        plugin: name.to_owned(),
        digest: digest.to_owned(),
        realm: String::new(),
        path: "describe".to_owned(),
        call: 0,
    };
    run(
        engine,
        pre.clone(),
        subject,
        Arc::new(NoFiles),
        CallToken::default(),
        Describe,
    )
    .await
}

/// Runs a job in a fresh store, under every limit, on a thread for guests.
async fn run<J: Job>(
    engine: &Arc<PluginEngine>,
    pre: TranspilerPluginPre<CallWorld>,
    subject: Subject,
    files: Arc<dyn Files>,
    token: CallToken,
    job: J,
) -> Result<J::Given, CallError> {
    // Other plugins' calls may have every slot; whoever has no more business here does not wait for one.
    let slot = tokio::select! {
        biased;
        ended = token.wait() => return Err(failed(subject, &ended.into(), &Remains::default())),
        slot = Arc::clone(&engine.slots).acquire_owned() => slot,
    };
    let speaker = Speaker {
        plugin: subject.plugin.clone(),
        realm: subject.realm.clone(),
        call: subject.call,
    };
    let capture = Capture::new(speaker, engine.limits.log);
    let own = (Arc::clone(engine), Arc::clone(&capture));
    // The task runs to its end whatever happens to whoever waits: a running guest's future is never dropped.
    let ended = engine.threads().spawn(async move {
        let (engine, capture) = own;
        let _slot = slot;
        let mut store = store(&engine, capture, files, token);
        let _ticking = engine.running();
        let given = async {
            let instance = pre.instantiate_async(&mut store).await?;
            job.run(&instance, &mut store).await
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

fn store(
    engine: &Arc<PluginEngine>,
    capture: Arc<Capture>,
    files: Arc<dyn Files>,
    token: CallToken,
) -> Store<CallWorld> {
    let limits = &engine.limits;
    let deadline = Instant::now() + limits.deadline;
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
        deadline,
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
        if Instant::now() >= deadline {
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

/// For calls that have no business reading.
struct NoFiles;

impl Files for NoFiles {
    fn read(
        &self,
        _: String,
        _: String,
    ) -> futures_util::future::BoxFuture<'_, Result<Result<Contents, ReadFailure>, ReadTrouble>>
    {
        Box::pin(async { Ok(Err(ReadFailure::Outside)) })
    }
}
