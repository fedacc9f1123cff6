//! What a guest may read of other realms than the one that asks.

use realm_tests::{Storage, eventually, server};
use serde_json::json;

use crate::{asking, create, get, of, put, share};

/// A guest has the rights of nobody: what it makes is shown to everyone who may read the realm that asked.
#[tokio::test(flavor = "multi_thread")]
async fn guests_read_of_other_realms_what_everyone_may_read() {
    let temporary = tempfile::tempdir().unwrap();
    let storage = Storage::Postgres(server().database().await);
    let options = asking(storage, temporary.path()).with("lease", "60s");
    let (a, b) = (options.clone().start().await, options.start().await);
    create(&a, "owner", "/hidden/").await;
    put(&a, &of("owner"), "/hidden/a.txt", "secret").await;
    create(&a, "owner", "/r/").await;
    put(&a, &of("owner"), "/r/x.misbehave", "read ../hidden/a.txt\n").await;
    // Of its own realm, which is private too, a guest reads everything.
    put(&a, &of("owner"), "/r/own.txt", "own").await;
    put(&a, &of("owner"), "/r/y.misbehave", "read ./own.txt\n").await;
    assert!(
        get(&a, &of("owner"), "/r/y.misbehave")
            .await
            .text()
            .contains("own")
    );
    let shows = async |host, wanted: bool| {
        eventually("the guest reads what it may", || async {
            let text = get(host, &of("owner"), "/r/x.misbehave").await.text();
            (text.contains("secret") == wanted).then_some(())
        })
        .await;
    };
    for host in [&a, &b] {
        let answer = get(host, &of("owner"), "/r/x.misbehave").await;
        assert!(!answer.text().contains("secret"), "{}", answer.text());
    }
    share(&a, "/hidden/", json!({ "*": ["read"] })).await;
    shows(&a, true).await;
    shows(&b, true).await;
    share(&a, "/hidden/", json!({ "*": [] })).await;
    let at_once = get(&a, &of("owner"), "/r/x.misbehave").await.text();
    assert!(!at_once.contains("secret"), "{at_once}");
    shows(&b, false).await;
}
