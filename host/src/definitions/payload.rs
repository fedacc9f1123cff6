use serde_json::json;

use crate::changes::MAX_PAYLOAD_BYTES;
use crate::realm::RealmUrl;

/// The channel of cleared definitions; its name and grammar are the reference system's.
pub const DEFINITIONS: &str = "module_cache_invalidated";

/// Whose definitions are cleared.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// Those of these modules of a realm, by URL.
    Modules(&'a RealmUrl, &'a [String]),
    /// Those of a realm.
    Realm(&'a RealmUrl),
    /// All.
    Global,
}

/// The payloads that say so: modules in as many as it takes, by bytes. Modules whose URLs do not fit stand for their realm.
#[must_use]
pub fn payloads(scope: Scope<'_>) -> Vec<String> {
    let realm = |url: &RealmUrl| json!({ "k": "realm", "r": url.as_str() }).to_string();
    match scope {
        Scope::Global => vec![json!({ "k": "global" }).to_string()],
        Scope::Realm(url) => vec![realm(url)],
        Scope::Modules(url, modules) => {
            let payload = |modules: &[String]| {
                json!({ "k": "module", "r": url.as_str(), "m": modules }).to_string()
            };
            let (mut all, mut begin) = (Vec::new(), 0);
            for end in 1..=modules.len() {
                if payload(&modules[begin..end]).len() <= MAX_PAYLOAD_BYTES {
                    continue;
                }
                if end - 1 == begin {
                    return vec![realm(url)];
                }
                all.push(payload(&modules[begin..end - 1]));
                begin = end - 1;
                if payload(&modules[begin..end]).len() > MAX_PAYLOAD_BYTES {
                    return vec![realm(url)];
                }
            }
            if begin < modules.len() {
                all.push(payload(&modules[begin..]));
            }
            all
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Scope, payloads};
    use crate::changes::MAX_PAYLOAD_BYTES;
    use crate::realm::RealmUrl;

    #[test]
    fn they_are_the_reference_systems() {
        let url = RealmUrl::parse("http://h/r/").unwrap();
        let one = |scope| serde_json::from_str::<Value>(&payloads(scope)[0]).unwrap();
        assert_eq!(one(Scope::Global), json!({ "k": "global" }));
        assert_eq!(
            one(Scope::Realm(&url)),
            json!({ "k": "realm", "r": "http://h/r/" })
        );
        let modules = ["http://h/r/a.ts".to_owned()];
        assert_eq!(
            one(Scope::Modules(&url, &modules)),
            json!({ "k": "module", "r": "http://h/r/", "m": ["http://h/r/a.ts"] })
        );
    }

    #[test]
    fn many_modules_are_told_in_pieces_that_fit_in_bytes() {
        let url = RealmUrl::parse("http://h/r/").unwrap();
        let modules: Vec<_> = (0..500)
            .map(|number| format!("http://h/r/ü{number}{}.ts", "é".repeat(100)))
            .collect();
        let all = payloads(Scope::Modules(&url, &modules));
        assert!(all.len() > 1 && all.iter().all(|payload| payload.len() <= MAX_PAYLOAD_BYTES));
        let told: Vec<String> = all
            .iter()
            .flat_map(|payload| {
                let payload: Value = serde_json::from_str(payload).unwrap();
                serde_json::from_value::<Vec<String>>(payload["m"].clone()).unwrap()
            })
            .collect();
        assert_eq!(told, modules);
        let long = ["http://h/r/a".to_owned(), "x".repeat(9000)];
        assert_eq!(
            payloads(Scope::Modules(&url, &long)),
            payloads(Scope::Realm(&url))
        );
    }
}
