//! What the tests of failing and quarrelling operations share: two hosts of one database, its rows, its backends.

use std::collections::{BTreeMap, BTreeSet};

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, eventually, server};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tokio::task::JoinHandle;

/// A lease that no test outlasts: what arrives has come by another way.
pub(crate) const LONG: &str = "60s";

/// Two hosts, and their database.
pub(crate) struct Stage {
    pub(crate) a: Host,
    pub(crate) b: Host,
    /// How both were started.
    pub(crate) options: HostOptions,
    /// The database itself, with nothing in between.
    pub(crate) url: String,
    pub(crate) pool: PgPool,
}

impl Stage {
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let url = server().database().await;
        let mut options = HostOptions::new(Storage::Postgres(url.clone()));
        for (name, value) in settings {
            options = options.with(name, value);
        }
        Self::with(options.clone(), options, url).await
    }

    /// Hosts that reach the database at `url` each in its own way.
    pub(crate) async fn with(of_a: HostOptions, of_b: HostOptions, url: String) -> Self {
        // Nobody collects: a lock that is seen is an operation's.
        let alone = |options: HostOptions| options.with("role", "serve");
        let (of_a, of_b) = (alone(of_a), alone(of_b));
        Self {
            a: of_a.start().await,
            b: of_b.clone().start().await,
            options: of_b,
            pool: PgPool::connect(&url).await.unwrap(),
            url,
        }
    }

    pub(crate) fn hosts(&self) -> [&Host; 2] {
        [&self.a, &self.b]
    }

    /// All that lifecycle operations write, row by row.
    pub(crate) async fn rows(&self) -> BTreeMap<&'static str, Vec<String>> {
        let mut all = BTreeMap::new();
        for table in [
            "realms",
            "trees",
            "files",
            "changes",
            "counters",
            "realm_permissions",
            "definitions",
            "folder_files",
            "audit",
        ] {
            let sql = AssertSqlSafe(format!(
                "SELECT to_jsonb(t)::TEXT FROM {table} t ORDER BY 1"
            ));
            let rows = sqlx::query_scalar(sql).fetch_all(&self.pool).await;
            all.insert(table, rows.unwrap());
        }
        all
    }

    /// The backend that is in a transaction and waits for its client: there is one. With what it has done last.
    pub(crate) async fn in_transaction(&self) -> (i32, String) {
        let sql = "SELECT pid, query FROM pg_stat_activity
                   WHERE datname = current_database() AND state = 'idle in transaction'";
        eventually("one backend in a transaction", || async {
            let found: Vec<(i32, String)> =
                sqlx::query_as(sql).fetch_all(&self.pool).await.unwrap();
            found.first().filter(|_| found.len() == 1).cloned()
        })
        .await
    }

    /// Ends a backend, and waits until it is gone.
    pub(crate) async fn end_backend(&self, pid: i32) {
        let end = sqlx::query("SELECT pg_terminate_backend($1)").bind(pid);
        end.execute(&self.pool).await.unwrap();
        self.backend_gone(pid).await;
    }

    pub(crate) async fn backend_gone(&self, pid: i32) {
        let sql = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $1";
        eventually("the backend is gone", || async {
            let gone: bool = sqlx::query_scalar(sql)
                .bind(pid)
                .fetch_one(&self.pool)
                .await
                .unwrap();
            gone.then_some(())
        })
        .await;
    }

    /// How many locks of realms are held or waited for.
    pub(crate) async fn locks(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                   WHERE l.locktype = 'advisory' AND d.datname = current_database()";
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }

    /// How many backends wait for a lock, of whatever kind.
    pub(crate) async fn waiting(&self) -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

/// A realm as a host serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) generation: i64,
    /// By path: the bytes that are stored, and those that a browser gets.
    pub(crate) files: BTreeMap<String, (Vec<u8>, Vec<u8>)>,
    pub(crate) permissions: Value,
}

/// A realm as a host serves it; or the code with which it does not.
pub(crate) type Seen = Result<Whole, String>;

/// Reads all of a realm, at one generation.
pub(crate) async fn look(host: &Host, realm: &str) -> Seen {
    eventually("a realm that stands still", || async {
        match try_look(host, realm).await {
            Ok((whole, generations)) if generations.len() == 1 => Some(Ok(whole)),
            Ok(_) => None,
            // What is cached of a realm goes with it.
            Err(refused) => {
                let file = host.get(&format!("{realm}a.ts")).await;
                let refused_too = file.status >= 400 && code(&file) == refused;
                refused_too.then_some(Err(refused))
            }
        }
    })
    .await
}

async fn try_look(host: &Host, realm: &str) -> Result<(Whole, BTreeSet<i64>), String> {
    let listing = good(host.get(&format!("{realm}_mtimes")).await)?;
    let generation = listing.generation();
    let mut generations = BTreeSet::from([generation]);
    let listing = listing.json();
    let mut files = BTreeMap::new();
    for url in listing["data"]["attributes"]["mtimes"]
        .as_object()
        .unwrap()
        .keys()
    {
        let path = url.strip_prefix(ORIGIN).unwrap();
        let stored = host.source(path).await;
        let served = host.get(path).await;
        for answer in [&stored, &served] {
            // It may have gone since it was listed.
            if answer.status != 200 {
                generations.insert(-1);
            } else {
                generations.insert(answer.generation());
            }
        }
        let name = path.strip_prefix(realm).unwrap().to_owned();
        files.insert(name, (stored.body, served.body));
    }
    let permissions = good(host.get(&format!("{realm}_permissions")).await)?;
    generations.insert(permissions.generation());
    let whole = Whole {
        generation,
        files,
        permissions: permissions.json()["data"]["attributes"]["permissions"].clone(),
    };
    Ok((whole, generations))
}

fn good(answer: Answer) -> Result<Answer, String> {
    match answer.status {
        200 => Ok(answer),
        _ => Err(code(&answer)),
    }
}

/// The code of an error.
pub(crate) fn code(answer: &Answer) -> String {
    answer.errors()[0]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The URL of a path of the origin.
pub(crate) fn at(path: &str) -> String {
    format!("{ORIGIN}{path}")
}

/// JSON:API's name of a realm.
pub(crate) fn resource(path: &str) -> Value {
    json!({ "data": { "type": "realm", "id": at(path) } })
}

/// What is asked of a host, and has been sent.
pub(crate) type Asking = JoinHandle<reqwest::Result<reqwest::Response>>;

/// Sends a request without waiting for its answer.
pub(crate) fn ask(request: reqwest::RequestBuilder) -> Asking {
    tokio::spawn(request.send())
}

/// The answer to what was asked, which must not be long in coming.
pub(crate) async fn answered(what: &str, asking: Asking) -> Answer {
    eventually(what, || async { asking.is_finished().then_some(()) }).await;
    let response = asking.await.expect("no panic").expect("an answer");
    Answer::of(response).await.expect("a whole answer")
}

/// A request with JSON to one of the server's own endpoints.
pub(crate) fn post(host: &Host, path: &str, body: &Value) -> reqwest::RequestBuilder {
    host.request("POST", path).body(body.to_string())
}
