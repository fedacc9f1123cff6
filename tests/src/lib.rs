//! Several real hosts over a real Postgres: what the tests in `tests/` are written with. Starts and stops processes, asks
//! over HTTP, holds gates, and waits for conditions; it knows nothing of the host's insides.

mod answer;
pub mod chaos;
mod client;
mod edition;
pub mod history;
mod host;
mod options;
mod pooler;
mod postgres;
mod proxy;
mod token;
mod wait;

pub use self::answer::Answer;
pub use self::client::client;
pub use self::edition::{Edition, component_digest};
pub use self::host::Host;
pub use self::options::{
    HostOptions, ORIGIN, Storage, built_guest, guests, share_compiled_code, shipped, target,
    third_party,
};
pub use self::pooler::Pooler;
pub use self::postgres::{Postgres, server};
pub use self::proxy::{Link, Lost, Mode, Proxy};
pub use self::token::Token;
pub use self::wait::{distribution, eventually};

/// Runs a test on SQLite and on Postgres.
#[macro_export]
macro_rules! on_both {
    ($($name:ident)*) => {
        $(mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name($crate::HostOptions::new($crate::Storage::Sqlite)).await;
            }

            #[tokio::test]
            async fn postgres() {
                let postgres = $crate::server();
                super::$name($crate::HostOptions::new($crate::Storage::Postgres(postgres.database().await))).await;
            }
        })*
    };
}
