use super::path::{is_path, lawful};
use crate::changes::{Malformed, Payload, payloads};
use crate::realm::RealmUrl;

/// A payload of `realm_file_changes`. It is split at the first `/:`, prints as it came, is refused for what is wrong with
/// it and for nothing else, and what a host announces is read as what it meant.
pub fn payload(data: &[u8]) -> bool {
    let at = data.windows(2).position(|pair| pair == b"/:");
    let sides = at.map(|at| (&data[..=at], &data[at + 2..]));
    let parsed = match Payload::parse(data) {
        Ok(parsed) => parsed,
        Err(error) => {
            refused(data, sides, &error);
            return false;
        }
    };
    let (realm, rest) = sides.expect("something to split at");
    assert_eq!(parsed.realm.as_bytes(), realm);
    assert!(parsed.realm.len() > 1 && parsed.realm.ends_with('/'));
    assert!(!parsed.realm.contains("/:"));
    let local = parsed.path.as_ref().map_or("*", |path| path.as_str());
    assert_eq!(local.as_bytes(), rest);
    assert_eq!(format!("{}:{local}", parsed.realm).as_bytes(), data);
    if let Some(path) = &parsed.path {
        lawful(path);
    }
    if let Ok(realm) = RealmUrl::parse(&parsed.realm)
        && realm.as_str() == parsed.realm
    {
        let paths = parsed.path.clone().map(|path| vec![path]);
        let printed = payloads(&realm, paths.as_deref());
        assert_eq!(printed.len(), 1);
        assert_eq!(printed[0].as_bytes(), data);
        assert!(printed[0].len() < 8000, "Postgres takes no more");
    }
    true
}

fn refused(data: &[u8], sides: Option<(&[u8], &[u8])>, error: &Malformed) {
    let Ok(text) = std::str::from_utf8(data) else {
        assert_eq!(error, &Malformed::NotUtf8);
        return;
    };
    let Some((realm, rest)) = sides else {
        assert_eq!(error, &Malformed::NoSeparator);
        return;
    };
    let local = &text[realm.len() + 1..];
    match error {
        Malformed::Empty("realm URL") => assert_eq!(realm, b"/"),
        Malformed::Empty(_) => assert!(rest.is_empty()),
        Malformed::Path(_) => assert!(!is_path(local) && local != "*"),
        Malformed::NotUtf8 | Malformed::NoSeparator => panic!("{text:?}: {error}"),
    }
}
