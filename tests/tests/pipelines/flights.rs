//! A change of `realm.json` reaches what is in flight: a call that began under the old settings ends, on whatever host, and
//! whoever waits for it has the answer under the new ones.

use realm_tests::{Answer, Edition, Host, HostOptions, ORIGIN, Storage, eventually};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::{install, served};

const ONE: &str = r#"{ "plugins": { ".edition": "edition" } }"#;
const TWO: &str = r#"{ "plugins": { ".edition": "other" } }"#;

/// Two hosts with `edition`, which is never done with what holds it, and `other`.
async fn pair() -> (Host, Host) {
    let database = realm_tests::server().database().await;
    let options = HostOptions::new(Storage::Postgres(database))
        .with("role", "serve")
        .with("lease", "10m");
    let (a, _) = options.clone().with_realm().await;
    let b = options.start().await;
    install(&a, Edition::new("one").with("does", "hold").component()).await;
    let two = Edition::new("two").with("name", "other");
    install(&a, two.component()).await;
    a.put("/r/realm.json", TWO).await;
    a.put("/r/x.edition", "ready").await;
    eventually("both have both plugins", || async {
        let answer = b.get("/r/x.edition").await;
        (answer.status == 200 && answer.text() == "two: ready\n").then_some(())
    })
    .await;
    (a, b)
}

/// Asks, and does not wait.
fn ask(request: reqwest::RequestBuilder) -> JoinHandle<Answer> {
    tokio::spawn(async move {
        let answer = request.send().await.expect("an answer");
        Answer::of(answer).await.expect("a whole answer")
    })
}

/// Puts the first choice in force on both.
async fn under_the_first(a: &Host, b: &Host) {
    let generation = a.put("/r/realm.json", ONE).await.generation();
    eventually("the other host has it", || async {
        (b.get("/r/realm.json").await.generation() >= generation).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transpile_in_flight_is_answered_under_the_new_settings() {
    let (a, b) = pair().await;
    a.put("/r/x.edition", "hold").await;
    under_the_first(&a, &b).await;
    let waiters = [
        ask(a.request("GET", "/r/x.edition")),
        ask(b.request("GET", "/r/x.edition")),
        ask(b.request("GET", "/r/x.edition")),
    ];
    a.running(1).await;
    b.running(1).await;
    a.put("/r/realm.json", TWO).await;
    for waiter in waiters {
        assert_eq!(waiter.await.expect("no panic").text(), "two: hold\n");
    }
    a.running(0).await;
    b.running(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_whose_module_is_in_flight_is_answered_under_the_new_settings() {
    let (a, b) = pair().await;
    a.put("/r/x.edition", "hold").await;
    a.put("/r/d.misrender", "load ./x.edition").await;
    under_the_first(&a, &b).await;
    let address = format!("/_rendered?{ORIGIN}/r/d.misrender");
    let waiters = [
        ask(a.admin_request("GET", &address)),
        ask(b.admin_request("GET", &address)),
    ];
    // The render, and the transpile that it waits for.
    a.running(2).await;
    b.running(2).await;
    a.put("/r/realm.json", TWO).await;
    for waiter in waiters {
        let answer: Value = waiter.await.expect("no panic").json();
        let shown = answer["outcome"]["searchDocument"].to_string();
        assert!(shown.contains("two: hold"), "{answer}");
    }
    a.running(0).await;
    b.running(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_render_in_flight_is_made_again_under_the_new_settings() {
    let (a, b) = pair().await;
    let settings = |more: &str| format!(r#"{{ "imports": {{ "lib": "./{more}.edition" }} }}"#);
    a.put("/r/old.edition", "old").await;
    a.put("/r/new.edition", "new").await;
    a.put("/r/d.misrender", "load lib").await;
    let generation = a.put("/r/realm.json", settings("old")).await.generation();
    eventually("the other host has it", || async {
        (b.get("/r/realm.json").await.generation() >= generation).then_some(())
    })
    .await;
    // Held after the guest has loaded what the old settings name.
    for host in [&a, &b] {
        host.close_gate("after-call", "d.misrender").await;
    }
    let address = format!("/_rendered?{ORIGIN}/r/d.misrender");
    let waiters = [
        ask(a.admin_request("GET", &address)),
        ask(b.admin_request("GET", &address)),
    ];
    a.at_gate("after-call", 1).await;
    b.at_gate("after-call", 1).await;
    let generation = a.put("/r/realm.json", settings("new")).await.generation();
    eventually("the other host has it", || async {
        (b.get("/r/realm.json").await.generation() >= generation).then_some(())
    })
    .await;
    for host in [&a, &b] {
        host.open_gate("after-call").await;
    }
    for waiter in waiters {
        let answer: Value = waiter.await.expect("no panic").json();
        let shown = answer["outcome"]["searchDocument"].to_string();
        assert!(
            shown.contains("one: new") && !shown.contains("one: old"),
            "{answer}"
        );
    }
    assert_eq!(served(&b, "/r/new.edition").await, "one: new\n");
}
