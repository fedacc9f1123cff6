//! What an operator sees of a host: its peers, its checks, its metrics, its traces, its logs, and what the doctor says.

use std::path::Path;
use std::process::Output;
use std::sync::{Arc, Mutex};

use realm_tests::{Host, HostOptions, Postgres, Storage, eventually, server};
use serde_json::Value;
use sqlx::{Connection, PgConnection};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

async fn replicas(host: &Host) -> Value {
    let answer = host.admin("/_replicas").await;
    assert_eq!(answer.status, 200);
    answer.json()
}

/// What is listed of the replica at `url`.
fn replica<'a>(body: &'a Value, url: &str) -> Option<&'a Value> {
    let mut all = body["data"].as_array()?.iter();
    all.find(|replica| replica["url"] == url)
}

fn check_names(replica: &Value) -> Vec<&str> {
    let checks = replica["checks"].as_array().into_iter().flatten();
    checks.filter_map(|check| check["name"].as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_see_each_other() {
    let database = server().database().await;
    let options = HostOptions::new(Storage::Postgres(database)).with("lease", "1s");
    let (a, b) = (options.clone().start().await, options.clone().start().await);
    let health = a.admin("/_health").await.json();
    for host in [&a, &b] {
        let body = eventually("both replicas", || async {
            let body = replicas(host).await;
            (body["data"].as_array()?.len() == 2).then_some(body)
        })
        .await;
        assert_eq!(body["complete"], true, "{body}");
        for other in [&a, &b] {
            let entry = replica(&body, &other.public).unwrap_or_else(|| panic!("{body}"));
            assert_eq!(entry["self"], other.public == host.public, "{body}");
            assert_eq!(entry["version"], health["version"]);
            assert_eq!(
                check_names(entry),
                ["database", "lease", "plugins", "listener", "announcer"]
            );
            assert!(entry["startedMsAgo"].is_u64() && entry["seenMsAgo"].is_u64());
        }
    }
    assert!(b.stop().await);
    let left = eventually("only the one that runs", || async {
        let body = replicas(&a).await;
        (body["data"].as_array()?.len() == 1).then_some(body)
    })
    .await;
    assert!(replica(&left, &a.public).is_some(), "{left}");
    let killed = options.start().await;
    let url = killed.public.clone();
    eventually("the one that will be killed", || async {
        replica(&replicas(&a).await, &url).map(|_| ())
    })
    .await;
    drop(killed);
    // A replica that runs says so every second.
    eventually("silence for longer than that", || async {
        let body = replicas(&a).await;
        let seen = replica(&body, &url)?["seenMsAgo"].as_u64()?;
        (seen > 3000).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_database_is_away_lists_itself_and_is_not_ready() {
    let mut postgres = Postgres::start();
    let database = postgres.database().await;
    let options = HostOptions::new(Storage::Postgres(database))
        .with("lease", "1s")
        .with("database-timeout", "1s");
    let (host, _) = options.with_realm().await;
    postgres.kill();
    let body = replicas(&host).await;
    assert_eq!(body["complete"], false, "{body}");
    assert!(body["detail"].is_string(), "{body}");
    assert!(replica(&body, &host.public).is_some(), "{body}");
    let ready = eventually("the lease has run out", || async {
        let ready = host.get("/_ready").await;
        (ready.status == 503).then_some(ready)
    })
    .await;
    assert_eq!(ready.header("retry-after"), "1");
    assert_eq!(ready.json()["ready"], false);
    assert_eq!(host.check("lease").await["state"], "run-out");
}

/// The value of the first series of this name that has these labels.
fn value(metrics: &str, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter();
    let labels: Vec<_> = labels
        .map(|(label, value)| format!("{label}=\"{value}\""))
        .collect();
    let line = metrics.lines().find(|line| {
        line.split(['{', ' ']).next() == Some(name)
            && labels.iter().all(|label| line.contains(label))
    });
    line?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_states_are_on_ready_and_in_the_metrics() {
    let database = server().database().await;
    let options = HostOptions::new(Storage::Postgres(database));
    let (host, realm) = options.with_realm().await;
    host.put(&format!("{realm}a.txt"), "a").await;
    assert_eq!(host.get(&format!("{realm}a.txt")).await.status, 200);
    for (name, state, required) in [
        ("lease", "holds", true),
        ("listener", "live", false),
        ("announcer", "working", false),
    ] {
        let check = eventually(name, || async {
            let check = host.check(name).await;
            (check["good"] == true).then_some(check)
        })
        .await;
        assert_eq!(check["state"], state, "{check}");
        assert_eq!(check["required"], required, "{check}");
        assert!(
            check["ageMs"].is_u64() && check["detail"].is_string(),
            "{check}"
        );
    }
    let ready = host.admin("/_ready").await;
    assert_eq!(ready.status, 200);
    assert_eq!(ready.json()["ready"], true);
    let metrics = eventually("nothing waits to be announced", || async {
        let metrics = host.admin("/_metrics").await.text();
        (value(&metrics, "realm_announcements_waiting", &[]) == Some(0.0)).then_some(metrics)
    })
    .await;
    for name in ["database", "lease", "plugins", "listener", "announcer"] {
        let check = [("check", name)];
        let good = value(&metrics, "realm_check_good", &check);
        assert_eq!(good, Some(1.0), "{metrics}");
        let age = value(&metrics, "realm_check_age_seconds", &check);
        assert!(age >= Some(0.0), "{metrics}");
    }
    for (state, is_it) in [("live", 1.0), ("lost", 0.0), ("resync", 0.0)] {
        let state = value(&metrics, "realm_listener_state", &[("state", state)]);
        assert_eq!(state, Some(is_it), "{metrics}");
    }
    let requests = "http_server_request_duration_seconds_count";
    let labels = [
        ("http_request_method", "GET"),
        ("http_response_status_code", "200"),
    ];
    assert!(value(&metrics, requests, &labels) >= Some(1.0), "{metrics}");
    let buckets = "http_server_request_duration_seconds_bucket";
    let most = [labels[0], labels[1], ("le", "+Inf")];
    assert!(value(&metrics, buckets, &most) >= Some(1.0), "{metrics}");
    let operations = "db_client_operation_duration_seconds_count";
    let labels = [("db_operation_name", "look"), ("outcome", "ok")];
    assert!(
        value(&metrics, operations, &labels) >= Some(1.0),
        "{metrics}"
    );
    let memory = value(&metrics, "process_resident_memory_bytes", &[]);
    assert!(memory > Some(1e6), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_listener_does_not_make_a_host_unready() {
    let url = server().database().await;
    let options = HostOptions::new(Storage::Postgres(url.clone()));
    let (host, realm) = options.with_realm().await;
    let live = || async {
        let check = host.check("listener").await;
        (check["state"] == "live").then_some(check)
    };
    eventually("live", live).await;
    // It can be lost once, and is held before it listens anew.
    host.close_gate("listen", "").await;
    let mut client = PgConnection::connect(&url).await.unwrap();
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'realm listener' AND datname = current_database()";
    let ended: i64 = sqlx::query_scalar(sql)
        .fetch_one(&mut client)
        .await
        .unwrap();
    assert!(ended >= 1, "the host listens");
    host.at_gate("listen", 1).await;
    let check = host.check("listener").await;
    assert_eq!(check["state"], "lost", "{check}");
    assert_eq!(check["good"], false, "{check}");
    for ready in [host.admin("/_ready").await, host.get("/_ready").await] {
        assert_eq!(ready.status, 200, "{}", ready.text());
        assert_eq!(ready.json()["ready"], true);
    }
    let metrics = host.admin("/_metrics").await.text();
    for (state, is_it) in [("live", 0.0), ("lost", 1.0), ("resync", 0.0)] {
        let state = value(&metrics, "realm_listener_state", &[("state", state)]);
        assert_eq!(state, Some(is_it), "{metrics}");
    }
    let good = value(&metrics, "realm_check_good", &[("check", "listener")]);
    assert_eq!(good, Some(0.0), "{metrics}");
    host.put(&format!("{realm}a.txt"), "a").await;
    assert_eq!(host.get(&format!("{realm}a.txt")).await.text(), "a");
    host.open_gate("listen").await;
    let check = eventually("live again", live).await;
    assert_eq!(check["good"], true, "{check}");
}

/// Takes traces as an OpenTelemetry collector does (OTLP over HTTP), and keeps them as they came.
struct Collector {
    url: String,
    received: Arc<Mutex<Vec<u8>>>,
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let received: Arc<Mutex<Vec<u8>>> = Arc::default();
        let into = Arc::clone(&received);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(collect(stream, Arc::clone(&into)));
            }
        });
        Self {
            url: format!("http://{address}"),
            received,
        }
    }

    /// How often this has come.
    fn count(&self, part: &[u8]) -> usize {
        let received = self.received.lock().unwrap();
        let windows = received.windows(part.len());
        windows.filter(|window| *window == part).count()
    }
}

/// Takes what one connection brings: whoever sends it knows how long each body is.
async fn collect(stream: TcpStream, into: Arc<Mutex<Vec<u8>>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if stream.read_line(&mut request).await? == 0 {
            return Ok(());
        }
        let mut length = None;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let line = line.trim().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("content-length:") {
                length = text.trim().parse().ok();
            }
        }
        let mut body = vec![0; length.expect("a length")];
        stream.read_exact(&mut body).await?;
        if request.starts_with("POST /v1/traces ") {
            into.lock().unwrap().extend(body);
        }
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .await?;
    }
}

/// Bytes as a field of a Protocol Buffers message: the field's number and wire type, how many they are, and they.
fn field(number: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let length = u8::try_from(bytes.len()).expect("few bytes");
    let mut field = vec![(number << 3) | 2, length];
    field.extend(bytes);
    field
}

/// A span's trace, its parent and its name, and an attribute's key, by their numbers in OpenTelemetry's `trace.proto`.
const TRACE_ID: u8 = 1;
const PARENT_ID: u8 = 4;
const NAME: u8 = 5;
const KEY: u8 = 1;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_traced_through_database_and_guest() {
    let collector = Collector::start().await;
    let folder = tempfile::tempdir().unwrap();
    // None is traced of itself, so all that comes belongs to the trace that a request came with.
    let options = HostOptions::new(Storage::Sqlite)
        .in_folder(folder.path())
        .with("otlp-endpoint", &collector.url)
        .with("trace-ratio", "0");
    let (host, realm) = options.clone().with_realm().await;
    let path = format!("{realm}a.ts");
    host.put(&path, "export const a: number = 1;\n").await;
    let other = format!("{realm}b.txt");
    host.put(&other, "b").await;
    assert_eq!(host.get(&other).await.status, 200);
    assert!(host.stop().await);
    assert!(
        collector.received.lock().unwrap().is_empty(),
        "nobody has asked for a trace"
    );
    // A process that has nothing of the module yet.
    let host = options.start().await;
    let request = host.request("GET", &path).header(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    let answer = host.send(request).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    // What is still to be sent is sent before it ends.
    assert!(host.stop().await);
    let trace = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes();
    let spans = collector.count(&field(TRACE_ID, trace));
    assert!(spans >= 4, "{spans} spans");
    let caller = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
    assert_eq!(
        collector.count(&field(PARENT_ID, caller)),
        1,
        "the request is the caller's child, and all else is below it"
    );
    for name in ["GET", "look", "blob", "transpile", "queue", "slot", "run"] {
        let count = collector.count(&field(NAME, name));
        assert!(count > 0, "no span `{name}`");
    }
    for key in [
        "http.response.status_code",
        "db.operation.name",
        "realm.plugin",
        "realm.plugin.digest",
        "realm.outcome",
        "realm.run.seconds",
        "realm.memory.peak",
    ] {
        assert!(
            collector.count(&field(KEY, key)) > 0,
            "no attribute `{key}`"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_a_trace_begins_one() {
    let collector = Collector::start().await;
    let options = HostOptions::new(Storage::Sqlite).with("otlp-endpoint", &collector.url);
    let (host, realm) = options.with_realm().await;
    assert_eq!(host.get(&format!("{realm}none.txt")).await.status, 404);
    eventually("the trace, while the host runs", || async {
        (collector.count(&field(NAME, "GET")) > 0).then_some(())
    })
    .await;
}

/// A data folder with nothing in it but the compiled plugins, which all tests share.
fn fresh_folder(host: &Host) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["compiled", "compiled.key"] {
        let shared = std::fs::read_link(host.data.join(name)).unwrap();
        std::os::unix::fs::symlink(shared, folder.path().join(name)).unwrap();
    }
    folder
}

async fn doctor(storage: Storage, folder: &Path, more: &[&str]) -> Output {
    let options = HostOptions::new(storage).in_folder(folder);
    options.run(&[&["doctor"][..], more].concat()).await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The line of the doctor's report that begins like this.
fn finding(output: &Output, grade: &str, what: &str, found: &str) -> String {
    let report = text(&output.stdout);
    let begin = format!("{grade:<8} {what:<12} {found}");
    let mut lines = report.lines();
    let line = lines.find(|line| line.starts_with(&begin));
    line.unwrap_or_else(|| panic!("no line `{begin}`:\n{report}{}", text(&output.stderr)))
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_what_is_amiss() {
    let host = HostOptions::new(Storage::Sqlite).start().await;
    let beside = host.command(&["doctor"]).await;
    assert_eq!(beside.status.code(), Some(0));
    assert!(finding(&beside, "good", "host", "").contains(&host.public));

    let folder = fresh_folder(&host);
    let fresh = doctor(Storage::Sqlite, folder.path(), &[]).await;
    for (what, found) in [
        ("settings", ""),
        ("data folder", ""),
        ("database", "SQLite "),
        ("plugin", "typescript@"),
    ] {
        finding(&fresh, "good", what, found);
    }
    assert!(finding(&fresh, "warning", "tables", "").contains("realm migrate"));
    assert_eq!(fresh.status.code(), Some(0));

    let nowhere = Storage::Postgres("postgres://127.0.0.1:1/none".to_owned());
    let away = doctor(nowhere, folder.path(), &["--database-timeout", "500ms"]).await;
    assert!(finding(&away, "FAILED", "database", "").contains("check `database-url`"));
    finding(&away, "good", "plugin", "typescript@");
    assert_eq!(away.status.code(), Some(1));
    assert!(text(&away.stderr).contains("1 of "));

    let database = Storage::Postgres(server().database().await);
    let shared = doctor(database, folder.path(), &[]).await;
    for (what, found) in [
        ("database", "PostgreSQL "),
        ("LISTEN", "a notification came back"),
    ] {
        finding(&shared, "good", what, found);
    }
    assert_eq!(shared.status.code(), Some(0));

    let machines = doctor(Storage::Sqlite, folder.path(), &["--json"]).await;
    assert_eq!(machines.status.code(), Some(0));
    let report = text(&machines.stdout);
    let lines = report.lines();
    let findings: Vec<Value> = lines
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for finding in &findings {
        for key in ["what", "grade", "found"] {
            assert!(finding[key].is_string(), "{finding}");
        }
    }
    let database = findings
        .iter()
        .find(|finding| finding["what"] == "database");
    assert_eq!(database.expect("it was looked at")["grade"], "good");

    let wrong = doctor(Storage::Sqlite, folder.path(), &["--lease", "soon"]).await;
    assert!(finding(&wrong, "FAILED", "settings", "").contains("`lease`"));
    assert_eq!(wrong.status.code(), Some(1));
}

#[tokio::test]
async fn the_reference_of_settings_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let options = HostOptions::new(Storage::Sqlite).in_folder(folder.path());
    let printed = options.run(&["config", "--reference"]).await;
    assert!(printed.status.success());
    assert_eq!(
        text(&printed.stdout),
        include_str!("../../host/SETTINGS.md")
    );
}

#[tokio::test]
async fn logs_can_be_json() {
    let options = HostOptions::new(Storage::Sqlite)
        .with("log-format", "json")
        .with("log", "debug")
        .with("access-log", "on");
    let host = options.start().await;
    let request = host.request("GET", "/_health");
    host.send(request.header("x-request-id", "the-one")).await;
    let line = eventually("the request's line", || async {
        let log = host.log();
        let objects = log.lines().filter(|line| line.starts_with('{'));
        let mut lines = objects.map(|line| -> Value {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
        });
        lines.find(|line| line["request"] == "the-one")
    })
    .await;
    assert_eq!(line["level"], "INFO", "{line}");
    assert_eq!(line["target"], "realm_access", "{line}");
    assert_eq!(line["method"], "GET", "{line}");
    assert_eq!(line["status"], 200, "{line}");
    assert!(line["timestamp"].is_string(), "{line}");
    for line in host.log().lines().filter(|line| line.starts_with('{')) {
        let object: Result<Value, _> = serde_json::from_str(line);
        assert!(object.is_ok(), "{line}");
    }
}

#[tokio::test]
async fn a_full_house_of_settings_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let options = HostOptions::new(Storage::Sqlite).in_folder(folder.path());
    for (setting, value) in [
        ("max-requests", "0"),
        ("compression", "zip"),
        ("cors-origins", "nonsense"),
        ("access-log", "maybe"),
        ("log-format", "xml"),
        ("trace-ratio", "2"),
        ("log", "=nonsense="),
        ("header-timeout", "0s"),
    ] {
        let refused = options
            .run(&["config", &format!("--{setting}"), value])
            .await;
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{setting}: {said}");
        assert!(
            said.contains(&format!("`{setting}`")) && said.contains(&format!("`{value}`")),
            "{setting}: {said}"
        );
    }
}
