//! The JavaScript engine: a fresh QuickJS for every call, whose modules are the realm's.
//!
//! Here lives what runs a module graph and says what went wrong in it; nothing here knows what a card is. What the plugin
//! itself asks of values goes through [`Natives`], functions that were taken before any module ran: a module that changes
//! the engine's own objects changes its own world, and not what is reported of it.

mod graph;
mod shims;
mod source_map;
mod trouble;

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use realm_guest_sdk::{Diagnostic, Failure, Realm};
use rquickjs::function::This;
use rquickjs::{CatchResultExt, Context, Ctx, Error, Function, Module, Object, Runtime, Value};

pub(crate) use graph::{Graph, root_of};

use crate::options::Options;

/// Cycles are looked for when so much is in use; a call is short, and the instance ends with it.
const GC_THRESHOLD: usize = 32 << 20;

/// Timers that run while one promise is waited for.
const TIMERS: usize = 10_000;

/// Runs `body` with a fresh engine. `document` is the path that problems without a place of their own are reported at.
pub(crate) fn run<R>(
    realm: &dyn Realm,
    graph: Graph,
    document: &str,
    options: Options,
    body: impl FnOnce(&Call<'_>) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let graph = Rc::new(RefCell::new(graph));
    graph::REALM.set(realm, || {
        let broken = |error: Error| -> Failure {
            Diagnostic::error(format!("the engine did not start: {error}"))
                .code("card-engine")
                .help("the option `memoryBytes` of the plugin `cards` may be too small")
                .into()
        };
        let runtime = Runtime::new().map_err(broken)?;
        runtime.set_memory_limit(options.memory_bytes as usize);
        runtime.set_max_stack_size(options.stack_bytes as usize);
        runtime.set_gc_threshold(GC_THRESHOLD);
        runtime.set_loader(graph::Modules(graph.clone()), graph::Modules(graph.clone()));
        let context = Context::full(&runtime).map_err(broken)?;
        // In a component the memory is the instance's, which ends with the call: to take it apart would only cost time.
        let context = if cfg!(target_family = "wasm") {
            Holder::Kept(ManuallyDrop::new((runtime, context)))
        } else {
            Holder::Dropped(Box::new((runtime, context)))
        };
        context.get().with(|ctx| {
            let natives = shims::install(&ctx)
                .catch(&ctx)
                .map_err(|error| broken(Error::new_loading_message("shims", error.to_string())))?;
            let call = Call {
                ctx,
                natives,
                graph,
                document: document.to_owned(),
            };
            body(&call)
        })
    })
}

enum Holder {
    Kept(ManuallyDrop<(Runtime, Context)>),
    Dropped(Box<(Runtime, Context)>),
}

impl Holder {
    fn get(&self) -> &Context {
        match self {
            Self::Kept(held) => &held.1,
            Self::Dropped(held) => &held.1,
        }
    }
}

/// Functions of the engine's, as they were before any module ran.
pub(crate) struct Natives<'js> {
    /// `null` where the chain ends for us: at none, `Object.prototype` and `Function.prototype`.
    parent: Function<'js>,
    /// Own, and not the engine's: a function's `name` is no member of ours.
    has: Function<'js>,
    same: Function<'js>,
    /// The string, of no more than so many units, with every surrogate one of a pair.
    text: Function<'js>,
    /// `typeof`.
    kind: Function<'js>,
    /// Where timers leave what runs the next.
    shared: Object<'js>,
}

/// One run of the engine.
pub(crate) struct Call<'js> {
    pub(crate) ctx: Ctx<'js>,
    pub(crate) natives: Natives<'js>,
    pub(crate) graph: Rc<RefCell<Graph>>,
    document: String,
}

impl<'js> Call<'js> {
    /// Loads and runs the JSX runtime, before any module of an author's; gives its `render`.
    pub(crate) fn jsx_render(&self) -> Result<Function<'js>, Failure> {
        let url = self.graph.borrow_mut().load_runtime();
        let namespace = self.namespace(&url)?;
        namespace
            .get("render")
            .map_err(|error| self.failure(&error, "the JSX runtime was loaded"))
    }

    /// Loads and runs the module that `specifier` means; gives its URL and its exports.
    pub(crate) fn load(&self, specifier: &str) -> Result<(String, Object<'js>), Failure> {
        let url = self.graph.borrow_mut().load_root(specifier)?;
        let namespace = self.namespace(&url)?;
        Ok((url, namespace))
    }

    /// The exports of a module that is loaded, once it has run.
    pub(crate) fn namespace(&self, url: &str) -> Result<Object<'js>, Failure> {
        let what = format!("{} was loaded", self.graph.borrow().path(url));
        let namespace = Module::import(&self.ctx, url)
            .and_then(|promise| self.settle(promise.into_value()))
            .map_err(|error| self.failure(&error, &what))?;
        namespace.into_object().ok_or_else(|| {
            Diagnostic::error(format!("nothing came of it while {what}"))
                .code("card-engine")
                .within(self.document_span())
                .help("a module must not export a function `then`")
                .into()
        })
    }

    /// What a value becomes: itself, or what a promise settles to when everything that can run has run.
    pub(crate) fn settle(&self, value: Value<'js>) -> rquickjs::Result<Value<'js>> {
        let Some(promise) = value.as_promise() else {
            return Ok(value);
        };
        let mut timers = 0;
        loop {
            if let Some(result) = promise.result() {
                return result;
            }
            if self.ctx.execute_pending_job() {
                continue;
            }
            timers += 1;
            if timers > TIMERS || !self.run_timer()? {
                return Err(Error::WouldBlock);
            }
        }
    }

    fn run_timer(&self) -> rquickjs::Result<bool> {
        match self
            .natives
            .shared
            .get::<_, Option<Function<'js>>>("runTimer")?
        {
            Some(run) => run.call(()),
            None => Ok(false),
        }
    }

    /// JSON as a value.
    pub(crate) fn parse(&self, json: &str) -> rquickjs::Result<Value<'js>> {
        self.ctx.json_parse(json)
    }

    /// Calls `function` on `this`.
    pub(crate) fn invoke(
        &self,
        function: &Function<'js>,
        this: &Value<'js>,
        arguments: (Value<'js>, Value<'js>),
    ) -> rquickjs::Result<Value<'js>> {
        function.call((This(this.clone()), arguments.0, arguments.1))
    }

    /// The text of a string value of at most `limit` UTF-16 units; none when it is longer.
    pub(crate) fn text(&self, value: Value<'js>, limit: usize) -> rquickjs::Result<Option<String>> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        self.natives.text.call((value, limit))
    }

    /// What `typeof` says.
    pub(crate) fn kind(&self, value: &Value<'js>) -> rquickjs::Result<String> {
        self.natives.kind.call((value.clone(),))
    }

    /// A class and its ancestors, or an object and its prototypes, most specific first; none of the engine's own.
    pub(crate) fn chain(&self, value: &Value<'js>) -> rquickjs::Result<Vec<Value<'js>>> {
        const DEPTH: usize = 64;
        let mut chain = vec![value.clone()];
        while chain.len() < DEPTH {
            let parent: Value<'js> = self
                .natives
                .parent
                .call((chain[chain.len() - 1].clone(),))?;
            if parent.is_null() {
                break;
            }
            chain.push(parent);
        }
        Ok(chain)
    }

    /// Whether `holder` itself has a member of this name.
    pub(crate) fn owns(&self, holder: &Value<'js>, name: &str) -> rquickjs::Result<bool> {
        self.natives.has.call((holder.clone(), name))
    }

    /// A member of the first in `chain`, its own or inherited; none where nobody of the chain has it.
    pub(crate) fn member(
        &self,
        chain: &[Value<'js>],
        name: &str,
    ) -> rquickjs::Result<Option<Value<'js>>> {
        for holder in chain {
            if self.owns(holder, name)? {
                let first = chain[0].as_object().ok_or(Error::Unknown)?;
                return first.get(name).map(Some);
            }
        }
        Ok(None)
    }

    /// Whether two values are one.
    pub(crate) fn same(&self, one: &Value<'js>, other: &Value<'js>) -> rquickjs::Result<bool> {
        self.natives.same.call((one.clone(), other.clone()))
    }
}
