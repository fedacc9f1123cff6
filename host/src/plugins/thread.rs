//! On which thread a call runs.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::{JoinHandle, block_in_place};

use super::engine::PluginEngine;

/// Runs a call to its end, whatever happens to whoever waits for it: a running guest's future is never dropped. What it
/// leaves is dropped on a thread for guests. None: it has ended already.
///
/// It begins on the thread that asks, and goes on there until it waits for something or steps aside for others: to hand it
/// over and to be woken by its answer takes a tenth of a usual call's time. The tasks of that thread do not wait: another
/// one takes them over. Where every thread for guests has something to do it is left to them, and where `aside`, on behalf
/// of a guest that may run on this very thread.
pub(super) fn run<F>(engine: &PluginEngine, call: F, aside: bool) -> Option<JoinHandle<()>>
where
    F: Future<Output: Send> + Send + 'static,
{
    let mut call = Box::pin(call);
    let guests = engine.threads();
    if !aside && !engine.crowd().is_full() {
        match catch_unwind(AssertUnwindSafe(|| begin(call.as_mut()))) {
            Ok(Poll::Ready(left)) => {
                engine.leave(left);
                return None;
            }
            Ok(Poll::Pending) => {}
            Err(panic) => return Some(guests.spawn(async { resume_unwind(panic) })),
        }
    }
    Some(guests.spawn(async move { drop(call.await) }))
}

fn begin<F: Future>(call: Pin<&mut F>) -> Poll<F::Output> {
    // Who waits is not woken here: the thread that it goes on with asks again.
    let poll = || call.poll(&mut Context::from_waker(Waker::noop()));
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => block_in_place(poll),
        _ => poll(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, mpsc};
    use std::thread;
    use std::time::Duration;

    use tempfile::TempDir;
    use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::run;
    use crate::config::{Config, RawConfig};
    use crate::plugins::{Compiler, EngineOptions, PluginEngine};

    fn engine() -> (TempDir, Arc<PluginEngine>) {
        let folder = tempfile::tempdir().unwrap();
        let raw = RawConfig::gather(&BTreeMap::new(), folder.path()).unwrap();
        let options = EngineOptions {
            limits: Config::new(&raw).unwrap().limits,
            compiled: folder.path().join("compiled"),
            meter: false,
            compiler: Compiler::Here,
        };
        let engine = PluginEngine::new(&options).unwrap();
        (folder, engine)
    }

    /// Tells on which thread it is dropped.
    struct Left(UnboundedSender<bool>);

    impl Drop for Left {
        fn drop(&mut self) {
            let _ = self.0.send(is_for_guests());
        }
    }

    fn is_for_guests() -> bool {
        thread::current().name() == Some("guest")
    }

    /// Tells on which threads it begins, goes on and leaves.
    async fn call(waits: bool, told: UnboundedSender<bool>) -> Left {
        let _ = told.send(is_for_guests());
        if waits {
            yield_now().await;
        }
        let _ = told.send(is_for_guests());
        Left(told)
    }

    async fn three(heard: &mut UnboundedReceiver<bool>) -> [bool; 3] {
        let mut all = [false; 3];
        for one in &mut all {
            let told = timeout(Duration::from_secs(30), heard.recv());
            *one = told.await.expect("a word in time").unwrap();
        }
        all
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_call_begins_where_it_is_asked_for_and_waits_where_guests_run() {
        let (_folder, engine) = engine();
        let (told, mut heard) = unbounded_channel();
        assert!(run(&engine, call(false, told.clone()), false).is_none());
        assert_eq!(three(&mut heard).await, [false, false, true]);
        assert!(run(&engine, call(true, told.clone()), false).is_some());
        assert_eq!(three(&mut heard).await, [false, true, true]);
        assert!(run(&engine, call(false, told.clone()), true).is_some());
        assert_eq!(three(&mut heard).await, [true, true, true]);
        let _others: Vec<_> = (0..engine.limits().concurrency)
            .map(|_| engine.running())
            .collect();
        assert!(run(&engine, call(false, told), false).is_some());
        assert_eq!(three(&mut heard).await, [true, true, true]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn the_tasks_of_its_thread_do_not_wait() {
        let (_folder, engine) = engine();
        let asks = async move {
            let (done, waits) = mpsc::channel();
            tokio::spawn(async move { done.send(()) });
            let call = async move { waits.recv_timeout(Duration::from_secs(30)) };
            let (told, heard) = mpsc::channel();
            run(&engine, async move { told.send(call.await) }, false);
            heard.recv()
        };
        let heard = tokio::spawn(asks).await.unwrap();
        assert_eq!(heard, Ok(Ok(())));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_panic_is_told() {
        let (_folder, engine) = engine();
        for waits in [false, true] {
            let panics = async move {
                if waits {
                    yield_now().await;
                }
                panic!("gone wrong");
            };
            let ended = run(&engine, panics, false).expect("an end").await;
            let error = ended.unwrap_err().to_string();
            assert!(error.contains("gone wrong"), "{error}");
        }
    }
}
