//! What is taken away serves no more, its calls end, and what it has made is served to nobody.

use realm_tests::{Edition, Storage, component_digest};

use crate::{LONG, alone, ask, becomes, enable, install, pair, plugins, remove, served};

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_ends_calls_on_every_replica() {
    let (a, b) = pair(LONG).await;
    a.put("/r/x.edition", "hold").await;
    let digest = install(&a, &Edition::new("one").with("does", "hold")).await;
    a.put("/r/y.edition", "hello").await;
    becomes(&b, "/r/y.edition", "one: hello").await;
    let callers = [ask(&a, "/r/x.edition"), ask(&b, "/r/x.edition")];
    for host in [&a, &b] {
        host.running(1).await;
    }
    assert_eq!(remove(&a, &digest).await.status, 204);
    for caller in callers {
        // Whoever waited gets what there is without it.
        let answer = caller.await.expect("no panic");
        assert_eq!((answer.status, answer.text().as_str()), (200, "hold"));
    }
    for host in [&a, &b] {
        host.running(0).await;
        becomes(host, "/r/y.edition", "hello").await;
    }
    assert_eq!(plugins(&a).await, plugins(&b).await);
}

#[tokio::test]
async fn what_was_about_to_call_it_does_not() {
    let host = alone(Storage::Sqlite).await;
    host.put("/r/x.edition", "hello").await;
    let digest = install(&host, &Edition::new("one")).await;
    host.close_gate("begin-call", "x.edition").await;
    let caller = ask(&host, "/r/x.edition");
    host.at_gate("begin-call", 1).await;
    assert_eq!(remove(&host, &digest).await.status, 204);
    host.open_gate("begin-call").await;
    assert_eq!(caller.await.expect("no panic").text(), "hello");
}

#[tokio::test]
async fn a_disabled_plugin_is_there_and_not_asked() {
    let host = alone(Storage::Sqlite).await;
    host.put("/r/x.edition", "hold").await;
    host.put("/r/y.ts", "export const y: number = 1;\n").await;
    install(&host, &Edition::new("one").with("does", "hold")).await;
    let caller = ask(&host, "/r/x.edition");
    host.running(1).await;
    assert_eq!(enable(&host, "edition", false).await.status, 200);
    assert_eq!(caller.await.expect("no panic").text(), "hold");
    assert!(
        plugins(&host)
            .await
            .contains(&"edition@1.0.0 disabled".to_owned())
    );
    assert_eq!(enable(&host, "edition", true).await.status, 200);
    host.put("/r/x.edition", "hello").await;
    assert_eq!(served(&host, "/r/x.edition").await, "one: hello\n");
    // What the host brings along as well.
    let raw = served(&host, "/r/y.ts").await.contains("number");
    assert!(!raw, "it is transpiled");
    assert_eq!(enable(&host, "typescript", false).await.status, 200);
    assert!(served(&host, "/r/y.ts").await.contains("number"));
    assert_eq!(enable(&host, "typescript", true).await.status, 200);
    assert!(!served(&host, "/r/y.ts").await.contains("number"));
}

#[tokio::test]
async fn an_installed_plugin_stands_before_the_hosts_own_of_its_name() {
    let host = alone(Storage::Sqlite).await;
    host.put("/r/y.ts", "let y").await;
    let own = served(&host, "/r/y.ts").await;
    let mine = Edition::new("mine")
        .with("name", "typescript")
        .with("takes", ".ts");
    let digest = install(&host, &mine).await;
    assert_eq!(served(&host, "/r/y.ts").await, "mine: let y\n");
    assert_eq!(remove(&host, &digest).await.status, 204);
    assert_eq!(served(&host, "/r/y.ts").await, own);
    let answer = remove(&host, "typescript").await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    assert_eq!(answer.json()["errors"][0]["code"], "part-of-the-host");
    let none = remove(&host, &component_digest(b"none")).await;
    assert_eq!(none.status, 404, "{}", none.text());
}
