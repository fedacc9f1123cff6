use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;

use crate::eventually;

/// The origin that every host of a test has: which of them is asked must not matter.
pub const ORIGIN: &str = "http://realm.test";

/// Where a host keeps its data.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In the Postgres database at this URL.
    Postgres(String),
    /// In a SQLite of its own.
    Sqlite,
}

/// How to start a host.
#[derive(Clone, Debug)]
pub struct HostOptions {
    storage: Storage,
    arguments: Vec<String>,
    folders: Vec<PathBuf>,
    data: Option<PathBuf>,
}

impl HostOptions {
    /// With `storage`.
    #[must_use]
    pub fn new(storage: Storage) -> Self {
        Self {
            storage,
            arguments: Vec::new(),
            folders: Vec::new(),
            data: None,
        }
    }

    /// With a setting.
    #[must_use]
    pub fn with(mut self, setting: &str, value: &str) -> Self {
        self.arguments
            .extend([format!("--{setting}"), value.to_owned()]);
        self
    }

    /// Serving a folder.
    #[must_use]
    pub fn serving(mut self, folder: &Path) -> Self {
        self.folders.push(folder.to_owned());
        self
    }

    /// In this data folder, which outlives the host.
    #[must_use]
    pub fn in_folder(mut self, data: &Path) -> Self {
        self.data = Some(data.to_owned());
        self
    }

    /// The command without a subcommand.
    fn command(&self, data: &Path) -> Command {
        let mut command = Command::new(binary());
        for (name, _) in
            std::env::vars().filter(|(name, _)| name.starts_with("REALM_") && name != "REALM_LOG")
        {
            command.env_remove(name);
        }
        command
            .arg("--data-dir")
            .arg(data)
            .current_dir(data)
            .stdin(Stdio::null());
        if let Storage::Postgres(url) = &self.storage {
            command.args(["--database-url", url]);
        }
        command
    }

    /// Runs a command of the command line; its output.
    ///
    /// # Panics
    /// When no data folder was given.
    pub async fn run(&self, arguments: &[&str]) -> std::process::Output {
        let data = self.data.as_ref().expect("a data folder");
        run(self.command(data), arguments).await
    }

    /// Starts the host.
    ///
    /// # Panics
    /// When it does not come up.
    pub async fn start(self) -> Host {
        let temporary = tempfile::tempdir().expect("a temporary folder");
        let data = self
            .data
            .clone()
            .unwrap_or_else(|| temporary.path().to_owned());
        share_compiled_code(&data);
        let mut command = self.command(&data);
        command.args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ]);
        if !self
            .arguments
            .iter()
            .any(|argument| argument == "--plugin-dir")
        {
            command.arg("--plugin-dir").arg(guests());
        }
        if !self.arguments.iter().any(|argument| argument == "--origin") {
            command.args(["--origin", ORIGIN]);
        }
        command.args(&self.arguments).args(&self.folders);
        let mut process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the host runs");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = BufReader::new(process.stderr.take().expect("piped"));
        let into = Arc::clone(&log);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if std::env::var_os("REALM_TEST_LOG").is_some() {
                    eprintln!("{line}");
                }
                let mut log = into.lock().expect("never poisoned");
                log.push_str(&line);
                log.push('\n');
            }
        });
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        let (mut admin, mut public) = (None, None);
        for line in stdout.lines().map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("admin on ") {
                admin = Some(url.to_owned());
            }
            if let Some(url) = line.strip_prefix("listening on ") {
                public = Some(url.to_owned());
                break;
            }
        }
        let Some(public) = public else {
            panic!(
                "the host did not start:\n{}",
                log.lock().expect("never poisoned")
            )
        };
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        Host {
            process,
            public,
            admin: admin.expect("printed first"),
            client,
            log,
            options: self,
            data,
            _temporary: temporary,
        }
    }
}

async fn run(mut command: Command, arguments: &[&str]) -> std::process::Output {
    command.args(arguments);
    tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("no panic")
        .expect("the command runs")
}

/// A running host.
#[derive(Debug)]
pub struct Host {
    process: Child,
    /// URL of its public socket.
    pub public: String,
    /// URL of its admin socket.
    pub admin: String,
    client: Client,
    log: Arc<Mutex<String>>,
    options: HostOptions,
    /// Its data folder.
    pub data: PathBuf,
    _temporary: TempDir,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Headers by lower-case name.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// A header's value; empty when it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// What `Realm-Generation` says.
    ///
    /// # Panics
    /// When it says nothing.
    #[must_use]
    pub fn generation(&self) -> i64 {
        self.header("realm-generation")
            .parse()
            .unwrap_or_else(|_| panic!("no generation: {self:?}"))
    }
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
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let headers = answer
            .headers()
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    value.to_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        Ok(Answer {
            status,
            headers,
            body: answer.bytes().await?.to_vec(),
        })
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

    /// GET of the admin socket.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn admin(&self, path: &str) -> Answer {
        self.send(self.client.get(format!("{}{path}", self.admin)))
            .await
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
            let waiting = self.admin(&format!("/_gates/{point}")).await.json()["waiting"]
                .as_u64()
                .unwrap_or_default();
            (waiting >= count).then_some(())
        })
        .await;
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

/// The target folder: the tests' own binary is below it.
fn target() -> PathBuf {
    let own = std::env::current_exe().expect("a running test");
    own.ancestors()
        .find(|folder| folder.join("plugins").is_dir())
        .expect("`make plugins` has been run")
        .to_owned()
}

/// The binary with gates: cargo builds it beside the tests.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a running test");
    own.ancestors()
        .nth(2)
        .expect("cargo's layout")
        .join("realm-under-test")
}

/// The folder with the guests that misbehave.
fn guests() -> PathBuf {
    let folder = target().join("test-guests");
    let built = target().join("wasm32-wasip2/plugin/realm_test_guests.wasm");
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        std::fs::create_dir_all(&folder).expect("the target folder");
        let temporary = folder.join(format!("{}.tmp", std::process::id()));
        std::fs::copy(&built, &temporary).expect("`make guests` has been run");
        std::fs::rename(temporary, folder.join("misbehave.wasm")).expect("the target folder");
    });
    folder
}

/// All hosts of all tests compile each plugin once.
fn share_compiled_code(data: &Path) {
    let shared = target().join("test-compiled");
    std::fs::create_dir_all(&shared).expect("the target folder");
    let link = data.join("compiled");
    if !link.exists() {
        std::os::unix::fs::symlink(shared, link).expect("a fresh data folder");
    }
}
