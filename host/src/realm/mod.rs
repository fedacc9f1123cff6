//! What a realm is: its URL, the paths inside it, the hash that names a file's bytes, its `realm.json`.
//! Pure values and parsing live here; nothing that reads a clock, a file, a socket or a database may.

mod blob;
mod media;
mod path;
mod place;
mod plain;
mod prefixes;
pub mod query;
mod rights;
mod settings;
mod specifier;
mod url;

pub use self::blob::BlobHash;
pub use self::media::media_type;
pub use self::path::{LocalPath, PathError};
pub use self::place::place_in_json;
pub use self::plain::{MAX_WORD_BYTES, plain_words};
pub use self::prefixes::UrlPrefixes;
pub use self::rights::{Rights, UnknownRight};
pub use self::settings::{
    DEFAULT_EXTENSIONS, PluginChoice, RealmSettings, SETTINGS_FILE, SettingsError,
};
pub use self::specifier::{Meant, STAND_IN, guest_url};
pub use self::url::{RealmUrl, RealmUrlError};

/// A realm's change counter: +1 per commit that changes anything, gap-free, in commit order.
pub type Generation = i64;

/// The database's number of a realm; it stays the same when the realm is deleted and created again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealmId(pub i64);
