//! Byte-bounded caches that are never stale: floors that an invalidation raises, stamps that remember them, loads that
//! many callers share. Libraries hold the bytes here and load nothing, since no library's loader survives an
//! invalidation that comes during a load. Knows no database and no plugin.

mod bytes;
mod flight;
mod floors;

pub use self::bytes::{ByteCache, Cached, Weigh};
pub use self::flight::{Flight, Flights, Waiter};
pub use self::floors::{Floors, Mark, Stamp};
