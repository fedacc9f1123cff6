//! What realms hold, found before anybody asks: the words of their documents.

mod words;

pub use self::words::{MAX_WORDS_BYTES, words};
