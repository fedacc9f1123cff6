//! What a replica applies of the log, and when.

use realm_tests::ORIGIN;

use crate::{LONG, answered, cached, connect, notify, pair, quiet};

#[tokio::test(flavor = "multi_thread")]
async fn changes_whose_rows_are_gone_touch_the_whole_realm() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    cached(&b, "/r/a.txt").await;
    a.close_gate("announce", "").await;
    a.put("/r/a.txt", "new").await;
    let last = a.put("/r/b.txt", "b").await.generation();
    let mut client = connect(&url).await;
    sqlx::query("DELETE FROM changes")
        .execute(&mut client)
        .await
        .unwrap();
    let request = b.request("GET", "/r/a.txt");
    let answer = b.send(request.header("realm-generation", last)).await;
    assert_eq!(answer.text(), "new");
    assert!(answer.generation() >= last);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_the_log_that_began_before_is_not_joined() {
    let (a, b, url) = pair(LONG).await;
    a.put("/r/a.txt", "old").await;
    quiet(&a, &b, &url).await;
    cached(&b, "/r/a.txt").await;
    a.close_gate("announce", "").await;
    b.close_gate("log-read", "").await;
    notify(&url, &format!("{ORIGIN}/r/:other.txt")).await;
    b.at_gate("log-read", 1).await;
    let last = a.put("/r/a.txt", "new").await.generation();
    b.close_gate("log-wait", "").await;
    let request = b.request("GET", "/r/a.txt");
    let reader = tokio::spawn(request.header("realm-generation", last).send());
    b.at_gate("log-wait", 1).await;
    b.open_gate("log-wait").await;
    b.open_gate("log-read").await;
    let answer = answered("the generation", reader).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, "new"));
}
