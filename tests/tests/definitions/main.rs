//! The definition cache on real hosts: what is stored of a module is what the module is, whoever changes what, when, and
//! whether or not anybody hears of it.
//!
//! | the reference's defect | here |
//! |---|---|
//! | a definition made from the old tree is stored after a publish (its race) | `races`: no gate lets one be stored |
//! | each start wipes everybody's definitions | `stored::hosts_with_other_plugins_keep_their_own`: a row names the plugins |
//! | a definition is dropped by a walk over what was recorded of one realm | `stored::a_definition_ends_with_anything_that_it_was_made_from` |

mod clears;
mod moves;
mod races;
mod realms;
mod stored;

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, eventually, server};
use reqwest::RequestBuilder;
use serde_json::Value;
use sqlx::PgPool;
use tokio::task::JoinHandle;

/// A lease that no test outlasts: what arrives has come by another way.
const LONG: &str = "600s";

/// The URL of a path of the origin.
fn at(path: &str) -> String {
    format!("{ORIGIN}{path}")
}

/// How hosts of a test start.
fn options(database: &str) -> HostOptions {
    HostOptions::new(Storage::Postgres(database.to_owned()))
        .with("lease", LONG)
        .with("plugin-deadline", "60s")
        .with("plugin-render-deadline", "60s")
}

/// Several hosts over one Postgres. None of them takes rows away unasked.
struct Scene {
    hosts: Vec<Host>,
    database: String,
    pool: PgPool,
}

impl Scene {
    async fn of(count: usize) -> Self {
        let database = server().database().await;
        let mut hosts = Vec::new();
        for _ in 0..count {
            hosts.push(options(&database).with("role", "serve").start().await);
        }
        let pool = PgPool::connect(&database).await.unwrap();
        Self {
            hosts,
            database,
            pool,
        }
    }

    /// A source at `/s/`, published at `/p/`, with a module that reads a text that says `version 1`.
    async fn published(count: usize) -> Self {
        let scene = Self::of(count).await;
        let a = &scene.hosts[0];
        a.create("/s/").await;
        a.put("/s/m.misbehave", "read ./dep.txt\n").await;
        a.put("/s/dep.txt", "version 1").await;
        a.publish("/s/", "/p/").await;
        for host in &scene.hosts {
            defines(host, "/p/m.misbehave", "version 1").await;
        }
        sqlx::query("DELETE FROM definitions")
            .execute(&scene.pool)
            .await
            .unwrap();
        scene
    }

    /// What is stored, whoever would believe it: the modules' paths and what they say.
    async fn rows(&self) -> Vec<(String, String)> {
        let sql = "SELECT substr(url, $1), document FROM definitions ORDER BY url, id";
        let skipped = i32::try_from(ORIGIN.len() + 1).unwrap();
        let rows = sqlx::query_as(sql).bind(skipped);
        rows.fetch_all(&self.pool).await.unwrap()
    }

    /// How many rows say this.
    async fn stored(&self, text: &str) -> usize {
        let rows = self.rows().await;
        rows.iter()
            .filter(|(_, document)| document.contains(text))
            .count()
    }

    async fn notify(&self, channel: &str, payload: &str) {
        let sent = sqlx::query("SELECT pg_notify($1, $2)")
            .bind(channel)
            .bind(payload);
        sent.execute(&self.pool).await.unwrap();
    }

    /// Whether somebody waits for a lock.
    async fn anybody_waits(&self) -> bool {
        let sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        sqlx::query_scalar(sql).fetch_one(&self.pool).await.unwrap()
    }
}

/// A request about a module, or another URL.
fn about(host: &Host, method: &str, query: &[(&str, &str)]) -> RequestBuilder {
    let encoded =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02x}")).collect() };
    let pairs = query
        .iter()
        .map(|(name, value)| format!("{name}={}", encoded(value)));
    let query: Vec<_> = pairs.collect();
    host.admin_request(method, &format!("/_definitions?{}", query.join("&")))
}

/// A request for what a module defines, found or made.
fn wanted(host: &Host, path: &str) -> RequestBuilder {
    about(host, "GET", &[("url", &at(path))])
}

/// What a module defines, found or made; none: there is no such file.
async fn definition(host: &Host, path: &str) -> Option<Value> {
    let answer = host.send(wanted(host, path)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().get(at(path)).cloned()
}

/// Waits until the host says this of a module.
async fn defines(host: &Host, path: &str, text: &str) -> Value {
    eventually(&format!("{path} says {text:?}"), || async {
        let found = definition(host, path).await?;
        found.to_string().contains(text).then_some(found)
    })
    .await
}

/// What is stored of these modules, by their URLs.
async fn cached(host: &Host, paths: &[&str]) -> Value {
    let urls: Vec<_> = paths.iter().map(|path| at(path)).collect();
    let mut query: Vec<_> = urls.iter().map(|url| ("url", url.as_str())).collect();
    query.push(("cached", ""));
    let request = about(host, "GET", &query);
    let answer = host.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Whether something is stored of a module, and true.
async fn is_cached(host: &Host, path: &str) -> bool {
    cached(host, &[path]).await.get(at(path)).is_some()
}

/// Clears the definitions of a realm, or all.
async fn clear(host: &Host, realm: Option<&str>) {
    let realm = realm.map(at);
    let query: Vec<_> = realm.iter().map(|url| ("realm", url.as_str())).collect();
    let request = about(host, "DELETE", &query);
    assert_eq!(host.send(request).await.status, 204);
}

/// How many look-ups came to this.
async fn outcomes(host: &Host, outcome: &str) -> u64 {
    let metrics = host.admin("/_metrics").await.text();
    let name = format!("realm_definitions_total{{outcome=\"{outcome}\"}} ");
    let mut lines = metrics.lines();
    let count = lines.find_map(|line| line.strip_prefix(&name)?.parse().ok());
    count.unwrap_or_default()
}

/// Something that was asked, and whose answer is not there yet.
type Asking = JoinHandle<reqwest::Result<reqwest::Response>>;

fn ask(request: RequestBuilder) -> Asking {
    tokio::spawn(request.send())
}

/// Its answer.
async fn answered(asking: Asking) -> Answer {
    let response = asking.await.expect("no panic").expect("an answer");
    Answer::of(response).await.expect("a whole answer")
}

/// A publish of `/s/` at `/p/` that may have to wait.
fn publishing(host: &Host) -> Asking {
    let body = serde_json::json!({ "sourceRealmURL": at("/s/"), "publishedRealmURL": at("/p/") });
    ask(host
        .request("POST", "/_publish-realm")
        .body(body.to_string()))
}
