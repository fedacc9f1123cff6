//! Writes whose bytes come late: the realm at their URL may be another one by then, or be followed anew.

use realm_tests::{Host, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scene::{LONG, cached, is_gone, options, serves, sql};

/// A PUT that has been let in, and whose body is still to come.
struct Late(TcpStream);

impl Late {
    async fn begin(host: &Host, path: &str, length: usize) -> Self {
        let address = host.public.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("the host listens");
        let head = format!(
            "PUT {path} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let expected = b"HTTP/1.1 100 Continue\r\n\r\n";
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).await.expect("it answers");
        assert_eq!(
            answer, expected,
            "whoever reads the body has judged the request"
        );
        Self(stream)
    }

    /// Sends the body; the answer, head and all.
    async fn end(mut self, body: &str) -> String {
        self.0.write_all(body.as_bytes()).await.expect("it reads");
        let mut answer = String::new();
        let read = self.0.read_to_string(&mut answer).await;
        read.expect("it answers");
        answer
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_does_not_land_in_the_realm_that_has_come_in_its_place() {
    let database = server().database().await;
    let options = options(&database, LONG);
    let (a, b) = (options.clone().start().await, options.start().await);
    a.create("/r/").await;
    a.put("/r/a.txt", "old").await;
    serves(&b, "/r/a.txt", "old").await;
    let late = Late::begin(&b, "/r/a.txt", 4).await;
    a.delete_realm("/r/").await;
    a.create("/r/").await;
    let answer = late.end("late").await;
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("no-realm"), "{answer}");
    let there = a.get("/r/a.txt").await;
    assert!(there.status == 404 && !is_gone(&there), "{}", there.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_served_at_once_though_its_realm_is_followed_anew_meanwhile() {
    let database = server().database().await;
    // Longer than what is done within one poll of it.
    let host = options(&database, "9s").start().await;
    host.create("/r/").await;
    let kept = host.put("/r/a.txt", "old").await.generation();
    host.put("/r/b.txt", "b").await;
    let late = Late::begin(&host, "/r/a.txt", 3).await;
    // As after a restore: the host starts over with the realm.
    sql(
        &database,
        &format!(
            "DELETE FROM changes WHERE generation > {kept}; UPDATE realms SET generation = {kept}"
        ),
    )
    .await;
    host.says("unmounted").await;
    cached(&host, "/r/a.txt").await;
    let answer = late.end("new").await;
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
    assert_eq!(host.get("/r/a.txt").await.text(), "new");
}
