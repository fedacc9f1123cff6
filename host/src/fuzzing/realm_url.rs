use ::url::Url;

use crate::changes::Payload;
use crate::realm::{LocalPath, RealmUrl};

/// A realm's URL. What is taken is in the one form that its host, its files' URLs and its notifications agree on.
pub fn realm_url(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let Ok(realm) = RealmUrl::parse(text) else {
        return false;
    };
    let again = RealmUrl::parse(realm.as_str()).expect("its own text");
    assert_eq!((&again, again.as_str()), (&realm, realm.as_str()));
    assert_eq!(realm.to_string(), realm.as_str());

    let url = Url::parse(realm.as_str()).expect("a URL");
    assert!(matches!(url.scheme(), "http" | "https"));
    assert!(url.query().is_none() && url.fragment().is_none());
    assert!(url.username().is_empty() && url.password().is_none());
    assert_eq!(realm.origin(), url.origin().ascii_serialization());
    assert_eq!(realm.path(), url.path());
    assert_eq!(
        format!("{}{}", realm.origin(), realm.path()),
        realm.as_str()
    );

    assert!(realm.as_str().is_ascii() && realm.as_str().len() <= 2048);
    assert!(realm.path().starts_with('/') && realm.path().ends_with('/'));
    assert!(!realm.as_str().contains("/:") && !realm.path().contains("//"));
    let segments = realm.path().split('/');
    assert!(
        !segments
            .into_iter()
            .any(|segment| segment == "." || segment == "..")
    );

    let file = LocalPath::new("a b/ü%.ts").expect("a path");
    assert_eq!(realm.local(&realm.join(&file)), Some(file));
    assert_eq!(
        realm.local(realm.as_str()),
        None,
        "a realm is no file of its own"
    );
    let whole = Payload::parse(format!("{realm}:*").as_bytes()).expect("a payload");
    assert_eq!((whole.realm.as_str(), whole.path), (realm.as_str(), None));

    for tail in ["?q", "?", "#f", "#", "x", "/", ":/"] {
        let other = format!("{realm}{tail}");
        assert!(RealmUrl::parse(&other).is_err(), "{other}");
    }
    // A folder of a realm may be a realm.
    let below = format!("{realm}a/");
    assert_eq!(RealmUrl::parse(&below).is_ok(), below.len() <= 2048);
    true
}
