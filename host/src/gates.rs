//! Named points at which a test can hold this host, so that races are shown without sleeps. Compiled only with the
//! `under-test` feature, and controlled over the admin socket.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

struct Gate {
    open: watch::Sender<bool>,
    about: String,
    waiting: usize,
}

static GATES: LazyLock<Mutex<HashMap<String, Gate>>> = LazyLock::new(Mutex::default);

/// Closes a gate for whoever passes about something that contains `about`.
pub fn close(point: &str, about: &str) {
    let gate = Gate {
        open: watch::Sender::new(false),
        about: about.to_owned(),
        waiting: 0,
    };
    if let Some(old) = GATES.lock().insert(point.to_owned(), gate) {
        old.open.send_replace(true);
    }
}

/// Opens a gate and lets everyone pass.
pub fn open(point: &str) {
    if let Some(gate) = GATES.lock().remove(point) {
        gate.open.send_replace(true);
    }
}

/// How many wait there.
#[must_use]
pub fn waiting(point: &str) -> usize {
    GATES.lock().get(point).map_or(0, |gate| gate.waiting)
}

/// Passes the gate, or waits there while it is closed.
pub async fn pass(point: &str, about: &str) {
    let open = {
        let mut gates = GATES.lock();
        let Some(gate) = gates
            .get_mut(point)
            .filter(|gate| about.contains(&gate.about))
        else {
            return;
        };
        gate.waiting += 1;
        gate.open.subscribe()
    };
    let mut open = open;
    let _ = open.wait_for(|open| *open).await;
}

tokio::task_local! {
    static OPERATION: (&'static str, AtomicUsize);
}

/// Runs an operation, so that each of its statements passes the gate `statement` as `<operation>:<number>;`.
pub async fn numbered<T>(operation: &'static str, work: impl Future<Output = T>) -> T {
    OPERATION
        .scope((operation, AtomicUsize::new(0)), work)
        .await
}

/// One more statement of the operation that runs.
pub async fn statement() {
    let number = OPERATION.try_with(|(_, passed)| passed.fetch_add(1, Ordering::SeqCst) + 1);
    if let Ok(number) = number {
        named_statement(&number.to_string()).await;
    }
}

/// A statement that has a name instead of a number: `<operation>:lock;` and `<operation>:commit;`.
pub async fn named_statement(name: &str) {
    if let Ok(about) = OPERATION.try_with(|(operation, _)| format!("{operation}:{name};")) {
        pass("statement", &about).await;
    }
}
