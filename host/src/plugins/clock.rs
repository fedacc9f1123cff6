//! The clock that interrupts running guests, and has put back what calls leave.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use wasmtime::EngineWeak;

/// How often running guests are interrupted, to yield and to be ended.
const TICK: Duration = Duration::from_millis(1);

/// Advances the engine's epoch while calls run, has put back what they leave, and sleeps while there is none of both.
#[derive(Debug)]
pub(super) struct Clock {
    state: Mutex<State>,
    woken: Condvar,
    /// Where instances are put back.
    guests: Handle,
}

#[derive(Default)]
struct State {
    running: usize,
    left: Vec<Left>,
}

/// What a call leaves.
type Left = Box<dyn Send>;

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("running", &self.running)
            .field("left", &self.left.len())
            .finish()
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.running == 0 && self.left.is_empty()
    }
}

impl Clock {
    /// Starts it, on a thread of its own that ends with the engine.
    pub(super) fn start(engine: EngineWeak, guests: Handle) -> Arc<Self> {
        let clock = Arc::new(Self::new(guests));
        let own = Arc::clone(&clock);
        std::thread::Builder::new()
            .name("epoch".to_owned())
            .spawn(move || own.tick(&engine))
            .expect("a thread at start-up");
        clock
    }

    fn new(guests: Handle) -> Self {
        Self {
            state: Mutex::default(),
            woken: Condvar::new(),
            guests,
        }
    }

    fn tick(&self, engine: &EngineWeak) {
        loop {
            {
                let mut state = self.state.lock();
                while state.is_idle() {
                    // The bound lets the thread see that its engine is gone.
                    self.woken.wait_for(&mut state, Duration::from_secs(5));
                    if engine.upgrade().is_none() {
                        return;
                    }
                }
            }
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => return,
            }
            self.put_back();
            std::thread::sleep(TICK);
        }
    }

    /// Keeps it ticking while something runs.
    pub(super) fn running(self: &Arc<Self>) -> Running {
        self.change(|state| state.running += 1);
        Running(Arc::clone(self))
    }

    /// Drops what a call leaves on a thread for guests: at the next tick, or at once.
    pub(super) fn leave(&self, left: Left, at_once: bool) {
        self.change(|state| state.left.push(left));
        if at_once {
            self.put_back();
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        let idle = state.is_idle();
        change(&mut state);
        if idle {
            self.woken.notify_one();
        }
    }

    /// Has put back what has been left so far.
    fn put_back(&self) {
        let left = std::mem::take(&mut self.state.lock().left);
        if !left.is_empty() {
            self.guests.spawn(async move { drop(left) });
        }
    }
}

/// How many guests run, beside how many can at a time.
#[derive(Debug)]
pub(super) struct Crowd {
    clock: Arc<Clock>,
    threads: usize,
}

impl Crowd {
    pub(super) fn new(clock: &Arc<Clock>, threads: usize) -> Self {
        let clock = Arc::clone(clock);
        Self { clock, threads }
    }

    /// Whether as many of them run as there are threads.
    pub(super) fn is_full(&self) -> bool {
        self.clock.state.lock().running >= self.threads
    }

    /// Whether more of them run than there are threads.
    pub(super) fn is_crowded(&self) -> bool {
        self.clock.state.lock().running > self.threads
    }
}

/// One running call, as far as the clock is concerned.
#[derive(Debug)]
pub(super) struct Running(Arc<Clock>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::runtime::Handle;
    use tokio::sync::mpsc::unbounded_channel;
    use tokio::time::timeout;

    use super::Clock;

    #[tokio::test]
    async fn what_is_left_is_put_back_at_a_tick_or_at_once() {
        // One that does not tick.
        let clock = Arc::new(Clock::new(Handle::current()));
        let (first, mut put_back) = unbounded_channel::<()>();
        clock.leave(Box::new(first.clone()), false);
        assert_eq!(clock.state.lock().left.len(), 1);
        clock.leave(Box::new(first), true);
        let all = timeout(Duration::from_secs(30), put_back.recv()).await;
        assert_eq!(all, Ok(None), "somebody holds it yet");
        assert!(clock.state.lock().is_idle());
    }
}
