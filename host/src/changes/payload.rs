use crate::realm::{LocalPath, RealmUrl};

/// The channel of file changes; the grammar is the reference system's.
pub const FILE_CHANGES: &str = "realm_file_changes";
/// The channel of registry changes.
pub const REGISTRY: &str = "realm_registry";
/// Channel: an installed plugin has changed.
pub const PLUGINS: &str = "realm_plugins";
/// The channel of cleared definitions; its name and grammar are the reference system's.
pub const DEFINITIONS: &str = "module_cache_invalidated";

/// The channel of wishes for jobs, `<lane>:<realm's number>`: something may be to do.
pub const JOBS: &str = "jobs";
/// The channel of jobs that are done, named alike.
pub const JOBS_FINISHED: &str = "jobs_finished";
/// The channel of realms whose index has changed, by URL.
pub const INDEX_UPDATED: &str = "realm_index_updated";

/// The most bytes that Postgres takes as a payload.
pub const MAX_PAYLOAD_BYTES: usize = 7_999;
/// A commit that changes more paths than this is announced as the whole realm.
pub const MAX_PATHS: usize = 64;

/// What a payload on `realm_file_changes` says: `<realmURL>:<localPath>`, or `<realmURL>:*` for the whole realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The realm's URL, up to and with the `/` before the first `/:`.
    pub realm: String,
    /// The path; none: the whole realm.
    pub path: Option<LocalPath>,
}

/// Why a payload is ignored.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Malformed {
    /// Not text.
    #[error("it is not UTF-8")]
    NotUtf8,
    /// No `/:`.
    #[error("it has no `/:` between a realm's URL and a path")]
    NoSeparator,
    /// One side is empty.
    #[error("its {0} is empty")]
    Empty(&'static str),
    /// The path is none that a realm can have.
    #[error("its path cannot be a file's: {0}")]
    Path(crate::realm::PathError),
}

impl Payload {
    /// Reads a payload: it is split at the first `/:`.
    ///
    /// # Errors
    /// When it does not follow the grammar; whoever may NOTIFY can send anything.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(bytes).map_err(|_| Malformed::NotUtf8)?;
        let at = text.find("/:").ok_or(Malformed::NoSeparator)?;
        let (realm, path) = (&text[..=at], &text[at + 2..]);
        if realm == "/" {
            return Err(Malformed::Empty("realm URL"));
        }
        let path = match path {
            "" => return Err(Malformed::Empty("path")),
            "*" => None,
            path => Some(LocalPath::new(path).map_err(Malformed::Path)?),
        };
        Ok(Self {
            realm: realm.to_owned(),
            path,
        })
    }
}

/// The payloads that announce a commit: one per path, or one for the whole realm when `paths` is none, when there are
/// too many, or when one would not fit.
#[must_use]
pub fn payloads(realm: &RealmUrl, paths: Option<&[LocalPath]>) -> Vec<String> {
    let all = || vec![format!("{realm}:*")];
    match paths {
        Some(paths) if paths.len() <= MAX_PATHS => {
            let each: Vec<_> = paths.iter().map(|path| format!("{realm}:{path}")).collect();
            if each
                .iter()
                .all(|payload| payload.len() <= MAX_PAYLOAD_BYTES)
            {
                each
            } else {
                all()
            }
        }
        _ => all(),
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_PATHS, MAX_PAYLOAD_BYTES, Malformed, Payload, payloads};
    use crate::realm::{LocalPath, PathError, RealmUrl};

    fn ok(text: &str) -> (String, Option<String>) {
        let payload =
            Payload::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        (payload.realm, payload.path.map(|path| path.to_string()))
    }

    #[test]
    fn the_grammar() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("http://h/r/:a.ts", "http://h/r/", Some("a.ts")),
            (
                "http://localhost:4201/r/:a/b.ts",
                "http://localhost:4201/r/",
                Some("a/b.ts"),
            ),
            (
                "http://localhost:4201/:a.ts",
                "http://localhost:4201/",
                Some("a.ts"),
            ),
            (
                "http://[::1]:4201/r/:a.ts",
                "http://[::1]:4201/r/",
                Some("a.ts"),
            ),
            (
                "@cardstack/base/:card-api.gts",
                "@cardstack/base/",
                Some("card-api.gts"),
            ),
            (
                "http://h/r/:foo/a:b.json",
                "http://h/r/",
                Some("foo/a:b.json"),
            ),
            ("http://h/r/:x/:y", "http://h/r/", Some("x/:y")),
            ("http://h/r/::y", "http://h/r/", Some(":y")),
            ("http://h/r/:a b.ts", "http://h/r/", Some("a b.ts")),
            ("http://h/r/:é/日本.ts", "http://h/r/", Some("é/日本.ts")),
            ("http://h/r/:100%25.ts", "http://h/r/", Some("100%25.ts")),
            ("http://h/r/:*", "http://h/r/", None),
            ("http://h/r/:*.ts", "http://h/r/", Some("*.ts")),
            ("http://h/r/:a/*", "http://h/r/", Some("a/*")),
        ];
        for (text, realm, path) in cases {
            assert_eq!(
                ok(text),
                ((*realm).to_owned(), path.map(str::to_owned)),
                "{text}"
            );
        }
        let long = format!("http://h/{}/:a.ts", "x".repeat(9000));
        assert_eq!(
            ok(&long).1.as_deref(),
            Some("a.ts"),
            "a length that Postgres would refuse is still read"
        );
    }

    #[test]
    fn what_does_not_follow_it_is_ignored_with_its_reason() {
        let cases: &[(&[u8], Malformed)] = &[
            (b"", Malformed::NoSeparator),
            (b"*", Malformed::NoSeparator),
            (b"http://h/r/a.ts", Malformed::NoSeparator),
            (b"http://h:80/r", Malformed::NoSeparator),
            (b"/:a.ts", Malformed::Empty("realm URL")),
            (b"http://h/r/:", Malformed::Empty("path")),
            (b"http://h/r/:\xc3", Malformed::NotUtf8),
            (&"http://h/r/:日本".as_bytes()[..14], Malformed::NotUtf8),
            (
                b"http://h/r/:../x",
                Malformed::Path(PathError::DotSegment("..".into())),
            ),
            (
                b"http://h/r/:a//b",
                Malformed::Path(PathError::EmptySegment),
            ),
        ];
        for (bytes, expected) in cases {
            assert_eq!(
                &Payload::parse(bytes).unwrap_err(),
                expected,
                "{}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    #[test]
    fn a_commit_that_does_not_fit_announces_the_whole_realm() {
        let realm = RealmUrl::parse("http://h/r/").unwrap();
        let paths = |count: usize| {
            (0..count)
                .map(|number| LocalPath::new(&format!("{number}.ts")).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(payloads(&realm, Some(&paths(MAX_PATHS))).len(), MAX_PATHS);
        assert_eq!(
            payloads(&realm, Some(&paths(MAX_PATHS + 1))),
            ["http://h/r/:*"]
        );
        assert_eq!(payloads(&realm, None), ["http://h/r/:*"]);
        let long = RealmUrl::parse(&format!(
            "http://h/{}/",
            "x".repeat(RealmUrl::MAX_BYTES - 10)
        ))
        .unwrap();
        let longest = LocalPath::new(&"y".repeat(LocalPath::MAX_BYTES)).unwrap();
        for payload in payloads(&long, Some(&[longest])) {
            assert!(
                payload.len() <= MAX_PAYLOAD_BYTES && Payload::parse(payload.as_bytes()).is_ok()
            );
        }
    }
}
