use serde::Deserialize;
use serde_json::json;

use crate::changes::MAX_PAYLOAD_BYTES;
use crate::realm::{LocalPath, RealmUrl};

/// What a payload says, as somebody has sent it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "k", rename_all = "lowercase")]
pub(crate) enum Cleared {
    /// The definitions of these modules.
    Module {
        /// Of this realm, by URL.
        r: String,
        /// By URL.
        #[serde(default)]
        m: Vec<String>,
    },
    /// Those of a realm.
    Realm {
        /// By URL.
        r: String,
    },
    /// All.
    Global,
}

impl Cleared {
    /// Reads a payload.
    ///
    /// # Errors
    /// When it says nothing that this host knows; whoever may NOTIFY can send anything.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }

    /// Whether it is about the module at `path` of the realm at `realm`, by its name or by one that leads to it.
    pub(crate) fn is_about(&self, realm: &RealmUrl, path: &LocalPath) -> bool {
        match self {
            Self::Global => true,
            Self::Realm { r } => r == realm.as_str(),
            Self::Module { r, m } => {
                r == realm.as_str()
                    && m.iter().filter_map(|url| realm.local(url)).any(|named| {
                        named == *path || path.aliases().any(|alias| alias == named.as_str())
                    })
            }
        }
    }
}

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

    use super::{Cleared, Scope, payloads};
    use crate::changes::MAX_PAYLOAD_BYTES;
    use crate::realm::{LocalPath, RealmUrl};

    #[test]
    fn what_is_sent_is_understood_and_anything_else_is_not() {
        let url = RealmUrl::parse("http://h/r/").unwrap();
        let other = RealmUrl::parse("http://h/q/").unwrap();
        let path = LocalPath::new("a b.d.ts").unwrap();
        let modules = [url.join(&LocalPath::new("x.ts").unwrap()), url.join(&path)];
        let read = |scope| Cleared::parse(payloads(scope)[0].as_bytes()).unwrap();
        let all = [
            read(Scope::Global),
            read(Scope::Realm(&url)),
            read(Scope::Modules(&url, &modules)),
            Cleared::parse(br#"{"k":"module","r":"http://h/r/","m":["http://h/r/a%20b"],"x":1}"#)
                .unwrap(),
        ];
        assert!(all.iter().all(|cleared| cleared.is_about(&url, &path)));
        assert!(
            all[1..]
                .iter()
                .all(|cleared| !cleared.is_about(&other, &path))
        );
        assert!(!all[2].is_about(&url, &LocalPath::new("a b.d.tsx").unwrap()));
        for bad in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"k":"all"}"#,
            r#"{"k":"realm"}"#,
            r#"{"k":"module","m":[]}"#,
        ] {
            assert!(Cleared::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

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
