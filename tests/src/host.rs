use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::options::run;
use crate::{Answer, HostOptions, ORIGIN, eventually};

/// A running host.
#[derive(Debug)]
pub struct Host {
    pub(crate) process: Child,
    /// URL of its public socket.
    pub public: String,
    /// URL of its admin socket.
    pub admin: String,
    pub(crate) client: Client,
    pub(crate) log: Arc<Mutex<String>>,
    pub(crate) options: HostOptions,
    /// Its data folder.
    pub data: PathBuf,
    pub(crate) _temporary: TempDir,
}

impl Host {
    /// A request to the public socket.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(
            Method::from_bytes(method.as_bytes()).expect("a method"),
            format!("{}{path}", self.public),
        )
    }

    /// Sends a request.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        match self.try_send(request).await {
            Ok(answer) => answer,
            Err(error) => panic!("no answer: {error}\n{}", self.log()),
        }
    }

    /// Sends a request that may get no answer.
    ///
    /// # Errors
    /// When it gets none.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        Answer::of(request.send().await?).await
    }

    /// Sends a request line as it stands, without a client's help; the status.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn raw(&self, line: &str) -> u16 {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let address = self.public.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("the host listens");
        let request = format!("{line}\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("the host reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("the host answers");
        answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or_else(|| panic!("no status: {answer}"))
    }

    /// GET as a browser would.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// GET of the stored bytes.
    pub async fn source(&self, path: &str) -> Answer {
        self.send(
            self.request("GET", path)
                .header("accept", "application/vnd.card+source"),
        )
        .await
    }

    /// PUT of a file; the answer must be good.
    ///
    /// # Panics
    /// When it is not.
    pub async fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> Answer {
        let answer = self.send(self.request("PUT", path).body(body.into())).await;
        assert!(
            matches!(answer.status, 201 | 204),
            "PUT {path}: {} {}",
            answer.status,
            answer.text()
        );
        answer
    }

    /// DELETE of a file; the answer must be good.
    ///
    /// # Panics
    /// When it is not.
    pub async fn delete(&self, path: &str) -> Answer {
        let answer = self.send(self.request("DELETE", path)).await;
        assert_eq!(answer.status, 204, "DELETE {path}: {}", answer.text());
        answer
    }

    /// Makes a realm at a path of the origin; the path.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn create(&self, path: &str) -> String {
        let body =
            serde_json::json!({ "data": { "attributes": { "url": format!("{ORIGIN}{path}") } } });
        let answer = self
            .send(
                self.request("POST", "/_create-realm")
                    .body(body.to_string()),
            )
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        path.to_owned()
    }

    /// Sends JSON to one of the server's own endpoints; the answer.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).body(body.to_string()))
            .await
    }

    /// Publishes one path of the origin at another; the answer must be good.
    ///
    /// # Panics
    /// When it is not.
    pub async fn publish(&self, source: &str, target: &str) -> Answer {
        let body = serde_json::json!({
            "sourceRealmURL": format!("{ORIGIN}{source}"), "publishedRealmURL": format!("{ORIGIN}{target}"),
        });
        let answer = self.post("/_publish-realm", &body).await;
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer
    }

    /// Takes a published realm away; the answer must be good.
    ///
    /// # Panics
    /// When it is not.
    pub async fn unpublish(&self, target: &str) -> Answer {
        let body = serde_json::json!({ "publishedRealmURL": format!("{ORIGIN}{target}") });
        let answer = self.post("/_unpublish-realm", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }

    /// Deletes a realm; the answer must be good.
    ///
    /// # Panics
    /// When it is not.
    pub async fn delete_realm(&self, path: &str) -> Answer {
        let body =
            serde_json::json!({ "data": { "type": "realm", "id": format!("{ORIGIN}{path}") } });
        let request = self.request("DELETE", "/_delete-realm");
        let answer = self.send(request.body(body.to_string())).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
        answer
    }

    /// A request to the admin socket.
    pub fn admin_request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(
            Method::from_bytes(method.as_bytes()).expect("a method"),
            format!("{}{path}", self.admin),
        )
    }

    /// GET of the admin socket.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn admin(&self, path: &str) -> Answer {
        self.send(self.admin_request("GET", path)).await
    }

    /// A check of `/_ready`, as the host's admin socket shows it.
    ///
    /// # Panics
    /// When there is none of this name.
    pub async fn check(&self, name: &str) -> Value {
        let ready = self.admin("/_ready").await.json();
        let mut checks = ready["checks"].as_array().into_iter().flatten();
        let check = checks.find(|check| check["name"] == name);
        check
            .cloned()
            .unwrap_or_else(|| panic!("no check `{name}`: {ready}"))
    }

    /// Closes a gate for whatever is about something that contains `about`.
    ///
    /// # Panics
    /// When the host has no gates.
    pub async fn close_gate(&self, point: &str, about: &str) {
        let answer = self
            .send(
                self.client
                    .put(format!("{}/_gates/{point}?{about}", self.admin)),
            )
            .await;
        assert_eq!(answer.status, 204);
    }

    /// Opens a gate.
    pub async fn open_gate(&self, point: &str) {
        self.send(self.client.delete(format!("{}/_gates/{point}", self.admin)))
            .await;
    }

    /// Waits until so many stand at a gate.
    pub async fn at_gate(&self, point: &str, count: u64) {
        eventually(&format!("{count} at gate {point}"), || async {
            (self.waiting_at(point).await >= count).then_some(())
        })
        .await;
    }

    /// How many stand at a gate.
    pub async fn waiting_at(&self, point: &str) -> u64 {
        let gate = self.admin(&format!("/_gates/{point}")).await.json();
        gate["waiting"].as_u64().unwrap_or_default()
    }

    /// How many guest calls of a plugin the host has begun.
    pub async fn guest_calls(&self, plugin: &str) -> u64 {
        let metrics = self.admin("/_metrics").await.text();
        let lines = metrics.lines().filter(|line| {
            line.starts_with("realm_guest_calls_total{") && line.contains(&format!("\"{plugin}@"))
        });
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum::<f64>() as u64
    }

    /// Waits until every outcome of a guest call so far is in the database, where another realm or replica finds it.
    pub async fn derivations_are_stored(&self) {
        eventually("every outcome is stored", || async {
            let metrics = self.admin("/_metrics").await.text();
            let mut lines = metrics.lines();
            let waiting = lines.find_map(|line| line.strip_prefix("realm_derivations_waiting "));
            matches!(waiting, None | Some("0")).then_some(())
        })
        .await;
    }

    /// The calls in flight.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn calls(&self) -> Vec<Value> {
        self.admin("/_calls").await.json()["data"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Waits until so many calls run.
    pub async fn running(&self, count: usize) {
        eventually(&format!("{count} running calls"), || async {
            let running = self
                .calls()
                .await
                .iter()
                .filter(|call| call["state"] == "running")
                .count();
            (running == count).then_some(())
        })
        .await;
    }

    /// Waits for a running call newer than `after` whose guest has read something; its number.
    pub async fn call_that_has_read(&self, after: u64) -> u64 {
        // Two looks are the host's own: the input and the realm's settings.
        let fits = |call: &Value| {
            call["state"] == "running"
                && call["reads"].as_u64() > Some(2)
                && call["id"].as_u64() > Some(after)
        };
        eventually("a running call that has read", || async {
            self.calls().await.iter().find(|call| fits(call))?["id"].as_u64()
        })
        .await
    }

    /// Everything that the host has logged.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().expect("never poisoned").clone()
    }

    /// Waits until the log has something: what is said arrives behind what is answered.
    pub async fn says(&self, what: &str) {
        eventually(&format!("`{what}` in the log"), || async {
            self.log().contains(what).then_some(())
        })
        .await;
    }

    /// The process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends the process a signal.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .arg(format!("-{signal}"))
            .arg(self.process.id().to_string())
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Asks the host to stop, and waits until it has; whether it ended well.
    ///
    /// # Panics
    /// When it is gone already.
    pub async fn stop(self) -> bool {
        self.signal("TERM");
        self.ended().await
    }

    /// Waits until the host has ended; whether it ended well.
    ///
    /// # Panics
    /// When it is gone already.
    pub async fn ended(mut self) -> bool {
        let process = &mut self.process;
        let begun = std::time::Instant::now();
        while begun.elapsed() < Duration::from_secs(30) {
            if let Some(status) = process.try_wait().expect("a process of ours") {
                if !status.success() {
                    eprintln!("the host ended with {status}");
                }
                return status.success();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        false
    }

    /// Runs a command of the command line against this host's data; its output.
    pub async fn command(&self, arguments: &[&str]) -> std::process::Output {
        run(self.options.command(&self.data), arguments).await
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- log of {}\n{}", self.public, self.log());
        }
    }
}
