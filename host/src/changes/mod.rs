//! How a replica learns what has changed: the payload grammar, the announcer that sends, the listener that hears, the
//! log that is the truth behind both, and the lease that bounds what a lost notification can do. Publishes
//! invalidations to whoever subscribed, and knows no cache.

mod announcer;
mod clock;
mod delivery;
mod feed;
mod hub;
mod lease;
mod listener;
mod payload;
mod tracker;

pub use self::announcer::{Announcement, Announcer, Announcing};
pub use self::clock::BootTime;
pub use self::delivery::require_delivery;
pub use self::feed::Commit;
pub use self::hub::{Hub, Invalidation, Subscriber};
pub use self::lease::keep as keep_lease;
pub use self::listener::{ListenerState, Listening, listen};
pub use self::payload::{
    DEFINITIONS, FILE_CHANGES, INDEX_UPDATED, JOBS, JOBS_FINISHED, MAX_PATHS, MAX_PAYLOAD_BYTES,
    Malformed, PLUGINS, Payload, REGISTRY, payloads,
};
pub use self::tracker::{Freshness, Tracker};
