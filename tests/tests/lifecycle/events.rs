//! Those who are told of changes: a client of `_events`, and who listens as the hosts do.

use std::time::Duration;

use realm_tests::{Host, ORIGIN};
use serde_json::Value;
use sqlx::postgres::PgListener;

/// How long nothing may come: longer than anything here takes, shorter than the pause between signs of life.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open stream.
pub(crate) struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    /// Opens one: what comes after `last`.
    pub(crate) async fn open(host: &Host, realm: &str, last: Option<i64>) -> Self {
        let mut request = host.request("GET", &format!("{realm}_events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("a stream");
        assert_eq!(response.status(), 200);
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event: its id, and what changed; none when the stream ends.
    pub(crate) async fn next(&mut self) -> Option<(i64, Value)> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let data = block.lines().find_map(|line| line.strip_prefix("data: "));
                let event = data.map(|data| {
                    let data: Value = serde_json::from_str(data).expect("JSON");
                    let generation = data["generation"].as_i64().expect("a number");
                    (generation, data["paths"].clone())
                });
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk());
            let chunk = chunk.await.expect("an event in time");
            let chunk = chunk.expect("a stream")?;
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

/// Hears what the hosts are told.
pub(crate) struct Ear {
    listener: PgListener,
    database: String,
}

impl Ear {
    pub(crate) async fn open(database: &str) -> Self {
        let mut listener = PgListener::connect(database).await.expect("a connection");
        let listening = listener.listen("realm_file_changes").await;
        listening.expect("LISTEN");
        Self {
            listener,
            database: database.to_owned(),
        }
    }

    /// Waits until a payload has been sent, and `host` has obeyed it.
    pub(crate) async fn heard_by(&mut self, host: &Host, payload: &str) {
        let payload = format!("{ORIGIN}{payload}");
        while self.listener.recv().await.expect("a payload").payload() != payload {}
        // Payloads are obeyed in order, and one that makes no sense is logged.
        let mark = format!("after {payload}.").replace("/:", " ");
        let sql = format!("SELECT pg_notify('realm_file_changes', '{mark}')");
        crate::scene::sql(&self.database, &sql).await;
        host.says(&mark).await;
    }
}
