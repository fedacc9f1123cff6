//! What shows how the host treats a guest: state between calls, reads, time and chance.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use realm_guest_sdk::{Failure, File, Files, ReadError};
use serde_json::{Value, json};

static CALLS: AtomicU32 = AtomicU32::new(0);
static HOARD: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How many calls this instance has seen: always 1 where every call has a fresh instance.
pub(crate) fn state() -> u32 {
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

/// `[{"specifier", "url", "path", "contents"} | {"specifier", "error"}, …]`.
pub(crate) fn read(realm: &dyn Files, referrer: &str, specifiers: &[&str]) -> Value {
    let read = |specifier: &&str| match realm.read(specifier, referrer) {
        Ok(file) => {
            let contents = text(&file);
            json!({ "specifier": specifier, "url": file.url, "path": file.path, "contents": contents })
        }
        Err(error) => json!({ "specifier": specifier, "error": name(error) }),
    };
    specifiers.iter().map(read).collect()
}

/// The contents of a file that must be there.
pub(crate) fn contents(
    realm: &dyn Files,
    referrer: &str,
    specifier: &str,
) -> Result<String, Failure> {
    let file = realm
        .read(specifier, referrer)
        .map_err(|error| Failure::unreadable(specifier, error))?;
    Ok(text(&file))
}

/// How many of `count` different reads found nothing.
pub(crate) fn reads(realm: &dyn Files, referrer: &str, count: usize) -> usize {
    let absent =
        |n: &usize| realm.read(&format!("./absent-{n}"), referrer) == Err(ReadError::NotFound);
    (0..count).filter(absent).count()
}

/// Whether there is room for so many bytes more.
pub(crate) fn room(bytes: usize) -> bool {
    let mut room = Vec::<u8>::new();
    black_box(&mut room).try_reserve_exact(bytes).is_ok()
}

/// Keeps this file and another, where a later call would find them; gives all that was ever kept: `{"seen", "kept"}`.
pub(crate) fn hoard(
    realm: &dyn Files,
    referrer: &str,
    own: &str,
    specifier: &str,
) -> Result<Value, Failure> {
    let read = contents(realm, referrer, specifier)?;
    let mut kept = HOARD.lock().expect("never poisoned");
    kept.extend([own.to_owned(), read]);
    // In memory that is never given back, too.
    std::mem::forget(kept.clone());
    Ok(json!({ "seen": kept.len(), "kept": *kept }))
}

/// All of it must be the same in every call.
pub(crate) fn clock() -> Value {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    json!({
        "system": since_epoch.as_nanos().to_string(),
        "instant": format!("{:?}", Instant::now()),
        "random": RandomState::new().hash_one(0).to_string(),
    })
}

fn text(file: &File) -> String {
    String::from_utf8_lossy(&file.contents).into_owned()
}

/// As the WIT writes it.
pub(crate) fn name(error: ReadError) -> &'static str {
    match error {
        ReadError::NotFound => "not-found",
        ReadError::Forbidden => "forbidden",
        ReadError::Outside => "outside",
        ReadError::TooLarge => "too-large",
    }
}
