use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why a call was ended from inside.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Ended {
    /// Something that it had read has changed.
    #[error("something that it had read has changed")]
    Change,
    /// Somebody sent a payload that meets its read set.
    #[error("an invalidation was sent for something that it had read")]
    Notice,
    /// Its plugin, or one whose modules it may have loaded, was removed.
    #[error("a plugin that it needs was removed")]
    Removed,
    /// Nobody waits for it any more.
    #[error("nobody waits for it any more")]
    Abandoned,
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
    /// Its time is up.
    #[error("its time is up")]
    Deadline,
    /// It logged more than it may.
    #[error("it logged more than it may")]
    LogLimit,
    /// It read more files than it may.
    #[error("it read more files than it may")]
    ReadLimit,
    /// Other plugins' calls have every instance slot.
    #[error("calls have had every instance slot for too long")]
    NoSlot,
    /// The host could not give it what it asked for, for reasons that pass.
    #[error("the host could not read a file for it: {0}")]
    Trouble(String),
}

/// Ends a call. Cheap to clone; the first reason stands.
#[derive(Clone, Debug, Default)]
pub struct CallToken {
    cancelled: CancellationToken,
    reason: Arc<OnceLock<Ended>>,
}

impl CallToken {
    /// Ends the call for `reason`; whether it was the first to do so.
    pub fn end(&self, reason: Ended) -> bool {
        let first = self.reason.set(reason).is_ok();
        self.cancelled.cancel();
        first
    }

    /// Why the call is to end, if it is.
    #[must_use]
    pub fn ended(&self) -> Option<&Ended> {
        self.reason.get()
    }

    /// Waits until the call is to end, and why.
    pub async fn wait(&self) -> Ended {
        self.cancelled.cancelled().await;
        self.reason.get().cloned().unwrap_or(Ended::Stopping)
    }
}
