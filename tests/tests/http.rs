//! What HTTP asks of a server beside serving files: ranges, codings, events, limits, names of requests, other origins.

use std::collections::BTreeMap;
use std::time::Duration;

use realm_tests::{Answer, Host, HostOptions, Storage, client, eventually, on_both, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

on_both! {
    events_come_as_changes_commit_and_are_resumed
    a_realm_says_what_it_is_and_when_its_files_changed
}

async fn coded(host: &Host, path: &str, accept: &str) -> Answer {
    host.send(host.request("GET", path).header("accept-encoding", accept))
        .await
}

async fn embedded() -> Host {
    let host = HostOptions::new(Storage::Sqlite).start().await;
    host.create("/r/").await;
    host
}

#[tokio::test]
async fn a_coded_body_is_computed_once_and_has_a_tag_of_its_own() {
    let host = embedded().await;
    let text = "the same line again and again\n".repeat(500);
    host.put("/r/a.txt", text.clone()).await;
    let plain = coded(&host, "/r/a.txt", "identity").await;
    assert_eq!((plain.text(), plain.header("content-encoding")), (text, ""));
    let mut tags = vec![plain.header("etag").to_owned()];
    for coding in ["br", "gzip"] {
        let first = coded(&host, "/r/a.txt", coding).await;
        assert_eq!(first.header("content-encoding"), coding);
        assert!(first.body.len() < 500, "{}", first.body.len());
        assert_eq!(first.header("content-length"), first.body.len().to_string());
        assert_eq!(first.header("vary"), "Accept, Accept-Encoding");
        assert_eq!(coded(&host, "/r/a.txt", coding).await.body, first.body);
        let tag = first.header("etag").to_owned();
        let known = host
            .request("GET", "/r/a.txt")
            .header("accept-encoding", coding)
            .header("if-none-match", &tag);
        assert_eq!(host.send(known).await.status, 304);
        tags.push(tag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3);
    // What was read in a coding can be written on the condition that it is still that.
    let write = |tag: &str| {
        host.request("PUT", "/r/a.txt")
            .header("if-match", tag)
            .body("new")
    };
    assert_eq!(host.send(write(&tags[1])).await.status, 204);
    assert_eq!(host.send(write(&tags[2])).await.status, 412);
    let short = coded(&host, "/r/a.txt", "br").await;
    assert_eq!(short.header("content-encoding"), "", "too short to gain");
    host.put("/r/m.ts", "export const a: number = 1;\n".repeat(200))
        .await;
    let module = coded(&host, "/r/m.ts", "gzip, br").await;
    assert_eq!(module.header("content-encoding"), "br");
    let again = coded(&host, "/r/m.ts", "gzip, br").await;
    assert_eq!(again.header("cache-status"), "realm; hit");
    let metrics = host.admin("/_metrics").await.text();
    assert!(
        metrics.contains("realm_cache_entries{cache=\"coded\"} 3"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_host_that_is_told_not_to_codes_nothing() {
    let options = HostOptions::new(Storage::Sqlite).with("compression", "off");
    let (host, realm) = options.with_realm().await;
    host.put(&format!("{realm}a.txt"), "x".repeat(9000)).await;
    let answer = coded(&host, &format!("{realm}a.txt"), "br, gzip").await;
    assert_eq!(
        (answer.body.len(), answer.header("content-encoding")),
        (9000, "")
    );
}

#[tokio::test]
async fn a_part_of_a_file_is_served_while_it_is_that_file() {
    let host = embedded().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let tag = host
        .put("/r/a.bin", bytes.clone())
        .await
        .header("etag")
        .to_owned();
    let part = |range: &str| host.request("GET", "/r/a.bin").header("range", range);
    let mut whole = Vec::new();
    for (range, of) in [
        ("bytes=0-9999", "bytes 0-9999/100000"),
        ("bytes=10000-89999", "bytes 10000-89999/100000"),
        ("bytes=-10000", "bytes 90000-99999/100000"),
    ] {
        let answer = host.send(part(range)).await;
        assert_eq!((answer.status, answer.header("content-range")), (206, of));
        assert_eq!(answer.header("etag"), tag);
        whole.extend(answer.body);
    }
    assert_eq!(whole, bytes);
    let beyond = host.send(part("bytes=100000-")).await;
    assert_eq!(
        (beyond.status, beyond.header("content-range")),
        (416, "bytes */100000")
    );
    assert_eq!(
        host.send(part("bytes=0-1").header("if-range", &tag))
            .await
            .status,
        206
    );
    host.put("/r/a.bin", vec![7; 100_000]).await;
    let changed = host.send(part("bytes=0-1").header("if-range", &tag)).await;
    assert_eq!((changed.status, changed.body.len()), (200, 100_000));
    // A range is of the bytes as they are, in whatever coding the whole would come.
    host.put("/r/a.txt", "x".repeat(9000)).await;
    let request = host.request("GET", "/r/a.txt").header("range", "bytes=0-9");
    let answer = host.send(request.header("accept-encoding", "br")).await;
    assert_eq!(
        (answer.text().as_str(), answer.header("content-encoding")),
        ("xxxxxxxxxx", "")
    );
}

/// An open stream of `_events`.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn open(host: &Host, realm: &str, last: Option<i64>) -> Self {
        let mut request = host.request("GET", &format!("{realm}_events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let response = request.send().await.expect("a stream");
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers()["content-type"],
            "text/event-stream; charset=utf-8"
        );
        Self {
            response,
            text: String::new(),
        }
    }

    /// The next event: its id, and what changed.
    async fn next(&mut self) -> (i64, serde_json::Value) {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let lines: BTreeMap<_, _> = block
                    .lines()
                    .filter_map(|line| line.split_once(": "))
                    .collect();
                let event = lines.get("data").map(|data| {
                    assert_eq!(lines["event"], "change");
                    let data: serde_json::Value = serde_json::from_str(data).expect("JSON");
                    assert_eq!(data["generation"].to_string(), lines["id"]);
                    (
                        lines["id"].parse().expect("a number"),
                        data["paths"].clone(),
                    )
                });
                self.text = rest.to_owned();
                if let Some(event) = event {
                    return event;
                }
                continue;
            }
            let chunk = self
                .response
                .chunk()
                .await
                .expect("a stream")
                .expect("not its end");
            self.text.push_str(&String::from_utf8_lossy(&chunk));
        }
    }
}

async fn events_come_as_changes_commit_and_are_resumed(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let mut events = Events::open(&host, &realm, None).await;
    let first = host.put(&format!("{realm}a.txt"), "1").await.generation();
    assert_eq!(events.next().await, (first, serde_json::json!(["a.txt"])));
    host.put(&format!("{realm}a.txt"), "1").await;
    let body = serde_json::json!({ "atomic:operations": [
        { "op": "add", "href": "b.txt", "data": { "type": "source", "attributes": { "content": "b" } } },
        { "op": "remove", "href": "a.txt" },
    ] });
    let pair = host.request("POST", &format!("{realm}_atomic"));
    let second = host.send(pair.body(body.to_string())).await.generation();
    assert_eq!(second, first + 1, "identical bytes are no change");
    let (id, paths) = events.next().await;
    let mut paths: Vec<_> = paths
        .as_array()
        .unwrap()
        .iter()
        .map(|path| path.as_str().unwrap())
        .collect();
    paths.sort_unstable();
    assert_eq!((id, paths), (second, vec!["a.txt", "b.txt"]));
    drop(events);
    // What came while nobody listened: from memory, and beyond it from the log.
    for number in 0..100 {
        host.put(&format!("{realm}c.txt"), number.to_string()).await;
    }
    for from in [second + 90, second] {
        let mut events = Events::open(&host, &realm, Some(from)).await;
        for generation in from + 1..=second + 100 {
            assert_eq!(
                events.next().await,
                (generation, serde_json::json!(["c.txt"]))
            );
        }
    }
    // A generation that never was: everything may have changed.
    let mut events = Events::open(&host, &realm, Some(second + 5000)).await;
    assert_eq!(events.next().await, (second + 100, serde_json::json!("*")));
    // A stopping host ends its streams, so that they do not keep it.
    let (ended, mut stream) = (host.stop(), events.response);
    let read = async { while let Ok(Some(_)) = stream.chunk().await {} };
    let (ended, ()) = tokio::join!(ended, read);
    assert!(ended);
}

#[tokio::test]
async fn where_the_log_does_not_reach_back_a_stream_begins_with_everything() {
    let url = server().database().await;
    let host = HostOptions::new(Storage::Postgres(url.clone()))
        .start()
        .await;
    let realm = host.create("/r/").await;
    let mut last = 0;
    for number in 0..80 {
        last = host.put("/r/a.txt", number.to_string()).await.generation();
    }
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    sqlx::query("DELETE FROM changes WHERE generation < $1")
        .bind(last - 70)
        .execute(&mut database)
        .await
        .unwrap();
    let mut events = Events::open(&host, &realm, Some(last - 75)).await;
    assert_eq!(events.next().await, (last - 71, serde_json::json!("*")));
    assert_eq!(
        events.next().await,
        (last - 70, serde_json::json!(["a.txt"]))
    );
}

async fn a_realm_says_what_it_is_and_when_its_files_changed(options: HostOptions) {
    let (host, realm) = options.with_realm().await;
    let info = host.get(&format!("{realm}_info")).await.json();
    assert_eq!(info["data"]["type"], "realm-info");
    assert_eq!(info["data"]["attributes"]["name"], "r");
    host.put(&format!("{realm}realm.json"), r#"{"name":"My realm"}"#)
        .await;
    let info = host.get(&format!("{realm}_info")).await;
    assert_eq!(info.json()["data"]["attributes"]["name"], "My realm");
    assert!(info.generation() > 0);
    let times = host.get(&format!("{realm}_mtimes")).await.json();
    let times = times["data"]["attributes"]["mtimes"]
        .as_object()
        .unwrap()
        .clone();
    let (url, time) = times.iter().next().unwrap();
    assert!(
        url.ends_with("/r/realm.json") && times.len() == 1,
        "{times:?}"
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(now.abs_diff(time.as_u64().unwrap()) < 60);
}

#[tokio::test]
async fn too_many_streams_are_turned_away() {
    let options = HostOptions::new(Storage::Sqlite).with("max-event-streams", "1");
    let (host, realm) = options.with_realm().await;
    let open = Events::open(&host, &realm, None).await;
    let refused = host.get(&format!("{realm}_events")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "5"));
    drop(open);
    eventually("the place to be free", || async {
        let request = host.request("HEAD", &format!("{realm}_events"));
        (host.send(request).await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn more_requests_than_a_host_takes_on_are_turned_away_and_the_others_served() {
    let options = HostOptions::new(Storage::Sqlite).with("max-requests", "2");
    let (host, realm) = options.with_realm().await;
    host.put(&format!("{realm}a.txt"), "a").await;
    host.close_gate("path-read", "held").await;
    let held = |name| tokio::spawn(host.request("GET", &format!("{realm}{name}")).send());
    let waiting = [held("held-1.txt"), held("held-2.txt")];
    host.at_gate("path-read", 2).await;
    let refused = host.get(&format!("{realm}a.txt")).await;
    assert_eq!(refused.status, 503);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.errors()[0]["code"], "overloaded");
    assert_eq!(host.get("/_health").await.status, 200);
    assert_eq!(host.get("/_ready").await.status, 200);
    host.open_gate("path-read").await;
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap().unwrap().status(), 404);
    }
    assert_eq!(host.get(&format!("{realm}a.txt")).await.status, 200);
    assert!(
        host.admin("/_metrics")
            .await
            .text()
            .contains("realm_requests_shed_total")
    );
}

/// Sends some bytes, and reads until the host closes the connection.
async fn conversation(host: &Host, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(host.public.trim_start_matches("http://"))
        .await
        .unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer));
    read.await.expect("the host closes").unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn slow_and_endless_clients_are_cut_off() {
    let options = HostOptions::new(Storage::Sqlite)
        .with("header-timeout", "300ms")
        .with("body-timeout", "300ms")
        .with("write-timeout", "300ms")
        .with("max-header-bytes", "8KiB");
    let (host, realm) = options.with_realm().await;
    assert_eq!(conversation(&host, b"GET /r/ HT").await, "");
    let slow = format!("PUT {realm}a.txt HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nab");
    let slow = slow.replace(
        "host: x",
        &format!("host: {}", host.public.trim_start_matches("http://")),
    );
    assert!(
        conversation(&host, slow.as_bytes())
            .await
            .starts_with("HTTP/1.1 408")
    );
    let long = format!(
        "GET /r/ HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    assert!(
        conversation(&host, long.as_bytes())
            .await
            .starts_with("HTTP/1.1 431")
    );
    // A client that asks for much and takes nothing: its connection goes, and with it what waited to be sent.
    host.put(&format!("{realm}large.bin"), vec![1; 5 << 20])
        .await;
    let address = host.public.trim_start_matches("http://").to_owned();
    let mut deaf = TcpStream::connect(&address).await.unwrap();
    let ask = format!("GET {realm}large.bin HTTP/1.1\r\nhost: {address}\r\n\r\n").repeat(8);
    deaf.write_all(ask.as_bytes()).await.unwrap();
    let cut_off = async {
        while deaf
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .is_ok()
        {
            tokio::task::yield_now().await;
        }
    };
    let bound = tokio::time::timeout(Duration::from_secs(30), cut_off);
    bound.await.expect("the deaf client is cut off");
    assert_eq!(host.get("/_health").await.status, 200);
}

#[tokio::test]
async fn connections_beyond_the_bound_wait_for_a_place() {
    let options = HostOptions::new(Storage::Sqlite).with("max-connections", "1");
    let host = options.start().await;
    let address = host.public.trim_start_matches("http://").to_owned();
    let first = TcpStream::connect(&address).await.unwrap();
    let ask = format!("GET /_health HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    let second = tokio::spawn({
        let (address, ask) = (address.clone(), ask.clone());
        async move {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(ask.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        }
    });
    // The first has the only place: it is served, and the second is not before it has gone.
    let (mut reader, mut writer) = first.into_split();
    writer.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    reader.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && !second.is_finished());
    drop((reader, writer));
    assert!(second.await.unwrap().starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_has_a_name_in_its_answer_and_in_the_access_log() {
    let options = HostOptions::new(Storage::Sqlite)
        .with("access-log", "on")
        .with("log-format", "json");
    let (host, realm) = options.with_realm().await;
    let own = host.get(&realm).await.header("x-request-id").to_owned();
    assert_eq!(own.len(), 16);
    let named = |id: &str| host.request("GET", &realm).header("x-request-id", id);
    assert_eq!(
        host.send(named("from-the-proxy-1"))
            .await
            .header("x-request-id"),
        "from-the-proxy-1"
    );
    let odd = host.send(named("with a space")).await;
    assert_eq!(odd.header("x-request-id").len(), 16, "replaced");
    let line = eventually("the line", || async {
        let log = host.log();
        let line = log.lines().find(|line| line.contains(&own))?.to_owned();
        Some(line)
    })
    .await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    assert_eq!(
        (line["method"].as_str(), line["status"].as_u64()),
        (Some("GET"), Some(404))
    );
    assert_eq!(line["uri"], realm);
}

#[tokio::test]
async fn pages_of_named_origins_may_read_and_write_and_others_only_what_all_may() {
    let options = HostOptions::new(Storage::Sqlite).with("cors-origins", "https://editor.example");
    let (host, realm) = options.with_realm().await;
    let from = |method: &str, origin: &str| {
        host.request(method, &format!("{realm}a.txt"))
            .header("origin", origin)
    };
    let preflight =
        from("OPTIONS", "https://editor.example").header("access-control-request-method", "PUT");
    let preflight = host.send(preflight).await;
    assert_eq!(preflight.status, 204);
    assert!(
        preflight
            .header("access-control-allow-methods")
            .contains("PUT")
    );
    let write = from("PUT", "https://editor.example").body("x");
    let written = host.send(write).await;
    assert_eq!(
        (
            written.status,
            written.header("access-control-allow-origin")
        ),
        (201, "https://editor.example")
    );
    let foreign = host
        .send(from("PUT", "https://evil.example").body("x"))
        .await;
    assert_eq!(
        (
            foreign.status,
            foreign.header("access-control-allow-origin")
        ),
        (403, "")
    );
    let read = host.send(from("GET", "https://evil.example")).await;
    assert_eq!(
        (read.status, read.header("access-control-allow-origin")),
        (200, "")
    );
}

#[tokio::test]
async fn http_2_is_spoken_by_prior_knowledge() {
    let host = embedded().await;
    host.put("/r/a.txt", "a").await;
    let client = client().http2_prior_knowledge().build().unwrap();
    let answer = client
        .get(format!("{}/r/a.txt", host.public))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(answer.text().await.unwrap(), "a");
}
