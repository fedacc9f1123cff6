//! Several real hosts over a real Postgres: what the tests in `tests/` are written with. Starts and stops processes, asks
//! over HTTP, holds gates, and waits for conditions; it knows nothing of the host's insides.

mod host;
mod postgres;
mod wait;

pub use self::host::{Answer, Host, HostOptions, ORIGIN, Storage};
pub use self::postgres::Postgres;
pub use self::wait::{distribution, eventually};
