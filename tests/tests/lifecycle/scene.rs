//! What the tests of the lifecycle share: several hosts over one Postgres, and what is asked of both.

use realm_tests::{Answer, Host, HostOptions, ORIGIN, Storage, eventually};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tokio::task::JoinHandle;

/// A lease that no test outlasts: what arrives has come by another way.
pub(crate) const LONG: &str = "600s";

/// How hosts of a test start: they only serve, as a worker that is woken for a job reads the log, and would have heard by
/// that what nobody has announced.
pub(crate) fn options(database: &str, lease: &str) -> HostOptions {
    HostOptions::new(Storage::Postgres(database.to_owned()))
        .with("role", "serve")
        .with("lease", lease)
        .with("plugin-deadline", "60s")
}

/// Changes files in one commit, each by its `op` (`add`, `update`, `remove`); the answer must be good.
pub(crate) async fn atomic(host: &Host, realm: &str, changes: &[(&str, &str, String)]) -> Answer {
    let operations = changes.iter().map(|(op, path, content)| match *op {
        "remove" => json!({ "op": op, "href": path }),
        _ => {
            let data = json!({ "type": "source", "attributes": { "content": content } });
            json!({ "op": op, "href": path, "data": data })
        }
    });
    let body = json!({ "atomic:operations": operations.collect::<Vec<_>>() });
    let answer = host.post(&format!("{realm}_atomic"), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    answer
}

/// The body of a request to publish.
pub(crate) fn publishing(source: &str, target: &str) -> Value {
    json!({ "sourceRealmURL": format!("{ORIGIN}{source}"), "publishedRealmURL": format!("{ORIGIN}{target}") })
}

/// The body of a request about a realm.
pub(crate) fn about(realm: &str) -> Value {
    json!({ "data": { "type": "realm", "id": format!("{ORIGIN}{realm}") } })
}

/// Waits until the host serves this text there.
pub(crate) async fn serves(host: &Host, path: &str, text: &str) -> Answer {
    eventually(&format!("{path} says {text:?}"), || async {
        let answer = host.get(path).await;
        (answer.status == 200 && answer.text().contains(text)).then_some(answer)
    })
    .await
}

/// Waits until the host answers from its cache.
pub(crate) async fn cached(host: &Host, path: &str) -> Answer {
    eventually("a hit", || async {
        let answer = host.get(path).await;
        (answer.header("cache-status") == "realm; hit").then_some(answer)
    })
    .await
}

/// Waits until the host says that there is no realm there.
pub(crate) async fn gone(host: &Host, path: &str) {
    eventually(&format!("no realm at {path}"), || async {
        is_gone(&host.get(path).await).then_some(())
    })
    .await;
}

/// Whether an answer says that there is no realm.
pub(crate) fn is_gone(answer: &Answer) -> bool {
    answer.status == 404 && answer.errors()[0]["code"] == "no-realm"
}

/// Whether a session of the database waits for a lock.
pub(crate) async fn waiting(client: &mut PgConnection) -> bool {
    let sql = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = sqlx::query_scalar(sql).fetch_one(client);
    waits.await.expect("the server is there")
}

/// Runs SQL.
pub(crate) async fn sql(database: &str, sql: &str) {
    let mut client = PgConnection::connect(database).await.expect("a connection");
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    let done = client.execute(sqlx::raw_sql(sql)).await;
    done.expect("good SQL");
}

/// Something that was asked, and whose answer is not there yet.
pub(crate) type Asking = JoinHandle<reqwest::Result<reqwest::Response>>;

/// Asks without waiting for the answer.
pub(crate) fn ask(request: reqwest::RequestBuilder) -> Asking {
    tokio::spawn(request.send())
}

/// Its answer.
pub(crate) async fn answered(asking: Asking) -> Answer {
    let response = asking.await.expect("no panic").expect("an answer");
    Answer::of(response).await.expect("a whole answer")
}
